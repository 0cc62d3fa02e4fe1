"""From photos with labels to a registered version: a pretrained base, its features, a head."""
