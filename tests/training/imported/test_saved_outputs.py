"""Which outputs of a SavedModel are served, and what the others are made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vigie.errors import DataError
from vigie.training.imported.saved_outputs import choose_outputs

SHARES = np.array([[0.2, 0.8], [0.9, 0.1]], np.float32)


def texts(values: list[Any]) -> np.ndarray:
    return np.array(values, object)


def parts(answers: dict[str, np.ndarray], labels: tuple[str, ...] = ()) -> dict[str, str]:
    chosen = choose_outputs(answers, labels, "serving_default")
    return {one.name: one.part for one in chosen.original.outputs}


def test_everything_that_a_classifier_answers() -> None:
    answers = {
        "all_class_ids": np.array([[0, 1]] * 2),
        "all_classes": texts([[b"no", b"yes"]] * 2),
        "class_ids": np.array([[1], [0]]),
        "classes": texts([[b"yes"], [b"no"]]),
        "logistic": SHARES[:, 1:],
        "logits": np.log(SHARES[:, 1:]),
        "probabilities": SHARES,
    }
    chosen = choose_outputs(answers, (), "predict")
    assert chosen.labels == ("no", "yes")
    assert list(chosen.names) == ["probabilities", "logistic", "logits"]
    assert chosen.original.signature == "predict"
    found = {one.name: (one.part, one.shape) for one in chosen.original.outputs}
    assert found == {
        "all_class_ids": ("places", (2,)),
        "all_classes": ("labels", (2,)),
        "class_ids": ("place", (1,)),
        "classes": ("label", (1,)),
        "logistic": ("values", (1,)),
        "logits": ("values", (1,)),
        "probabilities": ("values", (2,)),
    }


def test_what_cannot_be_made_again_is_left_out() -> None:
    answers = {
        "scores": SHARES,
        "labels": texts([["no", "yes"]] * 2),
        "second": texts([["no"], ["yes"]]),
        "hash": np.array([[17], [4]]),
        "order": np.array([[1, 0]] * 2),
    }
    assert parts(answers) == {"labels": "labels", "scores": "values"}
    chosen = choose_outputs(answers, (), "serving_default")
    assert chosen.original.left_out == ("hash", "order", "second")


def test_a_number_that_never_changes_is_not_taken_for_the_best_label() -> None:
    answers = {"scores": SHARES[[0, 0]], "version": np.array([[1], [1]])}
    chosen = choose_outputs(answers, ("no", "yes"), "serving_default")
    assert [one.name for one in chosen.original.outputs] == ["scores"]
    assert chosen.original.left_out == ("version",)


def test_a_regression_keeps_its_shape() -> None:
    chosen = choose_outputs({"y": np.ones((2, 1), np.float32)}, (), "serving_default")
    (one,) = chosen.original.outputs
    assert (one.part, one.output, one.shape, chosen.labels) == ("values", "y", (1,), ())


def test_names_are_made_safe_and_kept_apart() -> None:
    answers = {"a b": SHARES, "a-b": SHARES}
    chosen = choose_outputs(answers, (), "serving_default")
    assert chosen.names == {"a b": "a_b", "a-b": "a_b_2"}
    assert [one.name for one in chosen.original.outputs] == ["a b", "a-b"]


def test_given_labels_name_the_scores() -> None:
    answers = {"size": np.ones((2, 1), np.float32), "scores": SHARES}
    assert list(choose_outputs(answers, ("a", "b"), "x").names) == ["scores", "size"]


def test_without_numbers_or_one_order_of_labels_nothing_is_served() -> None:
    with pytest.raises(DataError, match="no numbers that could be served"):
        choose_outputs({"label": texts([["a"], ["b"]])}, (), "x")
    with pytest.raises(DataError, match="in another order from row to row"):
        choose_outputs({"s": SHARES, "l": texts([["a", "b"], ["b", "a"]])}, (), "x")
