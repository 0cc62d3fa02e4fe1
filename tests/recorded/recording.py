"""Answers as entries of the recording, and how they differ from it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from recorded.allowed import ALLOWED, as_allowed
from recorded.corpus import Part
from recorded.masks import Masked
from recorded.replay import Replay
from recorded.store import Entry, as_lines, as_sent, joined

FAST, SLOW = "answers", "answers without the fast lane"
LONG_BODY = 200
Known = dict[str | bytes, list[Any]]
"""Where a body was first seen: the request, the transport, and which of its answers."""
Said = dict[str, Any]
"""Head and body of one answer, as text or bytes."""


def entries_of(part: Part, replay: Replay) -> dict[str, Entry]:
    """What is to be recorded of a part."""
    known: Known = {}
    entries: dict[str, Entry] = {}
    for request in part.requests:
        fast, slow = (
            transport[part.name][request.name] for transport in (replay.fast, replay.slow)
        )
        entry: Entry = {"sent": as_sent(request.sent)}
        entry[FAST] = _kept(fast, known, (request.name, FAST))
        if [(one.head, one.body) for one in slow] != [(one.head, one.body) for one in fast]:
            entry[SLOW] = _kept(slow, known, (request.name, SLOW))
        entries[request.name] = entry
    return entries


def _kept(answers: list[Masked], known: Known, place: tuple[str, str]) -> list[dict[str, Any]]:
    """The answers as they are kept: a long body once, and by its place from then on."""
    kept = []
    for number, one in enumerate(answers):
        body: Any = as_lines(one.body)
        if one.body in known:
            body = {"as": known[one.body]}
        elif len(one.body) > LONG_BODY:
            known[one.body] = [*place, number]
        kept.append({"head": one.head.split("\n"), "body": body})
    return kept


def recorded(part: str, name: str, entries: Mapping[str, Entry], fast_lane: bool) -> list[Said]:
    """What the recording expects at one transport."""
    entry = entries[name]
    answers = entry[FAST] if fast_lane or SLOW not in entry else entry[SLOW]
    said = [{"head": "\n".join(one["head"]), "body": _body(one, entries)} for one in answers]
    pairs = ALLOWED.get(f"{part}: {name}", ())
    return [*said[:-1], as_allowed(said[-1], pairs)] if pairs else said


def _body(one: Mapping[str, Any], entries: Mapping[str, Entry]) -> str | bytes:
    kept = one["body"]
    if isinstance(kept, dict) and "as" in kept:
        name, transport, number = kept["as"]
        kept = entries[name][transport][number]["body"]
    return joined(kept)


def differences(
    part: str, entries: Mapping[str, Entry], said: Mapping[str, list[Masked]], fast_lane: bool
) -> dict[str, str]:
    """By request, how what one transport said differs from the recording; only those that do."""
    return {
        name: changes
        for name, answers in said.items()
        if (changes := difference(recorded(part, name, entries, fast_lane), answers))
    }


def difference(expected: list[Said], found: list[Masked]) -> str:
    """How what came differs from what was recorded, line by line; empty where it does not."""
    old, new = _lines(expected), _lines([{"head": one.head, "body": one.body} for one in found])
    return "\n".join(difflib.unified_diff(old, new, "recorded", "answered", lineterm="", n=1))


def _lines(answers: list[Said]) -> list[str]:
    lines = []
    for one in answers:
        lines += one["head"].split("\n")
        kept = as_lines(one["body"])
        # repr: spaces that look alike, and the ends of lines
        lines += [""] + ([repr(line) for line in kept] if isinstance(kept, list) else [str(kept)])
    return lines
