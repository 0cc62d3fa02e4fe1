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

from bench.contenders import CONTENDERS, choose  # noqa: E402
from bench.environments import make_environments  # noqa: E402
from bench.failure import Failure  # noqa: E402
from bench.formats import write_forms  # noqa: E402
from bench.load import require_wrk  # noqa: E402
from bench.machine import this_machine, versions  # noqa: E402
from bench.plot import plot_rates  # noqa: E402
from bench.report import Run, show, write_page  # noqa: E402
from bench.rounds import run_rounds  # noqa: E402
from bench.service import measure_service  # noqa: E402
from bench.watching import PAIRS, measure_watching  # noqa: E402

ROOT = Path(__file__).parents[2]
WORK = ROOT / "var" / "bench"
DOCS = ROOT / "docs"


def main() -> None:
    """Measures, prints, and after a whole run writes the page and its picture."""
    console, given = Console(), _arguments()
    # a bench that is told to stop stops its servers first
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        if given.rounds < 1 or given.seconds < 1:
            raise Failure("ROUNDS and SECONDS are whole numbers from 1 on")
        contenders = choose(given.contenders)
        require_wrk()
        make_environments(contenders, ROOT, WORK / "envs")
        whole = len(contenders) == len(CONTENDERS)
        service = measure_service() if whole else None
        forms = write_forms(WORK / "model")
        results = run_rounds(contenders, forms, WORK, given.rounds, given.seconds, console.print)
        tell, seconds = console.print, given.seconds
        watching = measure_watching(forms, WORK, PAIRS, seconds, tell) if whole else None
    except Failure as failure:
        sys.exit(f"make bench: {failure}")
    run = Run(contenders, results, service, watching, this_machine(), versions(), seconds)
    console.width = max(console.width, 130)
    show(run, console)
    if not whole:
        console.print("A part of the contenders: docs/performance.md is left as it is.")
        return
    write_page(run, DOCS / "performance.md")
    plot_rates(results, contenders, DOCS / "images" / "performance.svg")
    console.print("Written: docs/performance.md, docs/images/performance.svg")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each one is measured")
    parser.add_argument("--seconds", type=int, default=5, help="time for each figure")
    parser.add_argument("--contenders", default="", help="which alone, comma-separated")
    return parser.parse_args()


if __name__ == "__main__":
    main()
