"""Everything that is sent in a run, made before it begins: making it takes no time of the run."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from load.dialects import ask_photo, ask_rows
from load.failure import LoadError
from load.photos import photos_of
from load.rows import csv_rows, varied_rows
from load.service import models_of

if TYPE_CHECKING:
    from load.dialects import Ask
    from load.options import Options
    from load.rows import Row
    from load.service import Model

MOST_REQUESTS = 200
"""So many requests to each model are made, and sent again and again."""


@dataclass(frozen=True)
class Plan:
    """What callers send.

    Attributes:
        options: What the run was told.
        asks: The requests; each is as likely as any.
    """

    options: Options
    asks: Sequence[Ask]


def plan_of(options: Options) -> Plan:
    """Learns the models from the service itself and makes the requests.

    Raises:
        LoadError: There is no service, no model that fits, or no data for it.
    """
    models = _chosen(models_of(options.url, options.key), options)
    return Plan(options, [ask for model in models for ask in _asks(model, options)])


def _chosen(served: list[Model], options: Options) -> list[Model]:
    wants_photos = options.scenario.content == "photos"
    # MLflow's address names no model: it is the first one's
    reached = served[:1] if options.scenario.dialect == "invocations" else served
    fitting = [model for model in reached if (model.photo is not None) == wants_photos]
    if options.models:
        found = [model for model in fitting if model.name in options.models]
        absent = sorted(set(options.models) - {model.name for model in found})
        if absent:
            raise LoadError(
                f"{options.name} cannot ask {', '.join(absent)}; "
                f"it can ask: {', '.join(model.name for model in fitting) or 'no model here'}"
            )
        return found
    if not fitting:
        raise LoadError(f"the service has no model that takes {options.scenario.content}")
    return fitting


def _asks(model: Model, options: Options) -> Iterator[Ask]:
    dialect = options.scenario.dialect
    if model.photo is not None:
        if options.photos is None:
            raise LoadError(f"{model.name} takes photos: name a folder of some by --photos")
        yield from (ask_photo(dialect, model, photo) for photo in photos_of(options.photos))
        return
    rows = _rows(model, options)
    for _ in range(MOST_REQUESTS):
        yield ask_rows(dialect, model, list(itertools.islice(rows, options.rows)))


def _rows(model: Model, options: Options) -> Iterator[Row]:
    if options.table is not None:
        return itertools.cycle(csv_rows(model, options.table))
    return varied_rows(model, random.Random(model.name))  # noqa: S311
