"""What the parser and the checks on top of it read, held against what was read before them.

gunicorn's parser in Python read requests here until llhttp took its place. How it read 18,000
heads is written down in `readings-of-gunicorn.txt`: for each seed the digest of its heads, then for
each head how many requests there were, how the parser stood after them (see `support.smuggling`),
and a checksum of each request.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from support.http_reading import Read, Reading, read
from support.smuggling import CASES, HIDDEN, ONE, ONE_THEN_REFUSED, REFUSED, TWO
from support.spoiled_heads import HEADS_PER_SEED, SEEDS, spoiled_heads

RECORDED = Path(__file__).with_name("readings-of-gunicorn.txt")


class Kind(NamedTuple):
    """A kind of heads that are read otherwise than before; `what` of RFC 9112 decides.

    `fits` a head, how it is read now, and how it was read before. `example` is a short one that was
    read as `before` says.
    """

    what: str
    section: str
    fits: Callable[[bytes, Reading, str], bool]
    example: bytes
    before: str


def _refused(words: str) -> Callable[[bytes, Reading, str], bool]:
    return lambda head, now, before: now.state == "x" and words in now.why


_NO_METHOD = re.compile(rb"^(?!(?:GET|POST|PUT|OPTIONS) )\S+ \S+ HTTP/1", re.MULTILINE)
_NO_TARGET = re.compile(rb"^[A-Z]+ (?:\S*#|(?!/|\*|http://)\S)\S* HTTP/1", re.MULTILINE)
_SPACES = re.compile(rb"^[A-Z]+( +)\S+( +)HTTP/1", re.MULTILINE)
_EMPTY_LINES = re.compile(rb"\A[\r\n]|\r\n\r\n[\r\n]|[{}][\r\n]+\Z")
_LIKE_CLOSE = re.compile(rb"^Connection: close[^\r]", re.MULTILINE)


def _refused_by(pattern: re.Pattern[bytes]) -> Callable[[bytes, Reading, str], bool]:
    """Where less is read than before, as `pattern` finds what is no request."""
    return lambda head, now, before: (
        "as it is written" in now.why
        and now.verdict[0] < before[0]
        and pattern.search(head) is not None
    )


def _has_spaces(head: bytes, now: Reading, before: str) -> bool:
    spaces = _SPACES.search(head)
    taken = now.verdict[0] > before[0] and before[1] == "x"
    return taken and spaces is not None and len(spaces[1] + spaces[2]) > 2


def _has_empty_lines(head: bytes, now: Reading, before: str) -> bool:
    if _has_ended(head, now, before) or _EMPTY_LINES.search(head) is None:
        return False
    return now.verdict[0] > before[0] or (now.verdict[0] == before[0] and now.state == ".")


def _waits(head: bytes, now: Reading, before: str) -> bool:
    return now.state == "~" and before == f"{len(now.requests)}x"


def _is_refused_early(head: bytes, now: Reading, before: str) -> bool:
    return "as it is written" in now.why and before == f"{len(now.requests)}~"


def _has_ended(head: bytes, now: Reading, before: str) -> bool:
    return now.verdict == ONE and now.requests[0].version == (1, 0) and before[0] >= "1"


def _goes_on(head: bytes, now: Reading, before: str) -> bool:
    return now.verdict == ONE_THEN_REFUSED and before == ONE and bool(_LIKE_CLOSE.search(head))


KINDS = {
    "another coding than chunked": Kind(
        "a coding that is not known is refused; before, a body stayed compressed", "6.1",
        _refused("no other transfer coding"),
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", ONE,
    ),
    "no Host": Kind(
        "a request of HTTP/1.1 without Host must be refused", "3.2",
        _refused("names no Host"), b"GET / HTTP/1.1\r\n\r\n", ONE,
    ),
    "a target that names nothing here": Kind(
        "no target has a fragment; a service has no other scheme than HTTP's and no CONNECT", "3.2",
        _refused_by(_NO_TARGET), b"GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", ONE,
    ),
    "a method that nobody registered": Kind(
        "a service may refuse a method that it does not know", "3",
        _refused_by(_NO_METHOD), b"G*T / HTTP/1.1\r\nHost: a\r\n\r\n", ONE,
    ),
    "bad before it is whole": Kind(
        "what no more bytes can make a request is refused at once; before, it was waited for", "3",
        _is_refused_early, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\0", "1~",
    ),
    "half a head that is bad already": Kind(
        "no time is set for a refusal: a field above its limit is refused with its end", "3",
        _waits, b"GET / HTTP/1.1\r\nHost: " + b"a" * 9000, REFUSED,
    ),
    "empty lines": Kind(
        "before a request a service may skip them; before, it skipped one", "2.2",
        _has_empty_lines, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n", "1~",
    ),
    "several spaces in the request line": Kind(
        "white space may be taken together; where a request ends does not change", "3",
        _has_spaces, b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED,
    ),
    "more behind a request of HTTP/1.0": Kind(
        "a service may end a connection of HTTP/1.0 with its answer, and here it does", "9.3",
        _has_ended, b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nG\r\n", ONE_THEN_REFUSED,
    ),
    "an option like close": Kind(
        "an option is a whole word: a connection that is not to be closed goes on", "9.6",
        _goes_on, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close?\r\n\r\n{}", ONE,
    ),
}  # fmt: skip
COUNTS = {
    "another coding than chunked": 428,
    "no Host": 140,
    "a target that names nothing here": 22,
    "a method that nobody registered": 26,
    "bad before it is whole": 230,
    "half a head that is bad already": 3,
    "empty lines": 47,
    "several spaces in the request line": 6,
    "more behind a request of HTTP/1.0": 59,
    "an option like close": 5,
}
"""How many of the heads are of which kind."""


def kind_of(head: bytes, now: Reading, before: str) -> str:
    """Which of the kinds a head is that is read otherwise than before."""
    (name,) = [name for name, kind in KINDS.items() if kind.fits(head, now, before)]
    return name


def recorded() -> list[tuple[str, list[str]]]:
    """For each seed the digest of its heads, and what was read in each of them."""
    seeds = RECORDED.read_text(encoding="ascii").split("heads ")[1:]
    return [(words[0], words[1:]) for words in (seed.split() for seed in seeds)]


def checksum(request: Read) -> str:
    """As it stands in the record."""
    return f"{zlib.crc32(repr(tuple(request)).encode()) & 0xFFFF:04x}"


@pytest.mark.parametrize("name", CASES)
def test_a_request_ends_where_rfc_9112_says(name: str) -> None:
    case = CASES[name]
    reading = read([case.sent])
    assert reading.verdict == case.reading, reading.why
    by_byte = read([case.sent[at : at + 1] for at in range(len(case.sent))])
    assert by_byte[:2] == reading[:2]
    if case.reading != TWO:
        assert all(request.target != b"/hidden" for request in reading.requests[1:])


def test_what_is_read_otherwise_than_before_is_judged() -> None:
    for name, case in CASES.items():
        assert bool(case.because) == (case.before not in ("", case.reading)), name
        assert HIDDEN not in case.sent or case.reading in (REFUSED, ONE, TWO), name


@pytest.mark.parametrize("name", KINDS)
def test_the_example_of_a_kind_is_one(name: str) -> None:
    kind = KINDS[name]
    assert kind_of(kind.example, read([kind.example]), kind.before) == name


def test_spoiled_heads_are_read_as_before_but_for_these_kinds() -> None:
    counted: Counter[str] = Counter()
    before = recorded()
    assert len(before) * HEADS_PER_SEED == SEEDS * HEADS_PER_SEED == 18_000
    for seed, (digest, readings) in enumerate(before):
        heads = spoiled_heads(seed)
        sent = hashlib.sha256(b"\0".join(b"".join(parts) for parts in heads)).hexdigest()
        assert sent.startswith(digest), "other heads than those that were read"
        for parts, was in zip(heads, readings, strict=True):
            now = read(parts)
            # where both see a request, it is the same
            sums = "".join(map(checksum, now.requests))
            assert sums.startswith(was[2:]) or was[2:].startswith(sums), parts
            if now.verdict != was[:2]:
                counted[kind_of(b"".join(parts), now, was[:2])] += 1
    assert dict(counted) == COUNTS


@pytest.mark.parametrize("seed", range(3))
def test_it_does_not_matter_how_bytes_come(seed: int) -> None:
    for parts in spoiled_heads(seed):
        assert read(parts)[:2] == read([b"".join(parts)])[:2], parts
