"""The inputs of the model that every contender serves: six numbers and two texts."""

from __future__ import annotations

MODEL = "homes"
TARGET = "price"
KINDS = ("apartment", "house", "loft", "studio")
DISTRICTS = tuple(f"district_{number:02}" for number in range(20))
NUMBERS = {
    # name: unit, limits, spread of the made-up rows
    "surface_m2": ("m²", (9, 1000), (15, 240)),
    "land_m2": ("m²", (0, 100_000), (0, 2000)),
    "age_years": ("years", (0, 500), (0, 120)),
    "latitude": ("°", (-90, 90), (43.2, 43.6)),
    "longitude": ("°", (-180, 180), (-1.8, -0.2)),
    "distance_km": ("km", (0, 1000), (0, 40)),
}
TEXTS = {"property_type": KINDS, "district": DISTRICTS}
