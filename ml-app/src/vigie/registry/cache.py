"""The cache of verified packages: the one interface between model-sync and all readers.

    <cache>/<model>/versions/<digest>/…      a package, complete and verified
    <cache>/<model>/champion -> versions/<digest>
    <cache>/<model>/challenger               the same of the version that is tried on copies
    <cache>/<model>/versions/<digest>.json   its registry version and run
    <cache>/<model>/refused.json             the candidate that was refused last, and why
    <cache>/<model>/withdrawn                the model had a champion, and somebody took it away
    <cache>/registry.json                    when the registry answered last, and refusals so far

Writers prepare beside the target and rename; a reader never sees half of anything.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import orjson

from vigie.files import bring_to_disk, link_atomically, locked, write_atomically
from vigie.settings import MODEL_NAME

Alias = Literal["champion", "challenger"]
CHAMPION: Alias = "champion"
CHALLENGER: Alias = "challenger"
_REFUSED = {CHAMPION: "refused.json", CHALLENGER: "refused-challenger.json"}
_WITHDRAWN = "withdrawn"
_READABLE = 0o755
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class CachedVersion:
    """A package in the cache: where it lies and which registered version it is."""

    root: Path
    digest: str
    version: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A version that is not served, and the reason for people; `pending` while it may yet be."""

    version: str
    digest: str
    reason: str
    pending: bool = False


@dataclass(frozen=True, slots=True)
class RegistryState:
    """What model-sync has seen: its last good answer, and refusals by model."""

    last_success: float = 0.0
    refusals: dict[str, int] = field(default_factory=dict)


class ModelCache:
    """The cache in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def models(self) -> list[str]:
        """The models that have a champion in the cache, sorted."""
        if not self.folder.is_dir():
            return []
        return sorted(
            entry.name
            for entry in self.folder.iterdir()
            if MODEL_NAME.fullmatch(entry.name) and (entry / CHAMPION).is_symlink()
        )

    def refused(self) -> list[str]:
        """The models that have no champion in the cache because it was refused, sorted."""
        return sorted(
            path.parent.name
            for path in self.folder.glob(f"*/{_REFUSED[CHAMPION]}")
            if MODEL_NAME.fullmatch(path.parent.name) and self.pointer(path.parent.name) is None
        )

    def withdrawn(self) -> list[str]:
        """The models whose champion somebody took away, sorted; one that was lost is not here."""
        return sorted(
            path.parent.name
            for path in self.folder.glob(f"*/{_WITHDRAWN}")
            if MODEL_NAME.fullmatch(path.parent.name)
        )

    def pointer(self, model: str, alias: Alias = CHAMPION) -> str | None:
        """The digest that an alias points to; one system call, fit for frequent polling."""
        try:
            digest = (self.folder / model / alias).readlink().name
        except OSError:
            return None
        return digest if _DIGEST.fullmatch(digest) else None

    def find(self, model: str, digest: str) -> CachedVersion | None:
        """The package with this digest, if the cache has it."""
        if not _DIGEST.fullmatch(digest):
            return None
        root = self.folder / model / "versions" / digest
        try:
            record = orjson.loads(root.with_name(f"{digest}.json").read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return None
        if not root.is_dir():
            return None
        return CachedVersion(root, digest, str(record["version"]), str(record["run_id"]))

    def find_run(self, model: str, run_id: str) -> CachedVersion | None:
        """The package that came of this run, if the cache has it."""
        records = sorted(self._versions(model).glob("*.json"))
        found = (self.find(model, record.stem) for record in records)
        return next((version for version in found if version and version.run_id == run_id), None)

    def named(self, model: str, alias: Alias) -> CachedVersion | None:
        """The package that an alias points to, if there is one."""
        digest = self.pointer(model, alias)
        return None if digest is None else self.find(model, digest)

    def champion(self, model: str) -> CachedVersion | None:
        """The package that serves, if there is one."""
        return self.named(model, CHAMPION)

    def challenger(self, model: str) -> CachedVersion | None:
        """The package that is tried beside the one that serves, if there is one."""
        return self.named(model, CHALLENGER)

    @contextlib.contextmanager
    def lock(self, model: str) -> Iterator[Path]:
        """Makes the caller the only writer of this model; gives an empty folder to work in."""
        home = self.folder / model
        (home / "versions").mkdir(parents=True, exist_ok=True)
        with locked(home / ".lock"):
            for stale in home.glob(".incoming-*"):
                shutil.rmtree(stale, ignore_errors=True)
            incoming = Path(tempfile.mkdtemp(prefix=".incoming-", dir=home))
            try:
                yield incoming
            finally:
                shutil.rmtree(incoming, ignore_errors=True)

    def install(
        self, model: str, incoming: Path, digest: str, version: str, run_id: str
    ) -> CachedVersion:
        """Moves a verified package from its working folder into the cache. Needs the lock."""
        root = self.folder / model / "versions" / digest
        if not root.exists():
            # readers are other users: of the service, of a batch run
            incoming.chmod(_READABLE)
            _sync_tree(incoming)
            incoming.rename(root)
            bring_to_disk(root.parent)
        self.record(model, digest, version, run_id)
        return CachedVersion(root, digest, version, run_id)

    def record(self, model: str, digest: str, version: str, run_id: str) -> None:
        """Notes which registered version a package is. Needs the lock."""
        path = self.folder / model / "versions" / f"{digest}.json"
        _write(path, {"version": version, "run_id": run_id})

    def point(self, model: str, digest: str, alias: Alias = CHAMPION) -> None:
        """Makes an alias name this package. Needs the lock."""
        link_atomically(self.folder / model / alias, Path("versions") / digest)
        if alias == CHAMPION:
            (self.folder / model / _WITHDRAWN).unlink(missing_ok=True)

    def forget(self, model: str) -> None:
        """Removes a model: the pointer first, so that nobody begins to load it. Needs the lock."""
        for alias in (CHAMPION, CHALLENGER):
            self.unpoint(model, alias)
            self.clear_refusal(model, alias)
        self.prune(model, set())
        # copies of this cache go by it: what is not here may be lost, or not here yet
        (self.folder / model / _WITHDRAWN).touch()

    def withdraw(self, model: str, alias: Alias) -> bool:
        """Makes an alias name nothing, and drops its package unless another alias names it.

        False where it named nothing.
        """
        digest = self.pointer(model, alias)
        if digest is None:
            return False
        with self.lock(model):
            self.unpoint(model, alias)
            if digest not in {self.pointer(model, other) for other in (CHAMPION, CHALLENGER)}:
                self.drop(model, digest)
        return True

    def unpoint(self, model: str, alias: Alias) -> None:
        """Makes an alias name nothing. Needs the lock."""
        (self.folder / model / alias).unlink(missing_ok=True)

    def refuse(self, model: str, refusal: Refusal, alias: Alias = CHAMPION) -> None:
        """Records a refused candidate, for the status route and the log."""
        (self.folder / model).mkdir(parents=True, exist_ok=True)
        _write(self.folder / model / _REFUSED[alias], asdict(refusal))

    def refusal(self, model: str, alias: Alias = CHAMPION) -> Refusal | None:
        """The candidate that was refused last, unless one was accepted since."""
        try:
            found = orjson.loads((self.folder / model / _REFUSED[alias]).read_bytes())
            pending = bool(found.get("pending"))
            return Refusal(found["version"], found["digest"], found["reason"], pending)
        except (OSError, orjson.JSONDecodeError, KeyError):
            return None

    def clear_refusal(self, model: str, alias: Alias = CHAMPION) -> None:
        """Forgets the refused candidate."""
        (self.folder / model / _REFUSED[alias]).unlink(missing_ok=True)

    def registry_state(self) -> RegistryState:
        """What model-sync noted last; zeros before its first note."""
        try:
            found = orjson.loads((self.folder / "registry.json").read_bytes())
            return RegistryState(float(found["last_success"]), dict(found["refusals"]))
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            return RegistryState()

    def note_registry(self, state: RegistryState) -> None:
        """Keeps what model-sync has seen, for the metrics of the service.

        Written every few seconds and made again as often: it does not wait for the disk.
        """
        if state == self.registry_state():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self.folder / "registry.json", orjson.dumps(asdict(state)))

    def prune(self, model: str, keep: set[str]) -> None:
        """Removes the packages that neither `keep` nor an alias names. Needs the lock."""
        named = {self.pointer(model, alias) for alias in (CHAMPION, CHALLENGER)}
        found = {root.name.removesuffix(".json") for root in self._versions(model).iterdir()}
        for digest in found - keep - named:
            self.drop(model, digest)

    def drop(self, model: str, digest: str) -> None:
        """Removes a package. Needs the lock."""
        root = self._versions(model) / digest
        if root.is_dir():
            # out of sight first: a stop in the middle must not leave half a package
            gone = root.rename(self.folder / model / f".incoming-{digest}")
            shutil.rmtree(gone, ignore_errors=True)
        root.with_name(f"{digest}.json").unlink(missing_ok=True)

    def _versions(self, model: str) -> Path:
        return self.folder / model / "versions"


def _write(path: Path, content: object) -> None:
    # what serves after a power cut must be what was accepted
    write_atomically(path, orjson.dumps(content), durable=True)


def _sync_tree(root: Path) -> None:
    """Brings a package to the disk before its name says that it is complete."""
    for folder, _, names in os.walk(root):
        for name in names:
            bring_to_disk(Path(folder) / name)
        bring_to_disk(Path(folder))
