"""The rounds of a run: every contender in turn, the order reversed each time."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from bench.contender import Contender
from bench.environments import programs
from bench.figures import Load, Results, Round, Seen
from bench.forms import Forms
from bench.load import measure, warm_up
from bench.server import Server, running
from bench.subjects import Subject

WARM_UP_SECONDS = 1
WARM_UP_CONNECTIONS = 16
Tell = Callable[[str], None]


def run_rounds(
    subject: Subject,
    forms: Forms,
    work: Path,
    rounds: int,
    seconds: int,
    tell: Tell,
) -> Results:
    """Measures each contender once a round, so that a slow minute of the machine hits all alike."""
    run = work / "run" / subject.name
    shutil.rmtree(run, ignore_errors=True)
    if subject.bare:
        keep_answers(subject.vigie, forms, run, work)
    results = Results()
    for number in range(1, rounds + 1):
        seen: Round = {}
        for contender in subject.contenders[:: 1 if number % 2 else -1]:
            tell(f"{subject.title}, round {number} of {rounds}: {contender.title}")
            with _running(contender, forms, run / f"{number}-{contender.name}", work) as server:
                seen[contender.name] = _see(server, subject.loads, seconds)
        results.rounds.append(seen)
    return results


def keep_answers(vigie: Contender, forms: Forms, run: Path, work: Path) -> None:
    """What Vigie answers, for those without a model to repeat."""
    forms.bodies.mkdir(exist_ok=True)
    with _running(vigie, forms, run / "answers", work) as server:
        for asked in forms.questions:
            (forms.bodies / f"{asked}.json").write_bytes(server.ask(asked))


def _running(
    contender: Contender, forms: Forms, folder: Path, work: Path
) -> AbstractContextManager[Server]:
    return running(contender, forms, folder, programs(contender, work / "envs"))


def _see(server: Server, loads: tuple[Load, ...], seconds: int) -> Seen:
    warm_up(server, Load(WARM_UP_CONNECTIONS, loads[0].asked), WARM_UP_SECONDS)
    measures = {load: measure(server, load, seconds) for load in loads}
    return Seen(server.start_seconds, server.memory_mb, measures)
