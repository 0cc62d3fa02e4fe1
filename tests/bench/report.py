"""What a run leaves: tables on the terminal, and the page `docs/performance.md`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.contenders import Contender
from bench.figures import Cost, Results, ServiceFigures
from bench.goals import goals_of
from bench.machine import Machine
from bench.tables import Grid, goals_table, tables_of, times_as_many

INTRODUCTION = (
    "`make bench` measures Vigie beside raw ASGI and its peers on your machine, and writes "
    "this page. Of every goal it says whether it holds."
)
READING = """
## How to read it

- Every server answers the same rows with the same model: six numbers and two texts in,
  normalisation, two embeddings of 8, two layers of 64, one number out. Its answers, to 1 row and to
  100, are compared with those of Keras before each figure is taken; 0.001 is allowed.
- Raw ASGI has no model: it reads the body and answers as many bytes as Vigie does, so it shows what
  the web server alone can do on these cores.
- `wrk` asks over connections that stay open, one request at a time on each, from the same machine
  and so on the same cores. Compare servers, not absolute numbers: another machine gives others.
- Servers take turns within a round, and the order is reversed each round. A ratio is always of two
  figures of one round, so a slow minute of the machine matters less.
- Computing time per request is what noise spares most: what the processes of a server computed,
  not how long they waited for a core.
- 100 rows in one request are one call of the model for every server.

## What is unequal

- Vigie checks limits and choices, gives an interval and warnings, and counts metrics and bins for
  drift. The peers do none of this; FastAPI, BentoML and LitServe check types alone.
- Vigie was tuned on loads like these. Each peer runs as its package installs it, with the best of
  the settings that its documentation names, found in a few short trials.
- Of the peers only FastAPI + ONNX Runtime has the engine that Vigie uses. Compare the others with
  *Vigie, TensorFlow engine* to see what the path of a request costs.
- The peers that run TensorFlow call a concrete function of two packed tensors, quicker than the
  signature of eight inputs that Keras exports. Flask + model.predict is what tutorials show, and
  no more.
- Requests that wait together become one call in Vigie, BentoML and MLServer. Many connections suit
  them; with one connection nothing waits, and MLServer loses the time that it waits for more.
- MLServer runs one process, because its workers in parallel were slower. LitServe has two workers
  behind two API servers, four processes for two cores.
- New connections, TLS, HTTP/2 and models that compute for long were not measured.
"""


@dataclass(frozen=True)
class Run:
    """Everything that a run saw."""

    contenders: Sequence[Contender]
    results: Results
    service: ServiceFigures | None
    watching: Cost | None
    machine: Machine
    versions: Mapping[str, str]
    seconds: int

    @property
    def grids(self) -> tuple[Grid, ...]:
        """The tables that the terminal and the page both show."""
        goals = tuple(goals_of(self.results, self.service, self.watching))
        return (
            *tables_of(self.results, self.contenders),
            times_as_many(self.results, self.contenders),
            goals_table(goals),
        )


def show(run: Run, console: Console) -> None:
    """Prints the tables."""
    console.print(str(run.machine), highlight=False)
    for grid in run.grids:
        table = Table(title=grid.caption, title_justify="left")
        for number, heading in enumerate(grid.headings):
            table.add_column(heading, justify="right" if number else "left")
        for row in grid.rows:
            table.add_row(*row)
        console.print(table)
    if run.service is not None:
        console.print(_service_line(run.service), highlight=False)
    if run.watching is not None:
        console.print(_watching_line(run.watching), highlight=False)


def page(run: Run) -> str:
    """The page in Markdown."""
    *grids, goals = run.grids
    parts = [
        "# Performance",
        INTRODUCTION,
        "![Requests a second of Vigie and its peers](images/performance.svg)",
        f"{run.machine}. {_rounds(run)}, {run.seconds} s for each figure.",
        *(grid.markdown() for grid in grids),
        "## Goals",
        *([_service_line(run.service)] if run.service else []),
        *([_watching_line(run.watching)] if run.watching else []),
        goals.table(),
        READING.strip(),
        "## Who was measured",
        "| server | how it runs |\n| --- | --- |\n"
        + "\n".join(f"| {one.title} | {one.setting} |" for one in run.contenders),
        "| environment | versions |\n| --- | --- |\n"
        + "\n".join(f"| {name} | {told} |" for name, told in run.versions.items()),
    ]
    return "\n\n".join(parts) + "\n"


def write_page(run: Run, path: Path) -> None:
    """Writes the page."""
    path.write_text(page(run), encoding="utf-8")


def _rounds(run: Run) -> str:
    count = len(run.results.rounds)
    return "1 round" if count == 1 else f"{count} rounds"


def _service_line(service: ServiceFigures) -> str:
    start = service.start
    return (
        "The service with the housing and iris models: first prediction "
        f"{start.median:.2f} s after its start ({start.least:.2f} to {start.greatest:.2f}); "
        f"{service.memory_mb:.0f} MB after 10,000 requests for master, 2 workers and publisher."
    )


def _watching_line(cost: Cost) -> str:
    return (
        f"Metrics, bins, prediction log and logs together cost {cost} of computing time per "
        "request, against the same code with all of them taken out: mean and 95 % interval."
    )
