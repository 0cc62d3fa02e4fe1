"""The prediction log: what was answered, what turned out to be true, and how far apart they are."""
