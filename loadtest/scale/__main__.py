"""The proof as a program: `make scale-proof`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from load.failure import LoadError
from load.machine import machine
from load.service import models_of
from scale import holding, lone, points, steps
from scale.cluster import Cluster
from scale.failure import ScaleError
from scale.generator import Workload
from scale.measuring import measure, run_once, saturating
from scale.plot import plot_points
from scale.report import page
from scale.stack import Stack

if TYPE_CHECKING:
    from scale.replicas import Replicas

ROOT = Path(__file__).parents[2]
STEP_SHARE = 0.62
"""What each step adds of what a pod requests: one more than 70 % of the request allows for."""
TRIAL_SHARE = 0.5


def main(words: list[str] | None = None) -> int:
    """Measures, writes figures, page and pictures; 1 where something does not hold, 2 where it
    could not be measured."""
    told = _parser().parse_args(words)
    # what was changed of the replicas is taken back
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        figures = prove(told)
    except (ScaleError, LoadError) as error:
        sys.stderr.write(f"scale-proof: {error}\n")
        return 2
    for one in figures["missed"]:
        sys.stderr.write(f"missed: {one}\n")
    return 1 if figures["missed"] else 0


def prove(told: argparse.Namespace) -> dict[str, Any]:
    """The whole proof; every file of it goes below `told.output`."""
    replicas: Replicas
    cluster = Cluster(told.namespace, told.url) if told.on == "kubernetes" else None
    replicas = cluster if cluster is not None else Stack(told.url)
    folder = told.output / "var" / "scale"
    folder.mkdir(parents=True, exist_ok=True)
    if told.model not in {one.name for one in models_of(told.url, None)}:
        raise ScaleError(f"{told.url} serves no {told.model}")
    figures: dict[str, Any] = {
        "date": time.strftime("%Y-%m-%d"), "where": replicas.title, "machine": machine(),
        "model": told.model, "cores_a_replica": told.cores, "rows": told.rows,
        "seconds": told.seconds, "rounds": told.rounds,
    }  # fmt: skip
    try:
        replicas.limit(told.cores)
        loads = [saturating(count, told.rows, told.seconds) for count in points.COUNTS]
        loads += [saturating(count, 1, told.seconds) for count in points.SMALL_COUNTS]
        found = measure(replicas, told.model, loads, told.rounds, folder, _say)
        seen: list[steps.Step] = []
        moments: list[steps.Moment] = []
        alone: list[lone.Lone] = []
        if cluster is not None:
            asked = _steps_asked(told, cluster, found, folder)
            seen, moments, kept = steps.run_steps(
                cluster, told.model, asked, told.cores, told.most or None, folder
            )
            alone = [kept]
        held = holding.hold(replicas, told.model, told.hold_seconds, folder, _say)
    finally:
        replicas.restore()
    figures |= {
        "points": points.as_json(found), "steps": steps.as_json(seen),
        "autoscaled": {"request": told.cores, "most": told.most or None},
        "lone": lone.as_json(alone), "held": holding.as_json(held),
        "missed": [
            *points.missed(found), *(steps.missed(seen) if seen else []),
            *(each for one in alone for each in lone.missed(one)), *holding.missed(held),
        ],
    }  # fmt: skip
    _write(told.output, figures, found, moments)
    return figures


def _steps_asked(
    told: argparse.Namespace, cluster: Cluster, found: list[points.Point], folder: Path
) -> Workload:
    """Steps by what a request costs at such a load: it is less where more of them wait together."""
    step = TRIAL_SHARE * next(
        each.rate for each in found if (each.replicas, each.rows) == (1, told.rows)
    )
    cluster.scale_to(1)
    # what the first trial finds is the rate of the second
    for _ in range(2):
        trial = Workload(steps.SOURCES, told.seconds, told.rows, step)
        run = run_once(cluster, told.model, trial, folder)
        step = STEP_SHARE * told.cores * 1e6 / run.cpu_us
        _say(f"{run.cpu_us:.0f} us a request at {trial.rate:,.0f}/s: {step:,.0f}/s more a step")
    return Workload(
        steps.SOURCES, told.step_seconds * 6, told.rows, round(steps.MOST_PODS * step), "steps"
    )


def _write(
    output: Path, figures: dict[str, Any], found: list[points.Point], moments: list[steps.Moment]
) -> None:
    images = output / "docs" / "images"
    for folder in (images, output / "Iac"):
        folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(figures, indent=2) + "\n"
    (output / "Iac" / "scale-measured.json").write_text(text, encoding="utf-8")
    (output / "docs" / "scale.md").write_text(page(figures), encoding="utf-8")
    plot_points(found, images / "scale.svg")
    if moments:
        from scale.animation import animate

        animate(moments, images / "scale.gif")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scale-proof", description=__doc__)
    parser.add_argument("--on", choices=("kubernetes", "compose"), required=True)
    parser.add_argument("--url", required=True, help="the service, or the gateway before it")
    parser.add_argument("--namespace", default="vigie")
    parser.add_argument("--model", default="iris")
    parser.add_argument("--cores", type=float, default=0.1, help="of each replica")
    parser.add_argument("--most", type=float, default=0.2, help="with the autoscaler; 0: no limit")
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=30, help="of each run")
    parser.add_argument("--step-seconds", type=float, default=60)
    parser.add_argument("--hold-seconds", type=float, default=120, help="of 1,000 requests/s")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--output", type=Path, default=ROOT)
    return parser


if __name__ == "__main__":
    sys.exit(main())
