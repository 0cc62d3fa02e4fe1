"""The command that serves SavedModels as TensorFlow Serving's container does: no MLflow."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vigie.cli.options import check_model_name
from vigie.cli.process import LOWEST_PRIORITY, begin
from vigie.errors import ConfigurationError, MissingExtra, RegistryError
from vigie.settings import EVERY_OTHER

if TYPE_CHECKING:
    from types import FrameType

    from vigie.registry.bucket_copy import BucketCopy
    from vigie.registry.saved_folder import SavedFolder
    from vigie.settings import Settings

log = logging.getLogger("vigie.registry")

PORT = 8501
POLL_SECONDS = 1.0
# each look at a bucket is paid for
BUCKET_POLL_SECONDS = 5.0
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

    FOLDER holds <model>/<version>/saved_model.pb, or is the folder of one model (MODEL_BASE_PATH);
    on this machine or in a bucket, gs:// or s3://. New versions are taken as they appear; the
    highest good one serves.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from vigie.registry.saved_folder import SavedFolder
    from vigie.serving import serve
    from vigie.serving.companions import Companion

    address = _bucket_in(folder)
    if importlib.util.find_spec("tf2onnx") is None:
        raise MissingExtra(
            "TensorFlow turns a SavedModel into a package, and is not installed: "
            "pip install 'vigie[train]', or take the image `saved`"
        )
    settings = _with_defaults(
        begin(port=port, workers=workers),
        port=PORT,
        poll_seconds=BUCKET_POLL_SECONDS if address else POLL_SECONDS,
        cache=Path("var/saved/cache"),
        state=Path("var/saved/state"),
        mlflow_public_url="",
    )
    base = _first_copy(address, settings) if address else Path(folder)
    found = SavedFolder(base, model_name or None)
    settings = _with_defaults(settings, models=(*found.versions(), EVERY_OTHER))
    watch = Companion("watch of the folder", lambda master: _keep(settings, found, address, master))
    serve(settings, [watch])


def _bucket_in(folder: str) -> str | None:
    """The address where the folder is one of a bucket; one of this machine must be there."""
    from vigie.registry.bucket import SCHEMES

    scheme, separator, _ = folder.partition("://")
    if separator and scheme not in SCHEMES:
        raise ConfigurationError(
            f"{scheme}:// is not read; name a folder of this machine, gs:// or s3://"
        )
    if not separator and not Path(folder).is_dir():
        raise ConfigurationError(f"there is no folder {folder}")
    return folder if separator else None


def _with_defaults(settings: Settings, **defaults: object) -> Settings:
    """The settings, with other defaults than `vigie serve` has; what is set stays."""
    unset = {k: v for k, v in defaults.items() if k not in settings.model_fields_set}
    return settings.model_copy(update=unset)


def _first_copy(address: str, settings: Settings) -> Path:
    """The folder of the copy, with what the bucket holds, or held when it could be read last."""
    # its libraries have threads, and the service is about to fork
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as other:
        base, failure = other.submit(_copied, address, settings).result()
    if failure and not base.is_dir():
        raise ConfigurationError(failure)
    if failure:
        log.warning("%s; what was copied before is served", failure)
    base.mkdir(parents=True, exist_ok=True)
    return base


def _copied(address: str, settings: Settings) -> tuple[Path, str | None]:
    copy = _copy_of(address, settings)
    try:
        copy.refresh()
    except RegistryError as failure:
        return copy.base, str(failure)
    return copy.base, None


def _copy_of(address: str, settings: Settings) -> BucketCopy:
    from vigie.registry.bucket import Bucket
    from vigie.registry.bucket_copy import BucketCopy

    return BucketCopy(Bucket(address), settings.state / "bucket", settings.max_package_bytes)


def _keep(settings: Settings, folder: SavedFolder, address: str | None, master: int) -> None:
    """Looks at the folder until told to stop, or until the service is gone."""
    from vigie.registry.saved_sync import SavedSync
    from vigie.training.imported.served_folder import package_served

    # an import ends with it, at once
    signal.signal(signal.SIGTERM, _end)
    threading.Thread(target=_end_with, args=(master,), daemon=True).start()
    sync = SavedSync(
        settings, folder, lambda source, name, root: package_served(source, name, root, settings),
        _copy_of(address, settings).refresh if address else lambda: None,
    )  # fmt: skip
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
