"""Whether a model takes photos, and what must be said of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vigie.errors import DataError
from vigie.models.model_input import Resize
from vigie.training.imported.inputs import InputTensor
from vigie.training.imported.photos import (
    Finding,
    PhotoOptions,
    Question,
    TakenPhotos,
    decide,
    size_of,
)
from vigie.training.imported.scaling import NAMED

CERTAIN = Finding("none", "its own Rescaling", certain=True)
LIKELY = Finding("symmetric", "it is called mobilenet")
UNIT = NAMED["unit"]


def asked(
    shape: tuple[int | None, ...],
    finding: Finding | None = None,
    kind: str = "float32",
    **said: Any,
) -> TakenPhotos | Question | None:
    return decide([InputTensor("x", kind, shape)], PhotoOptions(**said), lambda: finding)


def test_a_scaling_that_nobody_states_is_asked_for_with_what_is_found() -> None:
    assert asked((224, 160, 3), LIKELY) == Question((224, 160), True, LIKELY)
    assert asked((224, 160, 3)) == Question((224, 160), True, None)


def test_a_certain_one_is_taken_with_its_sign() -> None:
    for taken in (asked((32, 32, 3), CERTAIN), asked((32, 32, 3), kind="uint8")):
        assert isinstance(taken, TakenPhotos)
        assert taken.scaling.name == "none"
        assert taken.sign


def test_what_is_stated_holds_against_what_is_found() -> None:
    taken = asked((32, 48, 3), CERTAIN, scaling=UNIT, resize=Resize(fit="crop"))
    assert isinstance(taken, TakenPhotos)
    assert (taken.scaling, taken.sign, taken.first) == (UNIT, None, False)
    assert taken.item.shape == (32, 48, 3)
    assert taken.item.resize == Resize(filter="bilinear", fit="crop")


def test_channels_may_come_first() -> None:
    taken = asked((3, 32, 48), scaling=UNIT)
    assert isinstance(taken, TakenPhotos)
    assert taken.first
    assert taken.item.shape == (32, 48, 3)


def test_an_open_size_must_be_given() -> None:
    assert asked((None, None, 3), CERTAIN) == Question(None, False, CERTAIN)
    assert asked((None, None, 3)) == Question(None, True, None)
    taken = asked((None, None, 3), CERTAIN, size=(64, 96))
    assert isinstance(taken, TakenPhotos)
    assert taken.item.shape == (64, 96, 3)


def test_numbers_stay_numbers() -> None:
    assert asked((224, 224, 3), LIKELY, as_numbers=True) is None
    # grey, too small to be photos, or several
    for shape in ((28, 28, 1), (10, 4, 3), (3,), (224, 224)):
        assert asked(shape) is None
    assert asked((10, 4, 3), scaling=UNIT) is not None
    two = [InputTensor(name, "float32", (64, 64, 3)) for name in ("a", "b")]
    assert decide(two, PhotoOptions(), lambda: None) is None


def test_where_nobody_can_be_asked_they_stay_numbers_too() -> None:
    assert asked((224, 224, 3), CERTAIN, asks=False) is None
    assert asked((224, 224, 3), asks=False, scaling=UNIT) is not None


WRONG: dict[str, Callable[[], Any]] = {
    "--scaling is for a model that takes photos, .* takes \\[4\\]": lambda: asked(
        (4,), scaling=UNIT
    ),
    "--size is for a model that takes photos": lambda: asked((28, 28, 1), size=(28, 28)),
    "--resize and --fit is for photos; --as-numbers takes none": lambda: asked(
        (64, 64, 3), resize=Resize(), as_numbers=True
    ),
    "--size 128x128: the model takes photos of 224xany": lambda: asked(
        (224, None, 3), size=(128, 128)
    ),
    "--size is the height and width": lambda: size_of("large"),
    "--size: a side has 1 to 2048": lambda: size_of("0x12"),
}


@pytest.mark.parametrize("told", WRONG)
def test_wrong_use_is_told(told: str) -> None:
    with pytest.raises(DataError, match=told):
        WRONG[told]()


def test_sizes_are_read() -> None:
    assert (size_of(None), size_of("224"), size_of("224X160")) == (None, (224, 224), (224, 160))


def test_options_and_question_travel_as_json() -> None:
    for options in (
        PhotoOptions(),
        PhotoOptions(UNIT, (1, 2), Resize(fit="pad"), False, False),
    ):
        assert PhotoOptions.from_dict(options.to_dict()) == options
    for question in (Question(None, True, None), Question((1, 2), False, LIKELY)):
        assert Question.from_dict(question.to_dict()) == question
