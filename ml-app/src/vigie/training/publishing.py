"""From a fitted network to a registered version: package, signature, gate, champion."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vigie.errors import RegistryError
from vigie.models.signing import load_private_key, sign_with
from vigie.registry.cache import CHAMPION
from vigie.registry.client import RegistryClient
from vigie.registry.operate import OperatorClient
from vigie.registry.promotion import Promotions
from vigie.registry.tags import GENERATED, figures_tags
from vigie.training.comparison import compare_trained
from vigie.training.evaluation import main_metric
from vigie.training.packaging import write_package

if TYPE_CHECKING:
    from vigie.registry.gate.comparison import Comparison
    from vigie.settings import Settings
    from vigie.training.dataset import Dataset
    from vigie.training.packaging import Trained, WrittenPackage
    from vigie.training.steps import Steps
    from vigie.training.tracking import Tracking


@dataclass(frozen=True)
class Judged:
    """How good a network is: its error and that of simple models on the same held-out rows.

    The error is NaN where there is none to tell, as of an embedding.
    """

    error: float
    baselines: Mapping[str, float]
    held_out: Dataset
    rows_sha256: str
    """Of the held-out rows as they came, so that versions are told to be measured alike."""
    discriminates: bool = False
    """The scores of a classification rank its classes better than chance does."""


@dataclass(frozen=True)
class Published:
    """A registered version, and what the gate said of it; `problem` is why it has no graph."""

    version: str
    digest: str
    comparison: Comparison
    problem: str | None = None


def check_signing_key(settings: Settings) -> None:
    """Reads the signing key before the work: one that cannot be read would cost a training."""
    if settings.signing_key is not None:
        load_private_key(settings.signing_key)


class Publication:
    """The one way from a fitted network to a version: recipes and code of one's own take it."""

    def __init__(self, settings: Settings, tracking: Tracking, steps: Steps) -> None:
        self._settings = settings
        self._tracking = tracking
        self._steps = steps

    def publish(
        self, trained: Trained, judged: Judged, run_id: str, promote: bool = True
    ) -> Published:
        """Registers the package of a run's network; champion where the gate lets it."""
        with self._steps.step("package and registration"):
            version, written = self._register(trained, judged, run_id)
        with self._steps.step("gate"):
            comparison = self._judge(trained, judged, version, promote)
        return Published(version, written.digest, comparison, written.problem)

    def _register(
        self, trained: Trained, judged: Judged, run_id: str
    ) -> tuple[str, WrittenPackage]:
        plan = trained.plan
        tags = {
            "vigie.data_sha256": trained.training.sha256,
            GENERATED: str(trained.training.generated),
            **figures_tags(main_metric(plan.task), judged.error, judged.rows_sha256),
        }
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "package"
            model = self._tracking.new_model(plan.name, run_id)
            written = write_package(trained, root, model)
            sign_with(root, self._settings.signing_key)
            number = self._tracking.register(model, root, plan.name, written.digest, tags)
        return number, written

    def _judge(self, trained: Trained, judged: Judged, version: str, promote: bool) -> Comparison:
        name, settings = trained.plan.name, self._settings
        champion = RegistryClient.of(settings).version_of(name, CHAMPION)
        comparison = compare_trained(
            trained.plan.task, judged.error, dict(judged.baselines), champion, judged.held_out,
            settings, judged.discriminates,
        )  # fmt: skip
        self._tracking.tag_version(name, version, {"vigie.verdict": comparison.reason})
        if comparison.promote and promote:
            _promote(name, version, comparison, settings)
        moved = comparison.promote and promote
        self._tracking.log_tags({"vigie.promoted": str(moved).lower()})
        return comparison


def _promote(name: str, number: str, comparison: Comparison, settings: Settings) -> None:
    client = OperatorClient.of(settings)
    candidate = client.version(name, number)
    if candidate is None:
        raise RegistryError(f"MLflow lost version {number} of {name}")
    champion = client.version_of(name, CHAMPION)
    Promotions(settings, client).move(candidate, champion, f"training: {comparison.reason}")
