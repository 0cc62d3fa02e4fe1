"""What is measured: for each kind of input who is asked what, and what Vigie promises of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import bench.photos.contenders as of_photos
import bench.rows.contenders as of_rows
from bench.contender import Contender
from bench.failure import Failure
from bench.figures import Load, Results
from bench.goals import Goal
from bench.photos.goals import photo_goals
from bench.photos.loads import LOADS as PHOTO_LOADS
from bench.rows.goals import row_goals
from bench.rows.loads import BULK, MANY
from bench.rows.loads import LOADS as ROW_LOADS


@dataclass(frozen=True)
class Subject:
    """One kind of input; `vigie` is who has the goals.

    Under the loads that are `shown`, Vigie is set against each, and the `picture` has their rates.
    `bare` names those without a model; all rates are a share of theirs.
    """

    name: str
    title: str
    vigie: Contender
    contenders: tuple[Contender, ...]
    loads: tuple[Load, ...]
    shown: tuple[Load, ...]
    goals: Callable[[Results], Iterator[Goal]]
    picture: str
    bare: tuple[str, ...] = ()

    def only(self, names: set[str]) -> Subject:
        """The same with the contenders of these names alone, and those without a model."""
        if names.isdisjoint(one.name for one in self.contenders):
            return replace(self, contenders=())
        kept = (one for one in self.contenders if one.name in names.union(self.bare))
        return replace(self, contenders=tuple(kept))


ROWS = Subject(
    "rows", "Table rows", of_rows.CONTENDERS[0], of_rows.CONTENDERS, ROW_LOADS, (MANY, BULK),
    row_goals, "performance.svg", (of_rows.RAW, of_rows.LIMIT),
)  # fmt: skip
PHOTOS = Subject(
    "photos", "Photos", of_photos.CONTENDERS[0], of_photos.CONTENDERS, PHOTO_LOADS, PHOTO_LOADS,
    photo_goals, "performance-photos.svg",
)  # fmt: skip
SUBJECTS = (ROWS, PHOTOS)


def choose(subject: str, contenders: str) -> tuple[Subject, ...]:
    """The subject of a name with the contenders of some, comma-separated; all where none is named.

    Subjects that none of the contenders takes part in are left out.
    """
    chosen = tuple(one for one in SUBJECTS if subject in ("", one.name))
    if not chosen:
        known = ", ".join(one.name for one in SUBJECTS)
        raise Failure(f"SUBJECT: no {subject}; there are {known}")
    wanted = {name.strip() for name in contenders.split(",") if name.strip()}
    known_names = list(dict.fromkeys(one.name for each in chosen for one in each.contenders))
    unknown = sorted(wanted.difference(known_names))
    if unknown:
        raise Failure(f"CONTENDERS: no {', '.join(unknown)}; there are {', '.join(known_names)}")
    if not wanted:
        return chosen
    return tuple(one for each in chosen if (one := each.only(wanted)).contenders)
