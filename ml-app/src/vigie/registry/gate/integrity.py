"""What a package must show before it may serve: who made it, then bytes, parts, answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vigie.engines.predictor import wanted_engine
from vigie.errors import RefusedPackage
from vigie.models.manifest import verify_manifest
from vigie.models.neighbours import check_thumbnails
from vigie.models.package import read_package
from vigie.models.signing import verify_signature
from vigie.registry.gate.probe import SandboxProbe
from vigie.sandbox.keras_archive import check_keras_file

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from vigie.models.package import Package
    from vigie.settings import Settings


_CODE = frozenset(
    {
        ".cloudpickle", ".dill", ".dll", ".dylib", ".joblib", ".pickle", ".pkl", ".pth", ".pt",
        ".py", ".pyc", ".sh", ".so",
    }
)  # fmt: skip
_MODULE = re.compile(rb"""(?:keras|loader)_module["']?\s*:\s*["']?([^\s"',}]*)""")
_KNOWN = frozenset({b"keras", b"tensorflow.keras", b"mlflow.keras", b"mlflow.tensorflow"})
_MOST_BYTES = 2**20


def verify_package(
    root: Path,
    digest: str,
    name: str,
    settings: Settings,
    keys: Sequence[Ed25519PublicKey] = (),
) -> Package:
    """The package in `root`, fit to serve; `RefusedPackage` says why it is not.

    Where there are `keys`, one of them must have signed it: that is looked at first. This process
    reads documents only; the model itself is opened in the sandbox.
    """
    verify_signature(root, keys)
    verify_manifest(root, digest)
    check_harmless(root)
    package = read_package(root, digest)
    if package.document.name != name:
        raise RefusedPackage(f"the package says that it is {package.document.name}, not {name}")
    if package.document.engine == "onnx" and not package.onnx_path.is_file():
        raise RefusedPackage("vigie/model.onnx is missing")
    described = package.document.neighbours
    if package.neighbours and described and described.thumbnails:
        check_thumbnails(root, len(package.neighbours))
    if package.keras_path.exists():
        check_keras_file(package.keras_path, package.keras_path.relative_to(root).as_posix())
    SandboxProbe.of(settings).run(package, wanted_engine(package, settings.engine))
    return package


def check_harmless(root: Path) -> None:
    """Refuses pickles, programs, and an `MLmodel` that names a module that is not Keras' own.

    `MLmodel` is searched as text: a parser is more than its fields deserve.
    """
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() in _CODE:
            raise RefusedPackage(f"the package holds code or a pickle: {path.name}")
    for name in ("MLmodel", "data/keras_module.txt"):
        path = root / name
        if not path.is_file():
            continue
        if path.stat().st_size > _MOST_BYTES:
            raise RefusedPackage(f"{name} is larger than {_MOST_BYTES} bytes")
        text = path.read_bytes()
        named = set(_MODULE.findall(text)) if name == "MLmodel" else {text.strip()}
        if named - _KNOWN:
            raise RefusedPackage(f"{name} names a module to import")
