"""How callers speak to a model. A dialect knows bodies, not transports: decode, encode, refuse."""
