"""The declarative recipe of photos: a YAML file, and a folder per label or a CSV."""
