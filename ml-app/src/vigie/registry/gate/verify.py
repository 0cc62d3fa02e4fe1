"""What a package must show before it may serve: who made it, then bytes, parts, answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vigie.engines.predictor import wanted_engine
from vigie.errors import RefusedPackage
from vigie.models.manifest import verify_manifest
from vigie.models.package import Package, read_package
from vigie.models.signing import load_public_keys, verify_signature
from vigie.registry.client import RegisteredVersion, RegistryClient
from vigie.registry.gate.harmless import check_harmless
from vigie.registry.gate.probe import Trial
from vigie.sandbox.keras_archive import check_keras_file
from vigie.settings import Settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


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
    if package.keras_path.exists():
        check_keras_file(package.keras_path)
    Trial.of(settings).run(package, wanted_engine(package, settings.engine))
    return package


def fetch_verified(
    client: RegistryClient, version: RegisteredVersion, root: Path, settings: Settings
) -> Package:
    """The package of a version, downloaded into `root` and verified as the service does.

    Raises `RefusedPackage` and `RegistryError`.
    """
    if version.digest is None:
        raise RefusedPackage(
            "it is not a package; register it with `vigie train` or `vigie import`"
        )
    client.download(version, root, settings.max_package_bytes)
    keys = load_public_keys(settings.public_keys)
    return verify_package(root, version.digest, version.name, settings, keys)
