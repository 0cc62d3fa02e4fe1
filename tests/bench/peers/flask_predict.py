"""Flask over `model.predict`, as most tutorials have it."""

import os
from pathlib import Path

import keras
import tensorflow as tf
from flask import Flask, request

NUMBERS = ("surface_m2", "land_m2", "age_years", "latitude", "longitude", "distance_km")
TEXTS = ("property_type", "district")

app = Flask(__name__)
model = keras.models.load_model(Path(os.environ["BENCH_FORMS"]) / "model.keras")


@app.post("/predict")
def predict():
    """One number per row."""
    rows = request.get_json()["instances"]
    feeds = {name: tf.constant([[row[name]] for row in rows], tf.float32) for name in NUMBERS}
    feeds |= {name: tf.constant([[row[name]] for row in rows], tf.string) for name in TEXTS}
    answers = model.predict(feeds, verbose=0)
    return {"predictions": answers.reshape(-1).tolist()}
