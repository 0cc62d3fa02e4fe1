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
    state.claim(FACTS, restart=False)
    state.claim(FACTS, restart=False)
    state.finish(FACTS, {"counts": {"read": 3}})
    told = state.read()
    assert told is not None
    assert (told["state"], told["counts"]) == ("done", {"read": 3})


def test_an_output_that_was_done_is_only_begun_once_it_is_claimed_again(
    state: OutputState,
) -> None:
    state.claim(FACTS, restart=False)
    state.finish(FACTS, {"counts": {"read": 3}})
    state.claim(FACTS, restart=False)
    assert state.read() == {"format": 1, "state": "begun", "facts": FACTS}


def test_another_model_is_refused_until_it_begins_anew(state: OutputState, tmp_path: Path) -> None:
    state.claim(FACTS, restart=False)
    (tmp_path / "out" / "features").mkdir()
    other = FACTS | {"model": ["quarters", "def"]}
    with pytest.raises(DataError, match="begun with another model; --restart begins anew"):
        state.claim(other, restart=False)
    state.claim(other, restart=True)
    assert not (tmp_path / "out" / "features").exists()


def test_facts_that_only_one_of_two_commands_has_tell_them_apart(state: OutputState) -> None:
    state.claim(FACTS | {"vector": "features"}, restart=False)
    with pytest.raises(DataError, match="begun with another vector; --restart"):
        state.claim(FACTS, restart=False)


def test_a_folder_of_somebody_else_is_left_alone(state: OutputState, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for name in ("features", "answers", "thesis"):
        (tmp_path / "out" / name).mkdir()
    for restart in (False, True):
        with pytest.raises(DataError, match="other files, such as answers: name an empty folder"):
            state.claim(FACTS, restart)
    found = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert found == ["answers", "features", "thesis"]


def test_beginning_anew_leaves_what_others_have_put_there(
    state: OutputState, tmp_path: Path
) -> None:
    state.claim(FACTS, restart=False)
    for name in ("features", "quarantine", "pca", "answers", "_parts", "notes"):
        (tmp_path / "out" / name).mkdir()
    state.claim(FACTS, restart=True)
    found = {path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")}
    assert found == {"_vigie.json", "notes"}


def test_what_was_stopped_while_it_was_deleted_is_only_begun_anew(
    state: OutputState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.claim(FACTS, restart=False)
    (tmp_path / "out" / "features").mkdir()

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Storage, "delete", stopped)
        with pytest.raises(KeyboardInterrupt):
            state.claim(FACTS, restart=True)
    with pytest.raises(DataError, match="--restart begins anew"):
        state.claim(FACTS, restart=False)
    state.claim(FACTS, restart=True)
    assert not (tmp_path / "out" / "features").exists()


def test_a_state_that_is_broken_is_told(state: OutputState, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "_vigie.json").write_text('{"format": 1, "sta')
    with pytest.raises(DataError, match="is broken: --restart"):
        state.claim(FACTS, restart=False)


def test_what_a_first_run_leaves_that_was_killed_amid_its_state_is_its_own(
    state: OutputState, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "_vigie.json.0123").write_bytes(b"{")
    state.claim(FACTS, restart=False)
    told = state.read()
    assert told is not None
    assert told["state"] == "begun"
