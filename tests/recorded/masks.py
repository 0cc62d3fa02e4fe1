"""What of an answer is not compared: ids, times and builds, each by one exact rule."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

_PACES = (
    r"Requests a second|Half within \(p50\)|95% within \(p95\)|99% within \(p99\)|"
    r"95% answered within|Requêtes par seconde|La moitié en \(p50\)|95 % en \(p95\)|"
    r"99 % en \(p99\)|95 % des réponses en"
)
_AGE = r"\d+\N{NO-BREAK SPACE}(?:s|min|h|d|j)"


@dataclass(frozen=True)
class Rule:
    """Every match of `pattern` in the heads or the bodies becomes `mask`, `\\1` kept."""

    name: str
    where: Literal["head", "body"]
    pattern: re.Pattern[str]
    mask: str | Callable[[re.Match[str]], str]


def _rule(
    name: str,
    where: Literal["head", "body"],
    pattern: str,
    mask: str | Callable[[re.Match[str]], str],
) -> Rule:
    return Rule(name, where, re.compile(pattern, re.MULTILINE), mask)


def _sorted_methods(found: re.Match[str]) -> str:
    return found[1] + ", ".join(sorted(found[2].split(", ")))


RULES = (
    _rule("date", "head", r"^((?i:date|last-modified): )\w{3}, [\d\w :]+ GMT$", r"\1<date>"),
    _rule(
        "entity tag of a file", "head", r'^((?i:etag): ")[\d.]+(-\d+-)\d+"$', r'\1<time>\2<place>"'
    ),
    _rule("fresh request id", "head", r"^((?i:x-request-id): )[0-9a-f]{32}$", r"\1<fresh id>"),
    _rule(
        "durations",
        "head",
        r"^((?i:server-timing): )queue;dur=[\d.]+, decode;dur=[\d.]+, infer;dur=[\d.]+, "
        r"encode;dur=[\d.]+$",
        r"\1queue;dur=<ms>, decode;dur=<ms>, infer;dur=<ms>, encode;dur=<ms>",
    ),
    # Flask lists the methods of an answer to OPTIONS in the order of a set
    _rule(
        "order of methods",
        "head",
        r"\A(HTTP/1\.1 200 (?:.*\n)+?(?i:allow): )(.+)$",
        _sorted_methods,
    ),
    # Python 3.13 calls these by other names than 3.11
    _rule("phrase", "head", r"^(HTTP/1\.1 (?:413|414|416|422|431) ).*$", r"\1<phrase>"),
    _rule("fresh request id", "body", r'("request_id":")[0-9a-f]{32}(")', r"\1<fresh id>\2"),
    _rule("fresh request id", "body", r"(<code>)[0-9a-f]{32}(</code>)", r"\1<fresh id>\2"),
    _rule("time of loading", "body", r'("loaded_at":)\d{10}\.\d+', r"\1<time>"),
    _rule("version of Vigie", "body", r'("version":")\d+\.\d+\.\d+(")', r"\1<version>\2"),
    _rule("version of Vigie", "body", r"\A\d+\.\d+\.\d+\Z", "<version>"),
    _rule("version of Vigie", "body", r"(<dt>Vigie</dt><dd>)\d+\.\d+\.\d+(<)", r"\1<version>\2"),
    _rule("time of a status page", "body", r"\d\d:\d\d:\d\d UTC", "<time> UTC"),
    _rule(
        "time of a change of version",
        "body",
        r'(<span class="small">)[^<]+, \d\d:\d\d UTC(</span>)',
        r"\1<date>, <time> UTC\2",
    ),
    _rule("age", "body", rf"(<dd>){_AGE}(</dd>)", r"\1<age>\2"),
    _rule("age", "body", rf"(<dd>){_AGE} ago(</dd>)", r"\1<age> ago\2"),
    _rule("age", "body", rf"(<dd>il y a ){_AGE}(</dd>)", r"\1<age>\2"),
    _rule(
        "figure of traffic",
        "body",
        rf"(<dt>(?:{_PACES})</dt><dd(?: class=\"\w*\")?>)[^<]+(</dd>)",
        r"\1<figure>\2",
    ),
    _rule(
        "line of traffic", "body", r'(<path class="(?:area|line)" d=")[MVHZ\d. ]+"', r'\1<line>"'
    ),
    _rule("most of a line", "body", r"((?:at most|au plus) )\d[^<\"]*", r"\1<figure>"),
    _rule(
        "end of a line",
        "body",
        rf'(aria-label="(?:{_PACES}) ?: )[^"<]+?(, (?:at most|au plus) )',
        r"\1<figure>\2",
    ),
    _rule("end of a line", "body", r"(<b>)[^<]+(</b></span></div>)", r"\1<figure>\2"),
)

METRICS = (
    _rule("value of a metric", "body", r"^(\w+(?:{.*})?) [-+\w.]+$", r"\1 <value>"),
    _rule(
        "version of Vigie",
        "body",
        r'^(vigie_build_info{python=")[\d.]+(",version=")[\d.]+',
        r"\1<build>\2<version>",
    ),
)
"""For metrics alone, of which the names, labels and help are compared."""


@dataclass(frozen=True)
class Masked:
    """An answer of which everything that is left must be the same again."""

    head: str
    body: str | bytes
    """Text, or bytes where it is none."""
    used: frozenset[str]
    """The names of the rules that found something."""


def masked(
    answer: bytes, digests: Mapping[str, str], extra: tuple[Rule, ...] = (), bare: bool = False
) -> Masked:
    """An answer with its masks. `digests` are the names of what stands for a model's package.

    `bare` is one without its body, whose length nobody can know.
    """
    raw, _, rest = answer.partition(b"\r\n\r\n")
    head, used = raw.decode("latin-1").replace("\r\n", "\n"), set()
    body: str | bytes
    try:
        body = rest.decode()
        text = body
    except UnicodeDecodeError:
        body, text = rest, ""
    for rule in (*RULES, *extra):
        found = rule.pattern.subn(rule.mask, head if rule.where == "head" else text)
        if found[1]:
            used.add(rule.name)
        if rule.where == "head":
            head = found[0]
        else:
            text = found[0]
    for digest, name in digests.items():
        # a digest follows from the bytes that some version of a library writes
        head, text = (part.replace(digest, f"<digest of {name}>") for part in (head, text))
    if isinstance(body, str) and text != body:
        length = rf"(?im)^(content-length: ){len(rest)}$"
        head = re.sub(length, r"\1<length of the body>", head)
        body = text
    if bare:
        head = re.sub(r"(?im)^(content-length: )\d+$", r"\1<length of the page>", head)
    return Masked(head, body, frozenset(used))
