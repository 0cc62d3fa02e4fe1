"""The process that adds a package to a version which was logged without Vigie, and ends.

`python -m vigie.training.imported.in_place FOLDER` does what `order.json` in that folder says and
writes `result.json`: see `vigie.registry.package_maker`. It asks MLflow nothing.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import orjson

from vigie.errors import DataError, RefusedPackage
from vigie.models.manifest import write_manifest
from vigie.models.package import ONNX_MODEL, SERVED_KERAS_MODEL
from vigie.models.signing import sign_with
from vigie.registry.gate.integrity import check_harmless, verify_package
from vigie.registry.package_maker import ORDER, RESULT, Made
from vigie.sandbox.run import Limits, run_confined
from vigie.settings import load_settings
from vigie.training.imported.document import describe_imported
from vigie.training.imported.files import take, take_arrays, write_documents
from vigie.training.imported.logged_model import SAVED_MODEL_FOLDERS, find_model
from vigie.training.imported.memory import limits_for
from vigie.training.imported.photos import PhotoOptions, size_of
from vigie.training.imported.scaling import scaling_of

if TYPE_CHECKING:
    from vigie.settings import Settings

OWN = "vigie"
UNASKED = PhotoOptions(asks=False)
"""Nobody is there to be asked: without a tag that states a scaling, photos stay numbers."""


def add_package(
    root: Path,
    name: str,
    begun: bool,
    settings: Settings,
    limits: Limits,
    photos: PhotoOptions = UNASKED,
) -> Made:
    """Adds a package to the files of a version in `root`, and verifies it as the service will.

    Nothing of the user's is changed: all that is added lies below `vigie/`, where files may lie
    already if an import was `begun` before. `photos` is what its tags say. Raises
    `RefusedPackage` and `DataError`.
    """
    if (root / OWN).exists() and not begun:
        raise RefusedPackage("the version has a folder vigie/ that no import has made")
    try:
        check_harmless(root)
    except RefusedPackage as found:
        raise RefusedPackage(f"{found}, which is never opened") from None
    (root / OWN).mkdir(exist_ok=True)
    parts = _convert(root, limits_for(find_model(root), limits), photos)
    told = f"logged without Vigie, imported in place from {parts['model']}"
    document = describe_imported(name, parts, told, parts["made_up_rows"])
    write_documents(root, document, parts)
    digest = write_manifest(root)
    sign_with(root, settings.signing_key)
    verify_package(root, digest, name, settings)
    added = (path for path in (root / OWN).rglob("*") if path.is_file())
    return Made(digest, tuple(sorted(path.relative_to(root).as_posix() for path in added)))


def _convert(root: Path, limits: Limits, photos: PhotoOptions) -> dict[str, Any]:
    """Puts the graph, and a Keras model where one is needed, below `root`; gives what to say."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        order = {"root": str(root.resolve()), "photos": photos.to_dict()}
        task = "vigie.training.imported.logged_conversion:to_package"
        parts: dict[str, Any] = run_confined(task, order, work, [root], limits)
        for made, target in (("model.onnx", ONNX_MODEL), ("model.keras", SERVED_KERAS_MODEL)):
            take(work / made, root / target)
        take_arrays(work, root)
    return parts


def explain(reason: str, root: Path, name: str) -> str:
    """The reason why there is no package, and the line of code that mends it."""
    # what `vigie import` would be told
    reason = reason.removesuffix("; give rows with --examples")
    if any((root / folder).is_dir() for folder in SAVED_MODEL_FOLDERS):
        mended = (
            "mlflow.tensorflow.log_model(module, …, saved_model_kwargs="
            '{"signatures": module.__call__.get_concrete_function(…)})'
        )
    else:
        mended = (
            f'vigie.log_model(model, name="{name}", inputs=X, targets=y), or, of Keras\' layers '
            "alone and without custom_objects or code_paths, mlflow.keras.log_model(model, …, "
            "signature=infer_signature({c: X[c].to_numpy() for c in X}, y))"
        )
    return f"{reason}. Log it again: {mended}"


class _WrongTag(DataError):
    """A tag that says of photos what cannot be: logging the model again would not mend it."""


def _tagged(order: dict[str, Any]) -> PhotoOptions:
    """What the tags of the version say of its photos."""
    try:
        return PhotoOptions(
            scaling_of(order.get("scaling")), size_of(order.get("size")), asks=False
        )
    except DataError as wrong:
        raise _WrongTag(f"its tags vigie.scaling and vigie.size: {wrong}") from None


def main(folder: Path) -> None:
    """Carries out the order in `folder`."""
    order = orjson.loads((folder / ORDER).read_bytes())
    result: dict[str, Any]
    try:
        photos = _tagged(order)
        made = add_package(
            Path(order["root"]), order["name"], order["begun"],
            load_settings(), Limits(**order["limits"]), photos,
        )  # fmt: skip
        result = {"digest": made.digest, "files": made.files}
    except _WrongTag as reason:
        result = {"refused": str(reason)}
    except (RefusedPackage, DataError) as reason:
        result = {"refused": explain(str(reason), Path(order["root"]), order["name"])}
    (folder / RESULT).write_bytes(orjson.dumps(result))


def _stop(number: int, frame: FrameType | None) -> None:
    # so that what it started ends with it
    raise SystemExit(1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    main(Path(sys.argv[1]))
