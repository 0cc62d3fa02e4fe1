"""Measures Vigie and its peers side by side; see docs/performance.md."""

from __future__ import annotations

import argparse
import signal
import sys
import warnings
from pathlib import Path

from rich.console import Console

from vigie.engines.quiet import quieten_tensorflow

quieten_tensorflow()
# MLflow warns of itself while it is imported
warnings.filterwarnings("ignore", category=UserWarning, module="mlflow")

from bench.environments import make_environments  # noqa: E402
from bench.failure import Failure  # noqa: E402
from bench.instructions import measure_instructions  # noqa: E402
from bench.load import require_wrk  # noqa: E402
from bench.machine import this_machine, versions  # noqa: E402
from bench.photos.formats import write_forms as write_photo_forms  # noqa: E402
from bench.plot import plot_rates  # noqa: E402
from bench.report import Part, Run, show, write_page  # noqa: E402
from bench.rounds import Tell, run_rounds  # noqa: E402
from bench.rows.formats import write_forms as write_row_forms  # noqa: E402
from bench.service import measure_service  # noqa: E402
from bench.subjects import PHOTOS, ROWS, SUBJECTS, choose  # noqa: E402
from bench.watching import PAIRS, measure_watching  # noqa: E402

ROOT = Path(__file__).parents[2]
WORK = ROOT / "var" / "bench"
DOCS = ROOT / "docs"
FORMS = {ROWS.name: write_row_forms, PHOTOS.name: write_photo_forms}


def main() -> None:
    """Measures, prints, and after a whole run writes the page and its pictures."""
    console, given = Console(), _arguments()
    # a bench that is told to stop stops its servers first
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        run = _measure(given, console.print)
    except Failure as failure:
        sys.exit(f"make bench: {failure}")
    console.width = max(console.width, 130)
    show(run, console)
    if not run.whole:
        console.print("A part of the whole: docs/performance.md is left as it is.")
        return
    write_page(run, DOCS / "performance.md")
    for part in run.parts:
        plot_rates(part.subject, part.results, DOCS / "images" / part.subject.picture)
    console.print("Written: docs/performance.md and its pictures")


def _measure(given: argparse.Namespace, tell: Tell) -> Run:
    rounds, seconds = given.rounds, given.seconds
    if rounds < 1 or seconds < 1:
        raise Failure("ROUNDS and SECONDS are whole numbers from 1 on")
    subjects = choose(given.subject, given.contenders)
    require_wrk()
    contenders = [one for subject in subjects for one in subject.contenders]
    make_environments(contenders, ROOT, WORK / "envs")
    whole = subjects == SUBJECTS
    service = measure_service() if whole else None
    forms = {each.name: FORMS[each.name](WORK / "model" / each.name) for each in subjects}
    parts = [
        Part(each, run_rounds(each, forms[each.name], WORK, rounds, seconds, tell))
        for each in subjects
    ]
    watching = instructions = None
    if whole:
        watching = measure_watching(forms[ROWS.name], WORK, PAIRS, seconds, tell)
        instructions = measure_instructions(forms[ROWS.name], WORK, tell)
    return Run(
        parts, service, watching, instructions, this_machine(), versions(), rounds, seconds, whole
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each one is measured")
    parser.add_argument("--seconds", type=int, default=5, help="time for each figure")
    parser.add_argument("--subject", default="", help="which alone: rows, or photos")
    parser.add_argument("--contenders", default="", help="which alone, comma-separated")
    return parser.parse_args()


if __name__ == "__main__":
    main()
