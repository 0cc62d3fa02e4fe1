"""`make bench`: Vigie beside its peers, on one machine, in one run."""
