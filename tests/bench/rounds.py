"""The rounds of a run: every contender in turn, the order reversed each time."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.contenders import CONTENDERS, Contender
from bench.environments import programs
from bench.figures import LOADS, SOME, Results, Round, Seen
from bench.forms import Forms
from bench.load import measure, warm_up
from bench.server import running

WARM_UP_SECONDS = 1
Tell = Callable[[str], None]


def run_rounds(
    contenders: Sequence[Contender],
    forms: Forms,
    work: Path,
    rounds: int,
    seconds: int,
    tell: Tell,
) -> Results:
    """Measures each contender once a round, so that a slow minute of the machine hits all alike."""
    shutil.rmtree(work / "run", ignore_errors=True)
    _keep_answers(forms, work)
    results = Results()
    for number in range(1, rounds + 1):
        seen: Round = {}
        for contender in contenders if number % 2 else reversed(contenders):
            tell(f"round {number} of {rounds}: {contender.title}")
            folder = work / "run" / f"{number}-{contender.name}"
            seen[contender.name] = _see(contender, forms, folder, work, seconds)
        results.rounds.append(seen)
    return results


def _see(contender: Contender, forms: Forms, folder: Path, work: Path, seconds: int) -> Seen:
    with running(contender, forms, folder, programs(contender, work / "envs")) as server:
        warm_up(server, SOME, WARM_UP_SECONDS)
        measures = {load: measure(server, load, seconds) for load in LOADS}
        return Seen(server.start_seconds, server.memory_mb, measures)


def _keep_answers(forms: Forms, work: Path) -> None:
    """What Vigie answers, for the server without a model to repeat."""
    vigie = CONTENDERS[0]
    forms.bodies.mkdir()
    with running(vigie, forms, work / "run" / "answers", programs(vigie, work / "envs")) as server:
        (forms.bodies / "one.json").write_bytes(server.ask(1))
        (forms.bodies / "many.json").write_bytes(server.ask(len(forms.rows)))
