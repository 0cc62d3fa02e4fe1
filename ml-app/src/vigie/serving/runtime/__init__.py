"""What runs: models, their slots, batches, challengers."""
