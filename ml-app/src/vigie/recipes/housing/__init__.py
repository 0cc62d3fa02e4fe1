"""Home prices from French sales: an instance of the tabular recipe with a reader of its own."""
