"""The catalogue of problems: whole, and of every error that a request can end with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import pytest

from vigie.errors import VigieError
from vigie.serving.problems import PROBLEMS


def errors(base: type[VigieError] = VigieError) -> Iterator[type[VigieError]]:
    yield base
    for child in base.__subclasses__():
        yield from errors(child)


def test_the_catalogue_has_every_error_and_no_other() -> None:
    assert set(PROBLEMS) == {error.code for error in errors()}


@pytest.mark.parametrize("error", [*errors()], ids=lambda error: error.__name__)
def test_an_error_belongs_to_its_problem(error: type[VigieError]) -> None:
    problem = PROBLEMS[error.code]
    assert problem.code == error.code
    assert error.title
    first = next(one for one in errors() if one.code == error.code)
    assert problem.status == first.status


@pytest.mark.parametrize("code", PROBLEMS)
def test_every_problem_is_told_in_full(code: str) -> None:
    assert all(asdict(PROBLEMS[code]).values())
