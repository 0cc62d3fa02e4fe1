"""`vigie.log_model`: a model of one's own becomes a registered version that can be served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console

from vigie.errors import ConfigurationError, DataError
from vigie.settings import MODEL_NAME, load_settings
from vigie.training.evaluation import main_metric
from vigie.training.model_card import model_card
from vigie.training.own.evaluation import evaluate_own, simple_errors
from vigie.training.own.logged_version import LoggedVersion
from vigie.training.own.model import Described, OwnModel
from vigie.training.own.rows import hold_out
from vigie.training.packaging import Trained, fitting_rows
from vigie.training.plan import Plan, Target
from vigie.training.publishing import Judged, Publication, check_signing_key
from vigie.training.steps import Steps
from vigie.training.tracking import Tracking, given_tracking_uri

if TYPE_CHECKING:
    import keras

    from vigie.models.document import Task
    from vigie.models.model_input import Number
    from vigie.models.text import Text
    from vigie.settings import Settings
    from vigie.training.own.rows import OwnRows
    from vigie.training.own.targets import Transform


def log_model(
    model: keras.Model,
    name: str,
    inputs: Any,
    targets: Any,
    *,
    held_out: tuple[Any, Any] | None = None,
    columns: Sequence[str] | None = None,
    preprocess: Any = None,
    task: Task | None = None,
    labels: Sequence[str] | None = None,
    target_transform: Transform | None = None,
    interval: float | None = 0.9,
    title: Text | None = None,
    units: Mapping[str, str] | None = None,
    limits: Mapping[str, tuple[Number | None, Number | None]] | None = None,
    choices: Mapping[str, Sequence[Any]] | None = None,
    help: Mapping[str, Text] | None = None,  # noqa: A002
    promote: bool = True,
) -> LoggedVersion:
    """Registers a trained Keras model in MLflow, ready to serve; champion where the gate lets it.

    Writes three lines and gives them as an object: the version, its figures beside those of simple
    models and of the version that serves, and the address of its form. Inside an MLflow run it logs
    to that run, else to one of its own.

    Args:
        model: A trained `keras.Model`.
        name: The registered model: small letters, digits, `_` and `-`, a letter first.
        inputs: The rows it was trained on: a DataFrame (its columns in order for a model of one
            vector, else by the names of the model's inputs), a dict of arrays by input name, or an
            array [rows, …].
        targets: The truths, in their own unit: one per row, or per output a list or a dict of them.
            Classes are texts, whole numbers from 0 or one-hot rows.
        held_out: `(inputs, targets)` that the model has not seen. Without it a fifth of the rows,
            chosen by a hash of each row, is held out of what the package learns from the data; a
            model that has seen these rows looks better by them than it is.
        columns: The names of the columns of an array.
        preprocess: The fitted scikit-learn transformer between `inputs` and `model`.
        task: `regression`, `classification` or `embedding`; found out without it.
        labels: The classes in the order of the model's scores.
        target_transform: `log`, `log1p` or `sqrt` where the model answers on that scale.
        interval: The share of truths inside the prediction interval of a regression, or `None`.
        title: What people call the model.
        units: The unit of inputs and target, by column.
        limits: `(low, high)` beyond which an input is refused, by column.
        choices: The only values that an input may take, by column.
        help: A sentence on an input, by column.
        promote: Whether it may become the champion.

    Raises:
        DataError: The rows, the model and what is said of them do not fit together.
        RegistryError: MLflow does not answer.
    """
    if not MODEL_NAME.fullmatch(name):
        raise DataError(
            f"name={name!r} cannot be served: small letters, digits, _ and -, a letter first"
        )
    if interval is not None and not 0 < interval < 1:
        raise DataError("interval= lies between 0 and 1, or is None")
    described = Described(units or {}, limits or {}, choices or {}, help or {})
    own = OwnModel.of(
        model, inputs, targets, columns=columns, preprocess=preprocess, task=task, labels=labels,
        target_transform=target_transform, described=described,
    )  # fmt: skip
    rows = hold_out(own, held_out, columns)
    settings = _settings()
    check_signing_key(settings)
    plan = Plan(
        name=name,
        title=title or name.replace("_", " ").replace("-", " ").capitalize(),
        task=own.target.task,
        inputs=own.inputs,
        target=Target(
            own.target.name,
            own.target.name.replace("_", " "),
            (units or {}).get(own.target_column or ""),
        ),
        interval_level=interval,
    )
    return _publish(plan, own, rows, settings, promote)


def _publish(
    plan: Plan, own: OwnModel, rows: OwnRows, settings: Settings, promote: bool
) -> LoggedVersion:
    """Judges, packages, registers; what it says is printed and given."""
    started = datetime.now(UTC)
    evaluation = evaluate_own(plan, own, rows.held_out)
    baselines = simple_errors(plan.task, rows.training.target, rows.held_out.target)
    steps = Steps(Console(quiet=True))
    tracking = Tracking(settings, plan.name)
    with tracking.run_or_current(f"{plan.name} {started:%Y-%m-%d %H:%M}") as run_id:
        trained = Trained(
            plan=plan,
            network=own.network,
            training=rows.training,
            held_out=rows.kept(fitting_rows(plan.inputs, settings.held_out_rows)),
            interval=evaluation.interval,
            labels=own.target.labels,
            metrics=evaluation.metrics,
            revision=None,
            trained_at=started.isoformat(timespec="seconds"),
            shape=own.target.shape,
            others=own.others,
            kind="Keras model",
        )
        card = model_card(trained, baselines, evaluation, len(rows.held_out))
        tracking.log_text(card, f"{plan.name}/model_card.md")
        tracking.log_metrics(
            {f"{plan.name}.{key}": value for key, value in evaluation.metrics.items()}
        )
        judged = Judged(
            evaluation.error, baselines, rows.held_out, rows.held_out.rows_sha256(),
            evaluation.discriminates,
        )  # fmt: skip
        published = Publication(settings, tracking, steps).publish(trained, judged, run_id, promote)
    logged = LoggedVersion(
        name=plan.name,
        version=published.version,
        digest=published.digest,
        metrics=evaluation.metrics,
        baselines=baselines,
        error_metric=main_metric(plan.task),
        unit=plan.target.unit,
        promoted=published.comparison.promote and promote,
        reason=published.comparison.reason,
        judged_by=rows.judged_by,
        url=f"http://{_reachable(settings.host)}:{settings.port}/models/{plan.name}",
        notes=(*evaluation.notes, *_engine_note(published.problem)),
    )
    print(logged)  # noqa: T201
    return logged


def _engine_note(problem: str | None) -> tuple[str, ...]:
    if problem is None:
        return ()
    return (f"there is no ONNX graph of it ({problem}): TensorFlow must serve it",)


def _reachable(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104


def _settings() -> Settings:
    """The settings, with the MLflow server that the caller's own code logs to."""
    settings = load_settings()
    given = given_tracking_uri()
    if given is None or "mlflow_url" in settings.model_fields_set:
        return settings
    if not given.startswith(("http://", "https://")):
        raise ConfigurationError(
            "MLflow logs to a folder or a file here, which no service follows; call "
            f"mlflow.set_tracking_uri({settings.mlflow_url!r}) first, or set VIGIE_MLFLOW_URL"
        )
    return settings.model_copy(update={"mlflow_url": given.rstrip("/")})
