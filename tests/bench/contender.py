"""One server that is measured: how it is started, what it is asked, how its answers are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from bench.forms import Forms

WORKERS = 2
PEERS = Path(__file__).parent / "peers"


class Body(NamedTuple):
    """What is sent, and its media type."""

    data: bytes
    media_type: str = "application/json"


@dataclass(frozen=True)
class Site:
    """Where one server runs: its environment's programs, a folder of its own, ports, the model.

    It has so many `workers` where its command can say so.
    """

    programs: Path
    folder: Path
    port: int
    other_ports: tuple[int, int]
    forms: Forms
    workers: int = WORKERS


def _nothing(site: Site) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class Contender:
    """One server. `environment` names a folder of `peers`; without, it is the project's own.

    `setting` says for readers how it runs. `asks` gives the body for the content of a question;
    `says` is None where answers are not predictions.
    """

    name: str
    title: str
    setting: str
    command: Callable[[Site], Sequence[str]]
    asks: Callable[[Any], Body]
    says: Callable[[Any], list[float]] | None
    path: str = "/predict"
    environment: str | None = None
    variables: Callable[[Site], Mapping[str, str]] = field(default=_nothing)

    @property
    def is_peer(self) -> bool:
        """True for the work of others that serves the model."""
        return self.environment is not None
