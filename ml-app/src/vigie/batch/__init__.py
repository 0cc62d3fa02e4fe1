"""Many rows at once, from a file to a file, with the package that serves."""
