"""Fruits on photos: which one it is, its vector, and the photos that are most alike."""
