"""The command that serves SavedModels as TensorFlow Serving's container does: no MLflow."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vigie.cli.options import check_model_name
from vigie.cli.process import LOWEST_PRIORITY, begin
from vigie.errors import ConfigurationError, MissingExtra, RegistryError
from vigie.settings import EVERY_OTHER

if TYPE_CHECKING:
    from types import FrameType

    from vigie.registry.saved_folder import SavedFolder
    from vigie.settings import Settings

PORT = 8501
POLL_SECONDS = 1.0
PARENT_SECONDS = 1.0


@click.command("serve-saved", short_help="SavedModels in a folder, without MLflow")
@click.argument("folder", envvar="MODEL_BASE_PATH")
@click.option(
    "--model-name",
    envvar="MODEL_NAME",
    callback=lambda context, option, value: value and check_model_name(context, option, value),
    help="Serve this model alone: FOLDER/NAME, or FOLDER itself (MODEL_NAME).",
)
@click.option("--port", type=int, help=f"Port of the service (VIGIE_PORT).  [default: {PORT}]")
@click.option("--workers", type=int, help="Worker processes (VIGIE_WORKERS).")
def serve_saved(folder: str, model_name: str | None, port: int | None, workers: int | None) -> None:
    """Serve the SavedModels in FOLDER as TensorFlow Serving does, without MLflow.

    FOLDER holds <model>/<version>/saved_model.pb, or is the folder of one model (MODEL_BASE_PATH).
    New versions are taken as they appear; the highest good one serves.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from vigie.registry.saved_folder import SavedFolder
    from vigie.serving import serve
    from vigie.serving.companions import Companion

    found = SavedFolder(_folder(folder), model_name or None)
    if importlib.util.find_spec("tf2onnx") is None:
        raise MissingExtra(
            "TensorFlow turns a SavedModel into a package, and is not installed: "
            "pip install 'vigie[train]', or take the image `saved`"
        )
    settings = _with_defaults(begin(port=port, workers=workers), found)
    watch = Companion("watch of the folder", lambda master: _keep(settings, found, master))
    serve(settings, [watch])


def _folder(name: str) -> Path:
    scheme, separator, _ = name.partition("://")
    if separator:
        raise ConfigurationError(
            f"{scheme}:// is not read here; copy the models to this machine and name that folder: "
            f"gsutil -m cp -r {name} ."
        )
    if not Path(name).is_dir():
        raise ConfigurationError(f"there is no folder {name}")
    return Path(name)


def _with_defaults(settings: Settings, folder: SavedFolder) -> Settings:
    """The settings, with other defaults than `vigie serve` has; what is set stays."""
    defaults: dict[str, object] = {
        "port": PORT,
        "models": (*folder.versions(), EVERY_OTHER),
        "poll_seconds": POLL_SECONDS,
        "cache": Path("var/saved/cache"),
        "state": Path("var/saved/state"),
        "mlflow_public_url": "",
    }
    unset = {k: v for k, v in defaults.items() if k not in settings.model_fields_set}
    return settings.model_copy(update=unset)


def _keep(settings: Settings, folder: SavedFolder, master: int) -> None:
    """Looks at the folder until told to stop, or until the service is gone."""
    from vigie.registry.saved_sync import SavedSync
    from vigie.training.imported.served_folder import package_served

    # an import ends with it, at once
    signal.signal(signal.SIGTERM, _end)
    threading.Thread(target=_end_with, args=(master,), daemon=True).start()
    sync = SavedSync(
        settings, folder, lambda source, name, root: package_served(source, name, root, settings)
    )
    # the first look at full speed: nobody is served yet who would have to come first
    with contextlib.suppress(RegistryError, OSError):
        sync.sync_once()
    os.nice(LOWEST_PRIORITY)
    sync.run(threading.Event())


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit


def _end_with(master: int) -> None:
    while os.getppid() == master:
        time.sleep(PARENT_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
