"""Programs as people write them: data, a Keras network, and what the program itself answers.

Each gives what `vigie.log_model` is called with, rows to ask, and the program's own answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

ROWS = 300
STEPS = 100


@dataclass(frozen=True)
class Program:
    """One call of `log_model`, and rows with the answers that the program gives them itself.

    `answers`: for labels [rows, labels] shares, else [rows] or [rows, …] numbers, by output.
    """

    model: keras.Model
    inputs: Any
    targets: Any
    asked: list[dict[str, Any]]
    answers: dict[str, np.ndarray]
    options: dict[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] = ()


def random() -> np.random.Generator:
    """The same numbers in every run."""
    return np.random.default_rng(5)


def dense(width: int, outputs: int = 1, activation: str | None = None) -> keras.Model:
    """A small network of one vector."""
    return keras.Sequential(
        [
            keras.Input((width,)),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dense(outputs, activation=activation),
        ]
    )


def rows_of(table: pd.DataFrame, count: int) -> list[dict[str, Any]]:
    """The first rows as a caller of the service sends them."""
    found = table[:count].to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in found]


def fit(model: keras.Model, inputs: Any, targets: Any, loss: Any = "mse", **options: Any) -> None:
    """A short training, on all rows at once: an epoch of `Model.fit` costs as much as ten steps."""
    model.compile(keras.optimizers.Adam(0.03), loss)
    for _ in range(STEPS):
        model.train_on_batch(inputs, targets, **options)


def churn() -> Program:
    """Two columns, one score from 0 to 1."""
    rng = random()
    table = pd.DataFrame(
        {"age": rng.integers(18, 90, ROWS), "income": rng.normal(30000, 8000, ROWS).round()}
    )
    gone = (table["age"] / 90 + rng.normal(0, 0.1, ROWS) > 0.6).to_numpy(int)
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Rescaling([1 / 90, 1 / 40000]),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    fit(model, table.to_numpy(np.float32), gone, "binary_crossentropy")
    share = model.predict(table[:5].to_numpy(np.float32), verbose=0)[:, 0]
    return Program(
        model, table, gone, rows_of(table, 5),
        {"prediction": np.stack([1 - share, share], axis=1)}, labels=("0", "1"),
    )  # fmt: skip


def customers() -> tuple[pd.DataFrame, np.ndarray]:
    """Numbers with gaps, texts with gaps, and what depends on them."""
    rng = random()
    table = pd.DataFrame(
        {
            "age": rng.normal(45, 12, ROWS).round(1),
            "income": rng.normal(30000, 8000, ROWS).round(),
            "city": rng.choice(["Paris", "Lyon", "Nice"], ROWS).astype(object),
            "plan": rng.choice(["basic", "full"], ROWS).astype(object),
        }
    )
    worth = table["age"] / 10 + (table["city"] == "Paris") * 3 + rng.normal(0, 0.3, ROWS)
    table.loc[::9, "age"] = np.nan
    table.loc[::13, "city"] = np.nan
    return table, worth.to_numpy()


def preprocessed() -> Program:
    """A ColumnTransformer with imputers, scaler and one-hot; gaps and unseen values are asked."""
    table, worth = customers()
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    texts = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
    )
    transformer = ColumnTransformer(
        [("numbers", numbers, ["age", "income"]), ("texts", texts, ["city", "plan"])]
    )
    vectors = np.asarray(transformer.fit_transform(table), np.float32)
    model = dense(vectors.shape[1])
    fit(model, vectors, worth)
    asked: list[dict[str, Any]] = [
        {"age": 30.0, "income": 25000.0, "city": "Nice", "plan": "full"},
        {"income": 25000.0, "city": "Nice", "plan": "full"},
        {"age": 61.5, "income": 41000.0, "plan": "basic"},
        {"age": 30.0, "income": 25000.0, "city": "Brest", "plan": "full"},
        {"income": 31000.0},
    ]
    frame = pd.DataFrame(asked, columns=table.columns).astype({"city": object, "plan": object})
    answers = model.predict(np.asarray(transformer.transform(frame), np.float32), verbose=0)
    return Program(
        model, table, worth, asked, {"prediction": answers[:, 0]}, {"preprocess": transformer}
    )


def two_inputs() -> Program:
    """A functional model of two named inputs, one of them a vector."""
    rng = random()
    sizes, history = rng.uniform(0, 1, ROWS), rng.uniform(0, 1, (ROWS, 3))
    size, past = keras.Input((1,), name="size"), keras.Input((3,), name="history")
    hidden = keras.layers.Dense(8, activation="relu")(keras.layers.Concatenate()([size, past]))
    model = keras.Model({"size": size, "history": past}, keras.layers.Dense(1)(hidden))
    inputs = {"size": sizes, "history": history}
    price = 3 * sizes + history.sum(axis=1)
    fit(model, {"size": sizes[:, None], "history": history}, price)
    asked = [{"size": float(sizes[i]), "history": history[i].tolist()} for i in range(4)]
    answers = model.predict({"size": sizes[:4, None], "history": history[:4]}, verbose=0)[:, 0]
    return Program(model, inputs, pd.Series(price, name="price"), asked, {"price": answers})


def words() -> Program:
    """Texts through a TextVectorization layer."""
    rng = random()
    good, bad = ["fine", "great", "lovely"], ["poor", "awful", "broken"]
    kind = rng.integers(0, 2, ROWS)
    texts = [f"A {rng.choice(good if one else bad)} thing, indeed!" for one in kind]
    vectorize = keras.layers.TextVectorization(max_tokens=50, output_sequence_length=6)
    vectorize.adapt(texts)
    model = keras.Sequential(
        [
            keras.Input((1,), dtype="string"),
            vectorize,
            keras.layers.Embedding(50, 8),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    fit(model, keras.ops.convert_to_tensor(np.array(texts)[:, None]), kind, "binary_crossentropy")
    share = np.asarray(model(keras.ops.convert_to_tensor(np.array(texts[:4])[:, None])))[:, 0]
    return Program(
        model, pd.DataFrame({"review": texts}), kind, [{"review": text} for text in texts[:4]],
        {"prediction": np.stack([1 - share, share], axis=1)},
        {"labels": ["negative", "positive"]}, ("negative", "positive"),
    )  # fmt: skip


def series() -> Program:
    """Series of 12 steps and 4 channels."""
    rng = random()
    steps = rng.normal(0, 1, (ROWS, 12, 4)).astype(np.float32)
    target = steps[:, -1, 0] + steps[:, :, 1].mean(axis=1)
    model = keras.Sequential(
        [
            keras.Input((12, 4)),
            keras.layers.Conv1D(8, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(1),
        ]
    )
    fit(model, steps, target)
    answers = model.predict(steps[:3], verbose=0)[:, 0]
    return Program(
        model, steps, target, [{"input": s.tolist()} for s in steps[:3]], {"prediction": answers}
    )


def images() -> Program:
    """Grey pictures of 28 by 28 in three classes."""
    rng = random()
    kind = rng.integers(0, 3, ROWS // 3)
    pictures = rng.uniform(0, 0.3, (len(kind), 28, 28, 1)).astype(np.float32)
    for row, one in enumerate(kind):
        pictures[row, 9 * one : 9 * one + 9] += 0.6
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(4, 3, strides=2, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    fit(model, pictures, kind, "sparse_categorical_crossentropy")
    answers = model.predict(pictures[:2], verbose=0)
    return Program(
        model, pictures, kind, [{"input": p.tolist()} for p in pictures[:2]],
        {"prediction": answers}, labels=("0", "1", "2"),
    )  # fmt: skip


def three_classes() -> Program:
    """Three classes with names, trained on scores before softmax."""
    rng = random()
    centres = np.array([[0, 0], [3, 0], [0, 3]])
    kind = rng.integers(0, 3, ROWS)
    table = pd.DataFrame(centres[kind] + rng.normal(0, 0.6, (ROWS, 2)), columns=["length", "width"])
    labels = ("setosa", "versicolor", "virginica")
    model = dense(2, 3)
    fit(model, table.to_numpy(), kind, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    asked = rows_of(table, 6)
    answers = keras.ops.softmax(model.predict(table[:6].to_numpy(), verbose=0))
    return Program(
        model, table, kind, asked, {"prediction": np.asarray(answers)}, {"labels": labels}, labels
    )


def two_outputs() -> Program:
    """One vector, two answers."""
    rng = random()
    table = pd.DataFrame(rng.uniform(0, 1, (ROWS, 3)), columns=["a", "b", "c"])
    given = keras.Input((3,))
    hidden = keras.layers.Dense(16, activation="relu")(given)
    model = keras.Model(
        given,
        [keras.layers.Dense(1, name="price")(hidden), keras.layers.Dense(1, name="weeks")(hidden)],
    )
    price, weeks = table.sum(axis=1).to_numpy(), table["a"].to_numpy() * 4
    fit(model, table.to_numpy(), [price, weeks], ["mse", "mse"])
    answers = model.predict(table[:4].to_numpy(), verbose=0)
    return Program(
        model, table, {"price": price, "weeks": weeks}, rows_of(table, 4),
        {"price": answers[0][:, 0], "weeks": answers[1][:, 0]},
    )  # fmt: skip


def log_target() -> Program:
    """A price on the scale of log1p."""
    rng = random()
    table = pd.DataFrame(
        {"surface": rng.uniform(20, 150, ROWS).round(), "rooms": rng.integers(1, 6, ROWS)}
    )
    price = (table["surface"] * 3000 * rng.lognormal(0, 0.1, ROWS)).rename("price_eur")
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Rescaling([1 / 100, 1 / 5]),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(1, bias_initializer=keras.initializers.Constant(12.0)),
        ]
    )
    fit(model, table.to_numpy(np.float32), np.log1p(price))
    asked = rows_of(table, 5)
    answers = np.expm1(model.predict(table[:5].to_numpy(np.float32), verbose=0)[:, 0])
    options = {"target_transform": "log1p", "units": {"surface": "m²", "price_eur": "EUR"}}
    return Program(model, table, price, asked, {"price_eur": answers}, options)


def rare_positives() -> Program:
    """One row in twenty is positive; the network is told to care."""
    rng = random()
    table = pd.DataFrame(rng.normal(0, 1, (3 * ROWS, 2)), columns=["amount", "hour"])
    fraud = (table["amount"] + rng.normal(0, 0.7, 3 * ROWS) > 2.0).to_numpy()
    model = dense(2, 1, "sigmoid")
    fit(
        model,
        table.to_numpy(),
        fraud.astype(int),
        "binary_crossentropy",
        class_weight={0: 1, 1: 15},
    )
    share = model.predict(table[:5].to_numpy(), verbose=0)[:, 0]
    return Program(
        model, table, fraud, rows_of(table, 5),
        {"prediction": np.stack([1 - share, share], axis=1)}, labels=("false", "true"),
    )  # fmt: skip


class Doubled(keras.Model):  # type: ignore[misc]
    """A model as a class of the caller's own."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = keras.layers.Dense(16, activation="relu")
        self.out = keras.layers.Dense(1)

    def call(self, given: Any) -> Any:
        return 2.0 * self.out(self.hidden(given))


def subclassed() -> Program:
    """A model whose class only the program knows."""
    rng = random()
    table = pd.DataFrame(rng.uniform(0, 1, (ROWS, 2)), columns=["left", "right"])
    target = table["left"] * 3 - table["right"]
    model = Doubled()
    fit(model, table.to_numpy(np.float32), target.to_numpy())
    answers = model.predict(table[:4].to_numpy(np.float32), verbose=0)[:, 0]
    return Program(model, table, target, rows_of(table, 4), {"prediction": answers})


def flags() -> Program:
    """Booleans and whole numbers of which the program makes floats."""
    rng = random()
    table = pd.DataFrame(
        {
            "member": rng.integers(0, 2, ROWS).astype(bool),
            "visits": pd.array(rng.integers(0, 30, ROWS), dtype="Int64"),
            "spent": rng.uniform(0, 5, ROWS),
        }
    )
    vectors = table.astype(float).to_numpy(np.float32)
    target = vectors @ np.array([2, 0.1, 1], np.float32)
    model = dense(3)
    fit(model, vectors, target)
    asked = [{"member": bool(m), "visits": int(v), "spent": float(s)} for m, v, s in vectors[:4]]
    answers = model.predict(vectors[:4], verbose=0)[:, 0]
    return Program(model, table, target, asked, {"prediction": answers})


def vector() -> Program:
    """One numpy vector without names."""
    rng = random()
    vectors = rng.normal(0, 1, (ROWS, 5)).astype(np.float32)
    target = vectors @ np.array([1, 2, 3, 4, 5], np.float32)
    model = dense(5)
    fit(model, vectors, target)
    answers = model.predict(vectors[:3], verbose=0)[:, 0]
    return Program(
        model,
        vectors,
        target,
        [{"input": v.tolist()} for v in vectors[:3]],
        {"prediction": answers},
    )


PROGRAMS: dict[str, Callable[[], Program]] = {
    "churn": churn,
    "preprocessed": preprocessed,
    "two_inputs": two_inputs,
    "words": words,
    "series": series,
    "images": images,
    "three_classes": three_classes,
    "two_outputs": two_outputs,
    "log_target": log_target,
    "rare_positives": rare_positives,
    "subclassed": subclassed,
    "flags": flags,
    "vector": vector,
}
