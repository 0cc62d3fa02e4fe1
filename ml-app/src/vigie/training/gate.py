"""Whether a trained version may serve: against the baselines, then against the one that serves."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vigie.engines.predictor import Predictor, open_predictor
from vigie.errors import InvalidInput, RefusedPackage, VigieError
from vigie.registry.client import RegisteredVersion, RegistryClient
from vigie.registry.gate.verify import fetch_verified
from vigie.settings import Settings
from vigie.training.dataset import Dataset
from vigie.training.evaluation import main_error, score

TRIVIAL = frozenset({"median", "majority"})
REGRESSION_FACTOR = 1.10
CLASSIFICATION_MARGIN = 0.05


@dataclass(frozen=True)
class Verdict:
    """Whether to promote, and why, for people."""

    promote: bool
    reason: str


def compare_with_baselines(task: str, error: float, baselines: dict[str, float]) -> Verdict | None:
    """A refusal where a simple model does clearly better; `None` where the version passes."""
    for name in TRIVIAL & baselines.keys():
        if error >= baselines[name]:
            return Verdict(False, f"no better than the {name} baseline")
    name, best = min(baselines.items(), key=lambda item: item[1])
    classifies = task == "classification"
    bound = best + CLASSIFICATION_MARGIN if classifies else best * REGRESSION_FACTOR
    if error > bound:
        return Verdict(False, f"clearly worse than the {name} baseline ({_against(error, best)})")
    return None


def compare_with_champion(
    task: str, error: float, champion: Predictor, held_out: Dataset, version: str
) -> Verdict:
    """The verdict of the same held-out rows on both versions."""
    try:
        serving = main_error(task, score(task, predict_rows(champion, held_out), held_out.target))
    except (VigieError, InvalidInput) as failure:
        return Verdict(
            False, f"version {version} cannot answer the held-out rows to compare ({failure})"
        )
    if error < serving:
        return Verdict(True, f"better than version {version} ({_against(error, serving)})")
    return Verdict(False, f"not better than version {version} ({_against(error, serving)})")


def compare_origin(champion: Predictor, candidate: Dataset, version: str) -> Verdict | None:
    """Made-up data never replaces real data, and real data always replaces made-up data."""
    serving_generated = champion.package.document.provenance.generated
    if candidate.generated and not serving_generated:
        return Verdict(False, f"trained on generated data, version {version} on real data")
    if serving_generated and not candidate.generated:
        return Verdict(True, f"trained on real data, version {version} on generated data")
    return None


def _against(error: float, other: float) -> str:
    shown = "{:,.0f} against {:,.0f}" if min(error, other) >= 100 else "{:.4g} against {:.4g}"
    return shown.format(error, other)


def predict_rows(predictor: Predictor, dataset: Dataset) -> np.ndarray:
    """What a package answers for these rows, numbers or labels; unknown inputs are left out."""
    document = predictor.package.document
    known = {item.name for item in document.inputs}
    rows = [{k: v for k, v in row.items() if k in known} for row in dataset.rows()]
    answers = predictor.predict(predictor.decoder.decode(rows).columns)
    if document.task == "classification":
        return np.array(answers.labels(document), object)
    values: np.ndarray = answers.outputs[document.outputs[0].name].astype(np.float64)
    return values


def judge(
    task: str,
    error: float,
    baselines: dict[str, float],
    champion: RegisteredVersion | None,
    held_out: Dataset,
    settings: Settings,
) -> Verdict:
    """The verdict on a trained version whose error on the held-out rows is `error`."""
    refusal = compare_with_baselines(task, error, baselines)
    if refusal is not None:
        return refusal
    if champion is None:
        return Verdict(True, "the first version")
    if champion.digest is None:
        return Verdict(True, f"version {champion.version} is not a package and cannot serve")
    client = RegistryClient.of(settings)
    with tempfile.TemporaryDirectory() as folder:
        try:
            package = fetch_verified(client, champion, Path(folder), settings)
            predictor = open_predictor(package, settings.engine)
        except RefusedPackage as reason:
            return Verdict(True, f"version {champion.version} cannot serve: {reason}")
        return compare_origin(predictor, held_out, champion.version) or compare_with_champion(
            task, error, predictor, held_out, champion.version
        )
