"""How much is asked of those who answer photos: one a request, 16 connections."""

from __future__ import annotations

from bench.figures import Load

SMALL_SIZE, LARGE_SIZE = (224, 224), (4000, 3000)
"""Width and height: what the model takes, and what a phone writes."""
SMALL_PHOTO, LARGE_PHOTO = "JPEG of 224 x 224", "JPEG of 12 megapixels"
SMALL, LARGE = Load(16, SMALL_PHOTO), Load(16, LARGE_PHOTO, longer=3)
LOADS = (SMALL, LARGE)
