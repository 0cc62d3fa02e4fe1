"""A trained version beside the baselines and the version that serves, on the same held-out rows."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from vigie.engines.predictor import open_predictor
from vigie.errors import RefusedPackage, VigieError
from vigie.registry.client import RegistryClient
from vigie.registry.fetch import fetch_verified
from vigie.registry.gate.accuracy import answers_to
from vigie.registry.gate.comparison import (
    Comparison,
    apply_rule,
    compare_origin,
    compare_with_baselines,
)
from vigie.training.evaluation import main_error, score

if TYPE_CHECKING:
    from vigie.engines.predictor import Predictor
    from vigie.models.document import Task
    from vigie.registry.client import RegisteredVersion
    from vigie.settings import Settings
    from vigie.training.dataset import Dataset


def compare_trained(
    task: Task,
    error: float,
    baselines: dict[str, float],
    champion: RegisteredVersion | None,
    held_out: Dataset,
    settings: Settings,
    discriminates: bool = False,
) -> Comparison:
    """Whether a trained version whose error on the held-out rows is `error` is to serve."""
    refusal = compare_with_baselines(task, error, baselines, discriminates)
    if refusal is not None:
        return refusal
    if champion is None:
        return Comparison(True, "the first version")
    if champion.digest is None:
        return Comparison(True, f"version {champion.version} is not a package and cannot serve")
    client = RegistryClient.of(settings)
    with tempfile.TemporaryDirectory() as folder:
        try:
            package = fetch_verified(client, champion, Path(folder), settings)
            serving = open_predictor(package, settings.engine)
        except RefusedPackage as reason:
            return Comparison(True, f"version {champion.version} cannot serve: {reason}")
        generated = package.document.provenance.generated
        return compare_origin(
            held_out.generated, generated, champion.version
        ) or compare_with_champion(task, error, serving, held_out, champion.version)


def compare_with_champion(
    task: Task, error: float, champion: Predictor, held_out: Dataset, version: str
) -> Comparison:
    """What the same held-out rows say of a version with this error, and of `version`."""
    other = champion.package.document.task
    if other != task:
        return Comparison(False, f"it is a {task}, and version {version} a {other}")
    if task == "embedding" or held_out.target.ndim > 1:
        return Comparison(False, f"its answers are vectors, which are not compared with {version}")
    try:
        predicted = answers_to(champion, held_out.rows())
    except VigieError as failure:
        return Comparison(
            False, f"version {version} cannot answer the held-out rows to compare ({failure})"
        )
    serving = main_error(task, score(task, predicted, held_out.target))
    return apply_rule("train", error, serving, version)
