"""The keys that callers send: a file of one JSON line each, which holds names and hashes only."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator

from vigie.errors import ConfigurationError, NotFound
from vigie.files import locked, write_atomically
from vigie.registry.audit import audited, now, who_am_i

if TYPE_CHECKING:
    from vigie.settings import Settings

_PREFIX = "vig_"
_RANDOM_BYTES = 24
_ID_DIGITS = 32


class ApiKey(BaseModel):
    """One key as the file has it; `hash` is the sha256 of the whole key, hexadecimal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    role: Literal["predict"] = "predict"
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    created: AwareDatetime
    expires: AwareDatetime | None = None

    @field_validator("role", mode="before")
    @classmethod
    def _take_admin(cls, role: object) -> object:
        # files of the release before may have it; it never allowed more
        return "predict" if role == "admin" else role

    @property
    def id(self) -> str:
        """What a session names it by: never that of another key, whatever their names."""
        return self.hash[:_ID_DIGITS]

    @property
    def expired(self) -> bool:
        """True from the moment that it expires at."""
        return self.expires is not None and self.expires <= datetime.now(UTC)


def hash_of(key: bytes) -> str:
    """The hash under which a key is kept.

    One round of SHA-256 is right here: a key has 192 random bits, which nobody can try out. Slow
    hashes are for passwords, which people choose; here they would cost every request its time.
    """
    return hashlib.sha256(key).hexdigest()


def read_keys(path: Path) -> tuple[ApiKey, ...]:
    """The keys of a file; a `ConfigurationError` names the line that is none, never its content."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as failure:
        raise ConfigurationError(
            f"VIGIE_API_KEYS: the file cannot be read ({failure.strerror}); "
            "`vigie apikey add` makes it"
        ) from None
    keys: list[ApiKey] = []
    taken: set[str] = set()
    for number, line in enumerate(lines, 1):
        try:
            key = ApiKey.model_validate_json(line)
        except ValidationError:
            raise ConfigurationError(
                f"VIGIE_API_KEYS: line {number} is no key of `vigie apikey add`"
            ) from None
        if not taken.isdisjoint((key.name, key.hash)):
            raise ConfigurationError(f"VIGIE_API_KEYS: line {number} repeats another")
        keys.append(key)
        taken |= {key.name, key.hash}
    return tuple(keys)


def add_key(settings: Settings, name: str, days: int | None) -> str:
    """Adds a key, which this alone ever shows; it expires after `days`, or never."""
    key = _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    created = datetime.now(UTC).replace(microsecond=0)
    fresh = ApiKey(
        name=name,
        hash=hash_of(key.encode()),
        created=created,
        expires=created + timedelta(days=days) if days else None,
    )
    path = key_file(settings)
    with _alone(path), audited(settings.audit_log) as record:
        keys = read_keys(path) if path.exists() else ()
        if any(other.name == name for other in keys):
            raise ConfigurationError(f"there is a key {name} already; revoke it, or name another")
        record(_entry("apikey add", fresh))
        _write(path, (*keys, fresh))
    return key


def revoke_key(settings: Settings, name: str) -> None:
    """Takes a key out of the file; running services refuse it within seconds."""
    path = key_file(settings)
    with _alone(path), audited(settings.audit_log) as record:
        keys = read_keys(path)
        gone = next((key for key in keys if key.name == name), None)
        if gone is None:
            raise NotFound(f"there is no key {name}; `vigie apikey list` shows them")
        record(_entry("apikey revoke", gone))
        _write(path, [key for key in keys if key is not gone])


def key_file(settings: Settings) -> Path:
    """The file that the settings name; a `ConfigurationError` where they name none."""
    if settings.api_keys is None:
        raise ConfigurationError("VIGIE_API_KEYS names no file; set it to where the keys shall be")
    return settings.api_keys


def _entry(what: str, key: ApiKey) -> dict[str, object]:
    entry: dict[str, object] = {"at": now(), "who": who_am_i(), "what": what, "key": key.name}
    return entry | {"expires": key.expires}


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Makes the caller the only one who changes files of this folder."""
    with contextlib.ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(path.parent))
        except OSError as failure:
            raise ConfigurationError(_not_written(failure)) from None
        yield


def _write(path: Path, keys: Sequence[ApiKey]) -> None:
    """Replaces the file whole, for its owner alone to read; the owner stays who it was."""
    text = "".join(key.model_dump_json(exclude_none=True) + "\n" for key in keys)
    try:
        # else a key that root adds would shut the service out of its own file
        found = path.stat() if path.exists() else None
        owner = (found.st_uid, found.st_gid) if found else None
        # a key that is revoked must not come back with a power cut
        write_atomically(path, text.encode(), durable=True, mode=0o600, owner=owner)
    except OSError as failure:
        raise ConfigurationError(_not_written(failure)) from None


def _not_written(failure: OSError) -> str:
    return f"VIGIE_API_KEYS: the file cannot be written ({failure.strerror})"
