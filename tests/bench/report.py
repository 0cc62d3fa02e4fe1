"""What a run leaves: tables on the terminal, and the page `docs/performance.md`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.figures import Cost, Counts, Results, ServiceFigures
from bench.goals import Goal
from bench.machine import Machine
from bench.rows.goals import service_goals
from bench.subjects import Subject
from bench.tables import Grid, goals_table, instructions_table, tables_of

INTRODUCTION = (
    "`make bench` measures Vigie beside its peers, and beside servers that do nothing, on your "
    "machine, with table rows and with photos, and writes this page. Of every goal it says whether "
    "it holds. `SUBJECT=rows` or `SUBJECT=photos` measures one of the two, `CONTENDERS=` some of "
    "the servers; both leave the page as it is."
)
NOT_COUNTED = (
    "Instructions a request were not counted: valgrind, which has callgrind, was not installed."
)
READING = """
## How to read it

- Rows: every server answers the same ones with the same model: six numbers and two texts in,
  normalisation, two embeddings of 8, two layers of 64, one number out. Its answers, to 1 row and to
  100, are compared with those of Keras before each figure is taken; 0.001 is allowed.
- Photos: every server answers the same two, one a request, with MobileNetV2 at 224 x 224 and three
  classes. The weights are random and the photos drawn by code: what a server does with a photo does
  not depend on what it shows. Scores are compared with those of Keras on the pixels that Pillow
  gives, decoded whole and made smaller then; 0.001 is allowed. 0.03 is allowed for the photo of 12
  megapixels, because Vigie opens it at a quarter of its scale: that moves a score by less than
  0.01, swapped colours or pixels left out by more than 0.05.
- Raw ASGI has no model: it reads the body and answers as many bytes as Vigie does, so it shows what
  the web server alone can do on these cores.
- The own protocol has no model either, and nothing between socket and answer but the parser that
  Vigie uses. Python does not serve HTTP any quicker: Vigie's share of it is what checks, model,
  metrics and log leave of that limit.
- `wrk` asks over connections that stay open, one request at a time on each, from the same machine
  and so on the same cores. Compare servers, not absolute numbers: another machine gives others.
- Servers take turns within a round, and the order is reversed each round. A ratio is always of two
  figures of one round, so a slow minute of the machine matters less.
- Computing time per request is what noise spares most: what the processes of a server computed,
  not how long they waited for a core.
- Instructions are those of one worker's event loop, which does all that a request waits for;
  callgrind counts them while it plays the processor, some fifty times slower, so no other process
  matters. All connections ask at once and wait for each other. What the system does and what other
  threads do by the clock, such as adding up metrics, is not in them. An instruction is no time:
  those of ONNX Runtime do more than those of Python.
- 100 rows in one request are one call of the model for every server.
- A photo of 12 megapixels takes tenths of a second, so it is measured three times as long as the
  rest.

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
- Photos: every peer runs ONNX Runtime and the graph that Vigie runs, so what differs is the way
  from a file to an answer. Each is sent a photo as its own guide for images has it: Vigie the file
  as body, FastAPI and BentoML a form, LitServe and MLServer base64 in JSON, a third more to send.
  Peers open a photo whole, as their guides do. Vigie also measures every photo for drift.
- New connections, TLS, HTTP/2 and models that compute for long were not measured.
"""


@dataclass(frozen=True)
class Part:
    """What was seen of one subject."""

    subject: Subject
    results: Results

    @property
    def grids(self) -> tuple[Grid, ...]:
        """Its tables."""
        return tables_of(self.subject, self.results)


@dataclass(frozen=True)
class Run:
    """Everything that a run saw, `rounds` of `seconds` for each figure; `whole`: of everybody."""

    parts: Sequence[Part]
    service: ServiceFigures | None
    watching: Cost | None
    instructions: Counts | None
    machine: Machine
    versions: Mapping[str, str]
    rounds: int
    seconds: int
    whole: bool = True

    @property
    def goals(self) -> list[Goal]:
        """Every promise about what was measured, with what the run says of it."""
        told = [goal for part in self.parts for goal in part.subject.goals(part.results)]
        return [*told, *service_goals(self.service, self.watching)]


def show(run: Run, console: Console) -> None:
    """Prints the tables."""
    console.print(str(run.machine), highlight=False)
    for part in run.parts:
        console.rule(part.subject.title)
        for grid in part.grids:
            _print(grid, console)
    console.rule()
    _print(goals_table(run.goals), console)
    if run.service is not None:
        console.print(_service_line(run.service), highlight=False)
    if run.watching is not None:
        console.print(_watching_line(run.watching), highlight=False)
    if run.instructions is not None:
        _print(instructions_table(run.instructions), console)


def _print(grid: Grid, console: Console) -> None:
    table = Table(title=grid.caption, title_justify="left")
    for number, heading in enumerate(grid.headings):
        table.add_column(heading, justify="right" if number else "left")
    for row in grid.rows:
        table.add_row(*row)
    console.print(table)


def page(run: Run) -> str:
    """The page in Markdown."""
    parts = [
        "# Performance",
        INTRODUCTION,
        f"{run.machine}. {_rounds(run)}, {run.seconds} s for each figure.",
        *(text for part in run.parts for text in _section(part)),
        "## Goals",
        *([_service_line(run.service)] if run.service else []),
        *([_watching_line(run.watching)] if run.watching else []),
        goals_table(run.goals).table(),
        "## Instructions",
        instructions_table(run.instructions).markdown() if run.instructions else NOT_COUNTED,
        READING.strip(),
        "## Who was measured",
        *(_who(part.subject) for part in run.parts),
        "| environment | versions |\n| --- | --- |\n"
        + "\n".join(f"| {name} | {told} |" for name, told in run.versions.items()),
    ]
    return "\n\n".join(parts) + "\n"


def _section(part: Part) -> list[str]:
    subject = part.subject
    return [
        f"## {subject.title}",
        f"![Requests a second, {subject.title.lower()}](images/{subject.picture})",
        *(grid.markdown() for grid in part.grids),
    ]


def _who(subject: Subject) -> str:
    lines = [f"| server, {subject.title.lower()} | how it runs |", "| --- | --- |"]
    return "\n".join(lines + [f"| {one.title} | {one.setting} |" for one in subject.contenders])


def write_page(run: Run, path: Path) -> None:
    """Writes the page."""
    path.write_text(page(run), encoding="utf-8")


def _rounds(run: Run) -> str:
    return "1 round" if run.rounds == 1 else f"{run.rounds} rounds"


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
