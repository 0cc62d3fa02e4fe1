"""The secrets of the Compose stack: made once, and each put where one service alone reads it.

FOLDER/made/NAME            the secret itself, for root alone
FOLDER/SERVICE/FILE         what a service is given, owned by the user that it runs as
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vigie.cli.stack_certificate import make_stopgap
from vigie.errors import ConfigurationError, NotFound
from vigie.files import write_atomically

RANDOM_BYTES = 32
OWNER_READS = 0o400

POSTGRES, MLFLOW_TABLES, PREDICTIONS = "postgres", "mlflow-database", "predictions-database"
MLFLOW_ADMIN, MLFLOW_REGISTRY, MLFLOW_SESSIONS = "mlflow", "mlflow-registry", "mlflow-sessions"
GRAFANA, GRAFANA_KEY = "grafana", "grafana-key"
SPARK = "spark"
SESSIONS = "sessions"
NAMES = (
    POSTGRES, MLFLOW_TABLES, PREDICTIONS, MLFLOW_ADMIN, MLFLOW_REGISTRY, MLFLOW_SESSIONS,
    GRAFANA, GRAFANA_KEY, SPARK, SESSIONS,
)  # fmt: skip
"""All secrets that are made."""

LOGINS = {MLFLOW_ADMIN: "admin", GRAFANA: "admin"}
"""The secrets that people type, and the account of each."""


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A file of a service; `text` has the names of the secrets in braces."""

    path: str
    owner: int
    text: str
    mode: int = OWNER_READS


def _login(user: str, secret: str) -> str:
    return f"[mlflow]\nmlflow_tracking_username = {user}\nmlflow_tracking_password = {{{secret}}}\n"


_SPARK_DEFAULTS = """\
spark.authenticate true
spark.authenticate.secret {spark}
spark.network.crypto.enabled true
spark.network.crypto.cipher AES/GCM/NoPadding
"""
_ROOT, _VIGIE, _MLFLOW, _GRAFANA, _GATEWAY, _ALERTMANAGER = 0, 10001, 10002, 472, 99, 65534
FILES = (
    # the user differs from image to image (Debian's, Alpine's); no other service has this folder
    SecretFile("postgres/password", _ROOT, "{postgres}", 0o444),
    SecretFile("mlflow-migrate/pgpass", _MLFLOW, "*:*:*:postgres:{postgres}\n"),
    SecretFile("mlflow-migrate/mlflow", _MLFLOW, "{mlflow-database}"),
    SecretFile("mlflow-migrate/vigie", _MLFLOW, "{predictions-database}"),
    SecretFile("mlflow-migrate/admin_password", _MLFLOW, "{mlflow}"),
    SecretFile("mlflow/pgpass", _MLFLOW, "*:*:*:mlflow:{mlflow-database}\n"),
    SecretFile("mlflow/admin_password", _MLFLOW, "{mlflow}"),
    SecretFile("mlflow/session_key", _MLFLOW, "{mlflow-sessions}"),
    SecretFile("ml-app/pgpass", _VIGIE, "*:*:*:vigie:{predictions-database}\n"),
    SecretFile("ml-app/session_secret", _VIGIE, "{sessions}"),
    SecretFile("model-sync/credentials", _VIGIE, _login("registry", MLFLOW_REGISTRY)),
    SecretFile("trainer/credentials", _VIGIE, _login("admin", MLFLOW_ADMIN)),
    SecretFile("importer/credentials", _VIGIE, _login("admin", MLFLOW_ADMIN)),
    SecretFile("trainer/registry_password", _VIGIE, "{mlflow-registry}"),
    SecretFile("grafana/admin_password", _GRAFANA, "{grafana}"),
    SecretFile("grafana/secret_key", _GRAFANA, "{grafana-key}"),
    # its user may be another, that of the folder with the data; no other service has this folder
    SecretFile("spark/spark-defaults.conf", _VIGIE, _SPARK_DEFAULTS, 0o444),
)
"""What each service is given. A password has letters, digits, `-` and `_` alone: fit for all."""

KEYS = "apikeys"
FORMER = {"registry": "model-sync", "migrate": "mlflow-migrate", "keys": KEYS}
"""The folders that services had under the names of the release before."""


def new_secret() -> str:
    """A secret of letters, digits, `-` and `_` that nobody guesses."""
    return secrets.token_urlsafe(RANDOM_BYTES)


def text_of(file: SecretFile, values: Mapping[str, str]) -> str:
    """What a file holds, given the secrets by name."""
    text = file.text
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def prepare_secrets(folder: Path) -> int:
    """Makes the secrets that are missing and hands all of them out; how many were made.

    A secret that is there is never changed; a file of a service that is gone, cut short or of
    another owner is written anew. Raises `ConfigurationError` where it may not write.
    """
    try:
        values, made = _make_missing(folder / "made")
        _take_over_former(folder)
        for file in FILES:
            _hand_out(folder / file.path, text_of(file, values), file)
        _make_room_for_keys(folder / KEYS)
        _make_room_for_certificate(folder / "gateway")
        _make_room_for_receivers(folder / "receivers")
    except OSError as failure:
        raise ConfigurationError(
            f"the secrets cannot be written ({failure.strerror}); the command needs root"
        ) from None
    return made


def require_part(folder: Path, part: Path) -> None:
    """Raises `ConfigurationError` where a part of the volume shows more than that part.

    `part` is the folder of PostgreSQL, mounted as every service mounts its own.
    """
    seen, whole, own = (path.stat() for path in (part, folder, folder / POSTGRES))
    if os.path.samestat(seen, own):
        return
    if os.path.samestat(seen, whole):
        raise ConfigurationError(
            "this engine ignores `volume.subpath`: every service would see every password. Nothing "
            "was made; take Docker Engine 26 with Compose 2.26, or later ones"
        )
    raise ConfigurationError("SECRETS_PART is not the folder `postgres` of the volume of secrets")


def read_login(folder: Path, name: str) -> tuple[str, str]:
    """Account and password of a login for people. Raises `NotFound`."""
    if name not in LOGINS:
        raise NotFound(f"there is no login {name}; there are {', '.join(LOGINS)}")
    try:
        return LOGINS[name], (folder / "made" / name).read_text()
    except OSError:
        raise NotFound(f"there is no password for {name} yet; start the stack first") from None


def _make_missing(folder: Path) -> tuple[dict[str, str], int]:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    values: dict[str, str] = {}
    made = 0
    for name in NAMES:
        path = folder / name
        if not (path.is_file() and path.stat().st_size):
            _write(path, new_secret(), os.getuid())
            made += 1
        values[name] = path.read_text()
    return values, made


def _take_over_former(folder: Path) -> None:
    """Moves the folders of former names, which containers that still run go on seeing."""
    for old, new in FORMER.items():
        former = folder / old
        if former.is_dir() and not former.is_symlink():
            if not (folder / new).exists():
                former.rename(folder / new)
            elif new != KEYS:
                shutil.rmtree(former)
    # the release before, should it be taken back, finds the keys of callers
    if not (folder / "keys").exists():
        (folder / "keys").symlink_to(KEYS)


def _make_room_for_keys(folder: Path) -> None:
    """An empty file of API keys, which its owner may replace: without a key nobody gets in."""
    folder.mkdir(exist_ok=True)
    path = folder / "keys.jsonl"
    if not path.exists():
        _write(path, "", _VIGIE)
    if os.getuid() != _VIGIE:
        os.chown(folder, _VIGIE, _VIGIE)


def _make_room_for_certificate(folder: Path) -> None:
    """The gateway starts with a stopgap, and keeps here what an issuer signs."""
    folder.mkdir(exist_ok=True)
    if not (folder / "site.pem").exists():
        _write(folder / "site.pem", make_stopgap(), _GATEWAY)
    if os.getuid() != _GATEWAY:
        os.chown(folder, _GATEWAY, _GATEWAY)


def _make_room_for_receivers(folder: Path) -> None:
    """Where Alertmanager's configuration is written by the user that reads it."""
    folder.mkdir(exist_ok=True)
    if os.getuid() != _ALERTMANAGER:
        os.chown(folder, _ALERTMANAGER, _ALERTMANAGER)


def _hand_out(path: Path, text: str, file: SecretFile) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o755)
    if path.is_file() and path.stat().st_uid == file.owner and path.read_text() == text:
        return
    _write(path, text, file.owner, file.mode)


def _write(path: Path, text: str, owner: int, mode: int = OWNER_READS) -> None:
    """Writes a file, whole or not at all, for those alone who shall read it."""
    # made once, and PostgreSQL keeps the first: it must not be lost
    others = None if os.getuid() == owner else (owner, owner)
    write_atomically(path, text.encode(), durable=True, mode=mode, owner=others)
