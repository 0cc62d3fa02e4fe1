from __future__ import annotations

from pathlib import Path

import pytest

from support.spark import uri
from vigie.errors import DataError
from vigie.spark.state import OutputState
from vigie.spark.storage import Storage

FACTS = {"command": "features", "model": ["quarters", "abc"], "input": "file:/photos"}


@pytest.fixture
def state(storage: Storage, tmp_path: Path) -> OutputState:
    return OutputState(storage, uri(tmp_path / "out"))


def test_the_same_command_goes_on(state: OutputState) -> None:
    state.claim(FACTS, (), restart=False)
    state.claim(FACTS, (), restart=False)
    state.finish(FACTS, {"counts": {"read": 3}})
    told = state.read()
    assert told is not None
    assert (told["state"], told["counts"]) == ("done", {"read": 3})


def test_another_model_is_refused_until_it_begins_anew(state: OutputState, tmp_path: Path) -> None:
    state.claim(FACTS, (), restart=False)
    (tmp_path / "out" / "features").mkdir()
    other = FACTS | {"model": ["quarters", "def"]}
    with pytest.raises(DataError, match="begun with another model; --restart begins anew"):
        state.claim(other, ("features",), restart=False)
    state.claim(other, ("features",), restart=True)
    assert not (tmp_path / "out" / "features").exists()


def test_facts_that_only_one_of_two_commands_has_tell_them_apart(state: OutputState) -> None:
    state.claim(FACTS | {"vector": "features"}, (), restart=False)
    with pytest.raises(DataError, match="begun with another vector; --restart"):
        state.claim(FACTS, (), restart=False)


def test_a_folder_of_somebody_else_is_left_alone(state: OutputState, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.odt").touch()
    for restart in (False, True):
        with pytest.raises(DataError, match=r"other files, such as thesis\.odt"):
            state.claim(FACTS, ("features",), restart)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.odt"]


def test_a_state_that_is_broken_is_told(state: OutputState, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "_vigie.json").write_text('{"format": 1, "sta')
    with pytest.raises(DataError, match="is broken: --restart"):
        state.claim(FACTS, (), restart=False)
