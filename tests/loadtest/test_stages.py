"""As many callers as the shape of a run says, at each moment of it."""

from __future__ import annotations

import pytest

from load.failure import LoadError
from load.stages import SHAPES, callers_at, mean_callers, stages


@pytest.mark.parametrize("shape", ["constant", "soak"])
def test_some_shapes_are_flat(shape: str) -> None:
    planned = stages(shape, 50, 30)
    assert [callers_at(planned, t) for t in (0, 15, 29.9, 30, 99)] == [50, 50, 50, None, None]


def test_steps_go_up_to_all_and_back_to_less_than_the_first() -> None:
    planned = stages("steps", 40, 60)
    assert [callers_at(planned, t) for t in (0, 9, 10, 20, 30, 40, 59, 60)] == [
        10, 10, 20, 30, 40, 5, 5, None,
    ]  # fmt: skip
    assert mean_callers(planned) == pytest.approx(110 / 6)


def test_a_spike_is_all_of_them_for_a_fifth_of_the_time() -> None:
    planned = stages("spike", 50, 100)
    assert [callers_at(planned, t) for t in (39, 40, 59, 60)] == [5, 50, 50, 5]
    assert mean_callers(planned) == pytest.approx(14)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_single_caller_is_never_none_before_the_end(shape: str) -> None:
    planned = stages(shape, 1, 10)
    assert {callers_at(planned, second) for second in range(10)} == {1}


def test_a_shape_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(LoadError, match="no shape stairs; there are: constant, steps"):
        stages("stairs", 1, 1)
