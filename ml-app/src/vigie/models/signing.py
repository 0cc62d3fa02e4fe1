"""Signatures of packages: ed25519 over the manifest, checked before anything else is read."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vigie.errors import BrokenPackage, ConfigurationError, RefusedPackage
from vigie.models.manifest import MANIFEST, SIGNATURE

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

# cryptography is imported where a key is used: most processes never see one

_MOST_BYTES = 16 * 2**20
_BEGIN = b"-----BEGIN PUBLIC KEY-----"


def new_keys(path: Path) -> Path:
    """Writes a private key, readable by its owner alone, and `<path>.pub`; gives the latter."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    other = path.with_name(f"{path.name}.pub")
    if other.exists():
        raise ConfigurationError(f"{other.name} is there already; keys are never overwritten")
    _write_new(path, private, 0o600)
    _write_new(other, public, 0o644)
    return other


def load_private_key(path: Path) -> Ed25519PrivateKey:
    """The key to sign with; an explained error where the file holds none."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ed25519
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise ConfigurationError(
            "VIGIE_SIGNING_KEY names no private key of `vigie signing-key new`"
        )
    return key


class PublicKeys:
    """The keys of some files, read anew at each use: a change of them needs no restart.

    Raises `ConfigurationError` at once where a file holds none.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        load_public_keys(paths)

    def now(self) -> tuple[Ed25519PublicKey, ...]:
        """The keys as they are now; `BrokenPackage` where a file holds none any more."""
        try:
            return load_public_keys(self._paths)
        except ConfigurationError as failure:
            raise BrokenPackage(str(failure)) from None


def load_public_keys(paths: Sequence[Path]) -> tuple[Ed25519PublicKey, ...]:
    """The keys of which one must have signed; an explained error where a file holds none.

    A file may hold several, one after another.
    """
    return tuple(key for path in paths for key in _public_keys_of(path))


def _public_keys_of(path: Path) -> list[Ed25519PublicKey]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ed25519
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        _, *parts = path.read_bytes().split(_BEGIN)
        keys = [load_pem_public_key(_BEGIN + part) for part in parts]
    except (OSError, ValueError, UnsupportedAlgorithm):
        keys = []
    found = [key for key in keys if isinstance(key, ed25519.Ed25519PublicKey)]
    if not found or len(found) < len(keys):
        raise ConfigurationError(
            f"VIGIE_PUBLIC_KEYS: {path.name} is no public key of `vigie signing-key new`"
        )
    return found


def sign_with(root: Path, key: Path | None) -> None:
    """Signs a package with the private key in a file, where one is set; see `sign_package`."""
    if key is not None:
        sign_package(root, load_private_key(key))


def sign_package(root: Path, key: Ed25519PrivateKey) -> None:
    """Signs the manifest of the package in `root`; its digest stays as it is."""
    signature = key.sign((root / MANIFEST).read_bytes())
    (root / SIGNATURE).write_bytes(base64.b64encode(signature) + b"\n")


def verify_signature(root: Path, keys: Sequence[Ed25519PublicKey]) -> None:
    """Refuses a package that none of the keys has signed; without keys, accepts every package."""
    if not keys:
        return
    from cryptography.exceptions import InvalidSignature

    manifest, signed = root / MANIFEST, root / SIGNATURE
    if not signed.is_file() or signed.is_symlink():
        raise RefusedPackage("it is not signed, and VIGIE_PUBLIC_KEYS asks for a signature")
    if not manifest.is_file() or manifest.stat().st_size > _MOST_BYTES:
        raise RefusedPackage("it has no vigie/manifest.json that could be signed")
    content = manifest.read_bytes()
    signature = _signature(signed)
    for key in keys:
        try:
            key.verify(signature, content)
        except InvalidSignature:
            continue
        return
    raise BrokenPackage("its signature is by none of VIGIE_PUBLIC_KEYS")


def _signature(path: Path) -> bytes:
    with path.open("rb") as file:
        text = file.read(1024)
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise BrokenPackage("vigie/manifest.sig is not a signature") from None


def _write_new(path: Path, content: bytes, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise ConfigurationError(
            f"{path.name} is there already; keys are never overwritten"
        ) from None
    except OSError as failure:
        raise ConfigurationError(f"{path.name} cannot be written: {failure.strerror}") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
