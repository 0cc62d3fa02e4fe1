"""Signatures: only the holder of the key makes them, and a wrong one is seen before any parsing."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from vigie.errors import BrokenPackage, ConfigurationError, RefusedPackage
from vigie.models.manifest import verify_manifest, write_manifest
from vigie.models.signing import (
    PublicKeys,
    load_private_key,
    load_public_keys,
    new_keys,
    sign_package,
    verify_signature,
)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    new_keys(tmp_path / "a.key")
    return tmp_path / "a.key"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "package"
    (root / "vigie").mkdir(parents=True)
    (root / "vigie/package.json").write_text("{}")
    write_manifest(root)
    return root


def public(*keys: Path) -> list[Path]:
    return [key.with_name(f"{key.name}.pub") for key in keys]


def test_keys_are_private_to_their_owner_and_never_overwritten(key: Path) -> None:
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert b"PRIVATE" not in public(key)[0].read_bytes()
    before = key.read_bytes()
    with pytest.raises(ConfigurationError, match=r"a\.key\.pub is there already"):
        new_keys(key)
    public(key)[0].unlink()
    with pytest.raises(ConfigurationError, match=r"a\.key is there already"):
        new_keys(key)
    assert key.read_bytes() == before
    with pytest.raises(ConfigurationError, match="cannot be written"):
        new_keys(key.parent / "nowhere/b.key")


def test_a_signed_package_is_accepted_and_its_digest_stays(
    key: Path, root: Path, tmp_path: Path
) -> None:
    new_keys(tmp_path / "old.key")
    digest = write_manifest(root)
    sign_package(root, load_private_key(key))
    verify_manifest(root, digest)
    verify_signature(root, load_public_keys(public(tmp_path / "old.key", key)))


def test_without_keys_every_package_is_accepted(root: Path) -> None:
    verify_signature(root, ())


def _unsigned(root: Path) -> None:
    (root / "vigie/manifest.sig").unlink()


def _changed(root: Path) -> None:
    (root / "vigie/package.json").write_text('{"other": 1}')
    write_manifest(root)


def _cut(root: Path) -> None:
    path = root / "vigie/manifest.sig"
    path.write_bytes(base64.b64encode(base64.b64decode(path.read_bytes())[:-1]))


def _rubbish(root: Path) -> None:
    (root / "vigie/manifest.sig").write_bytes(b"\xff\x00 no base64")


def _huge(root: Path) -> None:
    (root / "vigie/manifest.sig").write_bytes(b"A" * 2**20)


def _linked(root: Path) -> None:
    path = root / "vigie/manifest.sig"
    path.rename(root / "elsewhere")
    path.symlink_to(root / "elsewhere")


def _no_manifest(root: Path) -> None:
    (root / "vigie/manifest.json").unlink()


FAULTS = {
    "unsigned": (_unsigned, "not signed"),
    "manifest changed": (_changed, "by none of VIGIE_PUBLIC_KEYS"),
    "cut": (_cut, "by none of VIGIE_PUBLIC_KEYS"),
    "rubbish": (_rubbish, "is not a signature"),
    "huge": (_huge, "by none of VIGIE_PUBLIC_KEYS"),
    "link": (_linked, "not signed"),
    "no manifest": (_no_manifest, r"no vigie/manifest\.json"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_signature_is_refused(key: Path, root: Path, fault: str) -> None:
    sign_package(root, load_private_key(key))
    plant, reason = FAULTS[fault]
    plant(root)
    with pytest.raises(RefusedPackage, match=reason):
        verify_signature(root, load_public_keys(public(key)))


def test_the_signature_of_another_key_is_refused(key: Path, root: Path, tmp_path: Path) -> None:
    new_keys(tmp_path / "thief.key")
    sign_package(root, load_private_key(tmp_path / "thief.key"))
    with pytest.raises(RefusedPackage, match="by none of VIGIE_PUBLIC_KEYS"):
        verify_signature(root, load_public_keys(public(key)))


def test_a_file_that_is_no_key_is_named_without_its_content(key: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.key"
    other.write_bytes(
        generate_private_key(SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    for path in (other, tmp_path / "absent", *public(key)):
        with pytest.raises(ConfigurationError, match="VIGIE_SIGNING_KEY"):
            load_private_key(path)
    with pytest.raises(ConfigurationError, match=r"VIGIE_PUBLIC_KEYS: a\.key is no public key"):
        load_public_keys([key])


def test_a_file_may_hold_several_keys_and_is_read_anew_at_each_use(
    key: Path, root: Path, tmp_path: Path
) -> None:
    new_keys(tmp_path / "next.key")
    old, new = (path.read_bytes() for path in public(key, tmp_path / "next.key"))
    file = tmp_path / "keys.pem"
    file.write_bytes(old)
    keys = PublicKeys([file])
    sign_package(root, load_private_key(tmp_path / "next.key"))
    with pytest.raises(RefusedPackage, match="by none of VIGIE_PUBLIC_KEYS"):
        verify_signature(root, keys.now())
    file.write_bytes(old + new)
    verify_signature(root, keys.now())
    sign_package(root, load_private_key(key))
    verify_signature(root, keys.now())
    file.write_bytes(new)
    with pytest.raises(RefusedPackage, match="by none of VIGIE_PUBLIC_KEYS"):
        verify_signature(root, keys.now())


def test_a_file_that_comes_to_hold_no_key_lets_nothing_in(key: Path, tmp_path: Path) -> None:
    (file,) = public(key)
    keys = PublicKeys([file])
    good = file.read_bytes()
    for wrong in (b"", good + good.replace(b"MCow", b"AAAA"), key.read_bytes()):
        file.write_bytes(wrong)
        with pytest.raises(BrokenPackage, match=r"a\.key\.pub is no public key"):
            keys.now()
    file.write_bytes(good)
    assert keys.now()
    with pytest.raises(ConfigurationError):
        PublicKeys([tmp_path / "absent"])
