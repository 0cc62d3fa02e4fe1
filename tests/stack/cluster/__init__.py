"""One stack on one cluster, for all tests of this folder."""
