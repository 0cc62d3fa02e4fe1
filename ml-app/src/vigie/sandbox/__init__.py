"""Opens files that nobody trusts, in a child without rights."""
