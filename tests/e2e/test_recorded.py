"""The service answers a recorded corpus as it once did, byte for byte, by both of its transports.

Ids, times and builds are masked by the rules of `recorded.masks`; numbers and dates that may be
written otherwise are in `recorded.allowed`. `python -m recorded compare` shows every difference,
`python -m recorded` records anew.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from recorded import store
from recorded.allowed import ALLOWED
from recorded.corpus import PARTS, Part
from recorded.corpus.routes import TEMPLATES
from recorded.masks import METRICS, RULES
from recorded.recording import FAST, SLOW, differences, recorded
from recorded.replay import Replay, replay

BY_NAME = {part.name: part for part in PARTS}
REQUESTS = [(part.name, request.name) for part in PARTS for request in part.requests]
LIST_ROUTES = """
import json, os, sys
from vigie.serving import create_app
json.dump(sorted(rule.rule for rule in create_app().url_map.iter_rules()), sys.stdout)
sys.stdout.flush()
os._exit(0)
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Replay:
    """What the services say now."""
    return replay(tmp_path_factory.mktemp("replay"))


@pytest.fixture(scope="module")
def recording() -> dict[str, dict[str, store.Entry]]:
    """What they said, by part and request."""
    return {part.name: store.read(part.name) for part in PARTS}


@pytest.mark.parametrize("transport", ["fast lane", "Flask"])
@pytest.mark.parametrize("part", BY_NAME)
def test_the_answers_are_those_recorded(
    answers: Replay, recording: dict[str, dict[str, store.Entry]], part: str, transport: str
) -> None:
    fast_lane = transport == "fast lane"
    said = (answers.fast if fast_lane else answers.slow)[part]
    unlike = differences(part, recording[part], said, fast_lane)
    shown = "\n".join(f"=== {name}\n{changes}" for name, changes in list(unlike.items())[:10])
    assert not unlike, f"{len(unlike)} of {len(said)} answers are not those recorded:\n{shown}"


@pytest.mark.parametrize("part", PARTS, ids=BY_NAME)
def test_the_recording_is_of_these_requests(
    recording: dict[str, dict[str, store.Entry]], part: Part
) -> None:
    entries = recording[part.name]
    assert list(entries) == [request.name for request in part.requests]
    for request in part.requests:
        assert entries[request.name]["sent"] == store.as_sent(request.sent), request.name


def test_no_file_is_recorded_for_nothing() -> None:
    assert set(store.FOLDER.iterdir()) == {store.file_of(part.name) for part in PARTS}


def test_every_mask_and_every_allowed_change_is_used(
    answers: Replay, recording: dict[str, dict[str, store.Entry]]
) -> None:
    used = {
        name
        for transport in (answers.fast, answers.slow)
        for part in transport.values()
        for said in part.values()
        for one in said
        for name in one.used
    }
    assert used == {rule.name for rule in (*RULES, *METRICS)}
    assert {tuple(name.split(": ", 1)) for name in ALLOWED} <= set(REQUESTS)
    for name in ALLOWED:
        part, request = name.split(": ", 1)
        # fails where a pair is found nowhere
        assert recorded(part, request, recording[part], fast_lane=True)


def test_every_status_that_can_be_provoked_is_recorded(
    recording: dict[str, dict[str, store.Entry]],
) -> None:
    found = {
        int(one["head"][0].split(" ")[1])
        for entries in recording.values()
        for entry in entries.values()
        for transport in (FAST, SLOW)
        for one in entry.get(transport, ())
    }
    assert found >= {
        100, 200, 206, 304, 400, 401, 404, 405, 408, 409, 413, 414, 415, 416, 422, 431, 500, 503,
        504,
    }  # fmt: skip


def test_every_route_is_asked(recording: dict[str, dict[str, store.Entry]], tmp_path: Path) -> None:
    environment = os.environ | {
        "VIGIE_CACHE": str(tmp_path / "cache"),
        "VIGIE_STATE": str(tmp_path / "state"),
        "VIGIE_PREDICTION_LOG": "off",
    }
    said = subprocess.run(
        [sys.executable, "-c", LIST_ROUTES], env=environment, capture_output=True, check=True
    )
    assert set(TEMPLATES) == set(json.loads(said.stdout))
    for path in documented(recording):
        template = path.replace("{", "<").replace("}", ">")
        assert template in TEMPLATES or template.startswith("/predict/"), path


def documented(recording: dict[str, dict[str, store.Entry]]) -> list[str]:
    """The paths of the recorded OpenAPI document."""
    (said,) = recorded("methods", "GET /openapi.json", recording["methods"], fast_lane=True)
    return list(json.loads(said["body"])["paths"])
