"""Models in a bucket, copied to this machine as they appear, change and go.

They lie there as TensorFlow Serving has them, `<model>/<version>/saved_model.pb`. A version gets
into its place whole, so that the copy can be looked at like any folder of models.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from vigie.files import write_atomically
from vigie.registry.bucket import StoredFile
from vigie.registry.saved_folder import GRAPH, MOST_FILES

if TYPE_CHECKING:
    from vigie.registry.bucket import Bucket

log = logging.getLogger("vigie.registry")

Files = dict[str, StoredFile]
_PREFIX = "copy-"


class BucketCopy:
    """A bucket's folder of models, and its copy in the folder `base`, below `home`.

    What an earlier process copied from the same address is taken as it is.
    """

    def __init__(self, bucket: Bucket, home: Path, most_bytes: int) -> None:
        self._bucket = bucket
        self._home = home
        self._most_bytes = most_bytes
        self._left_out: dict[str, Files] = {}
        # a folder of one model gives it its name
        self.base = home / "models" / bucket.name
        self._state = home / "copied.json"
        self._copied = self._read_state()
        for stale in home.glob(f"{_PREFIX}*"):
            shutil.rmtree(stale, ignore_errors=True)

    def refresh(self) -> None:
        """Copies what is new or has changed, and removes what is gone.

        Where the bucket holds no model at all, the copy stays as it is. Raises `RegistryError` and
        `OSError`.
        """
        found = _by_version(self._bucket.files())
        if not found:
            return
        for place in self._copied.keys() - found.keys():
            self._remove(place)
        for place, files in found.items():
            if self._copied.get(place) != files and self._may_be_copied(place, files):
                self._copy(place, files)

    def _may_be_copied(self, place: str, files: Files) -> bool:
        size = sum(one.size for one in files.values())
        if len(files) <= MOST_FILES and size <= self._most_bytes:
            self._left_out.pop(place, None)
            return True
        if self._left_out.get(place) != files:
            log.warning(
                "%s in the bucket is not copied: it has %d files of %d bytes, %d of %d are taken",
                place or "the model", len(files), size, MOST_FILES, self._most_bytes,
            )  # fmt: skip
            self._left_out[place] = files
        return False

    def _copy(self, place: str, files: Files) -> None:
        target, before = self.base / place, self._copied.get(place, {})
        self.base.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=self._home) as folder:
            fresh = Path(folder, "fresh")
            for name, stored in files.items():
                if before.get(name) != stored or not _linked(target / name, fresh / name):
                    self._bucket.fetch(f"{place}/{name}".lstrip("/"), fresh / name)
            if target.exists():
                target.rename(Path(folder, "before"))
            target.parent.mkdir(parents=True, exist_ok=True)
            fresh.rename(target)
        self._note(self._copied | {place: files})
        log.info("%s was copied from the bucket", place or self._bucket.name)

    def _remove(self, place: str) -> None:
        target = self.base / place
        shutil.rmtree(target, ignore_errors=True)
        # a model goes with its last version
        with contextlib.suppress(OSError):
            target.parent.rmdir()
        self._note({name: files for name, files in self._copied.items() if name != place})

    def _note(self, copied: dict[str, Files]) -> None:
        self._copied = copied
        content = _State(self._bucket.address, copied)
        write_atomically(self._state, msgspec.json.encode(content))

    def _read_state(self) -> dict[str, Files]:
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            state = msgspec.json.decode(self._state.read_bytes(), type=_State)
            if state.address == self._bucket.address:
                return {
                    place: files for place, files in state.copied.items()
                    if (self.base / place).is_dir()
                }  # fmt: skip
        # models of another address have nothing to do with these
        shutil.rmtree(self._home, ignore_errors=True)
        return {}


def _linked(file: Path, fresh: Path) -> bool:
    """False where the file is gone, or its disk knows no second name."""
    fresh.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(file, fresh)
    except OSError:
        return False
    return True


class _State(msgspec.Struct):
    """What was copied of which address: the files of each version folder."""

    address: str
    copied: dict[str, Files]


def _by_version(files: Files) -> dict[str, Files]:
    """The files of each version by its folder: `iris/1`, `1`, or `iris` without a version."""
    found: dict[str, Files] = defaultdict(dict)
    for name, stored in files.items():
        place = _place_of(name, files)
        if place is not None:
            found[place][name[len(place) :].lstrip("/")] = stored
    return {place: found[place] for place in found if not _holds_another(place, found.keys())}


def _place_of(name: str, files: Files) -> str | None:
    folders = name.split("/")[:-1]
    for depth, folder in enumerate(folders[:2]):
        if folder.isdecimal() and folder.isascii():
            return "/".join(folders[: depth + 1])
    # a SavedModel that lies there without a version
    return next(
        (place for place in ("", *folders[:1]) if f"{place}/{GRAPH}".lstrip("/") in files), None
    )


def _holds_another(place: str, places: Iterable[str]) -> bool:
    return any(one != place and one.startswith(f"{place}/".lstrip("/")) for one in places)
