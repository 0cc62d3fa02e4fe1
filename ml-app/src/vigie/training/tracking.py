"""What a training run leaves in MLflow, and the registered version that comes of it."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from vigie.errors import RegistryError
from vigie.registry.client import DIGEST_TAG, RegistryClient

# before MLflow is imported: its defaults wait for minutes on a server that is away
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

import mlflow
from mlflow.models import Model

if TYPE_CHECKING:
    from vigie.settings import Settings
    from vigie.training.dataset import Dataset
    from vigie.training.plan import Plan


def given_tracking_uri() -> str | None:
    """The address that the caller's own code gave MLflow, if it gave one."""
    return str(mlflow.get_tracking_uri()) if mlflow.is_tracking_uri_set() else None


class Tracking:
    """One experiment of an MLflow server."""

    def __init__(self, settings: Settings, experiment: str) -> None:
        client = RegistryClient.of(settings)
        if not client.healthy():
            raise RegistryError(
                "MLflow does not answer; start it with `make run`, or set VIGIE_MLFLOW_URL"
            )
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        mlflow.set_tracking_uri(settings.mlflow_url)
        self._client = mlflow.MlflowClient(settings.mlflow_url)
        self._experiment = experiment

    @contextmanager
    def run(self, name: str, nested: bool = False) -> Iterator[str]:
        """Runs a block as an MLflow run; gives its id. A failure marks the run as failed."""
        # not by `set_experiment`: later runs of the caller's own would follow
        with mlflow.start_run(
            run_name=name, nested=nested, experiment_id=self._experiment_id()
        ) as run:
            yield run.info.run_id

    @contextmanager
    def run_or_current(self, name: str) -> Iterator[str]:
        """Runs a block inside the run that is active, else in one of its own; gives its id.

        Raises `RegistryError` where MLflow refuses something.
        """
        active = mlflow.active_run()
        try:
            if active is not None:
                yield active.info.run_id
                return
            with self.run(name) as run_id:
                yield run_id
        except mlflow.MlflowException as refused:
            reason = str(refused).splitlines()[0][:200]
            raise RegistryError(f"MLflow refuses this: {reason}") from None

    def _experiment_id(self) -> str:
        """The experiment, made where there is none; somebody else may make it at the same time."""
        found = self._client.get_experiment_by_name(self._experiment)
        if found is None:
            with contextlib.suppress(mlflow.MlflowException):
                return str(self._client.create_experiment(self._experiment))
            found = self._client.get_experiment_by_name(self._experiment)
        if found is None or found.lifecycle_stage != "active":
            raise RegistryError(
                f"MLflow's experiment {self._experiment} cannot be used; was it deleted?"
            )
        return str(found.experiment_id)

    def log_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Parameters of the current run."""
        mlflow.log_params({key: str(value)[:500] for key, value in parameters.items()})

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Metrics of the current run, of an epoch where `step` is given."""
        mlflow.log_metrics(dict(metrics), step=step)

    def log_label_figures(self, figures: Mapping[str, Mapping[str, float]]) -> None:
        """Figures of each label as metrics: `recall.rain`."""
        self.log_metrics(
            {
                f"{name}.{_metric_name(label)}": value
                for label, values in figures.items()
                for name, value in values.items()
            }
        )

    def log_history(self, history: Sequence[Mapping[str, float]]) -> None:
        """The metrics of every epoch, in a few requests."""
        run = mlflow.active_run()
        assert run is not None
        entries = [
            mlflow.entities.Metric(key, value, run.info.start_time, epoch)
            for epoch, values in enumerate(history, start=1)
            for key, value in values.items()
        ]
        for start in range(0, len(entries), 900):
            self._client.log_batch(run.info.run_id, metrics=entries[start : start + 900])

    def log_tags(self, tags: Mapping[str, str]) -> None:
        """Tags of the current run."""
        mlflow.set_tags(dict(tags))

    def log_text(self, text: str, name: str) -> None:
        """A text as an artifact of the current run."""
        mlflow.log_text(text, name)

    @contextmanager
    def artifacts(self) -> Iterator[Path]:
        """A folder whose files become artifacts of the current run."""
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
            mlflow.log_artifacts(folder)

    def log_dataset(self, dataset: Dataset, context: str, target: str) -> None:
        """The dataset of the current run: its size, schema, source and digest."""
        frame = pd.DataFrame({**dataset.columns, target: dataset.target}).convert_dtypes()
        # MLflow warns of whole numbers, which cannot be absent; as floats they can
        frame = frame.astype(dict.fromkeys(frame.select_dtypes("number").columns, float))
        described = mlflow.data.from_pandas(
            frame,
            name=_source(dataset)[:400],
            targets=target,
            digest=dataset.sha256[:32],
        )
        mlflow.log_input(described, context=context)

    def log_split(self, plan: Plan, dataset: Dataset, training: Dataset, held_out: Dataset) -> None:
        """What is trained on and what is held out: figures, both datasets, the ids held out."""
        self.log_parameters(
            {
                "recipe": plan.name,
                "data.source": _source(dataset),
                "data.sha256": dataset.sha256,
                "data.generated": dataset.generated,
                "rows.training": len(training),
                "rows.held_out": len(held_out),
                "inputs": ", ".join(item.name for item in plan.inputs),
                "seed": plan.seed,
            }
        )
        self.log_metrics(_dropped(dataset) | {"rows": float(len(dataset))})
        self.log_dataset(training, "training", plan.target.name)
        self.log_dataset(held_out, "evaluation", plan.target.name)
        self.log_text("\n".join(["id", *held_out.ids]) + "\n", "held_out_ids.csv")

    def log_feedback(self, feedback: Dataset) -> None:
        """The rows of feedback that are trained on, and how many were left out."""
        self.log_parameters({"feedback.rows": len(feedback), "feedback.sha256": feedback.sha256})
        self.log_metrics(_dropped(feedback))

    def new_model(self, name: str, run_id: str) -> Model:
        """An empty logged model of a run, to be written into a package."""
        logged = self._client.create_logged_model(
            experiment_id=mlflow.get_run(run_id).info.experiment_id,
            name=name,
            source_run_id=run_id,
        )
        return Model(run_id=run_id, model_id=logged.model_id)

    def register(
        self, model: Model, root: Path, name: str, digest: str, tags: Mapping[str, str]
    ) -> str:
        """Uploads a package and registers it; gives the new version's number."""
        self._client.log_model_artifacts(model.model_id, str(root))
        self._client.finalize_logged_model(model.model_id, "READY")
        if not self._exists(name):
            self._client.create_registered_model(name)
        version = self._client.create_model_version(
            name,
            source=f"models:/{model.model_id}",
            run_id=model.run_id,
            model_id=model.model_id,
            tags={DIGEST_TAG: digest, **tags},
        )
        return str(version.version)

    def tag_version(self, name: str, version: str, tags: Mapping[str, str]) -> None:
        """Tags of a registered version."""
        for key, value in tags.items():
            self._client.set_model_version_tag(name, version, key, value)

    def _exists(self, name: str) -> bool:
        return bool(self._client.search_registered_models(f"name='{name}'"))


def _source(dataset: Dataset) -> str:
    return dataset.source if isinstance(dataset.source, str) else dataset.source["en"]


def _dropped(dataset: Dataset) -> dict[str, float]:
    """Each cleaning rule as a metric: how many rows it dropped."""
    return {f"dropped.{_metric_name(rule.name)}": float(rule.dropped) for rule in dataset.rules}


def _metric_name(text: str) -> str:
    return "".join(c if c.isalnum() or c in "_-. " else "_" for c in text)
