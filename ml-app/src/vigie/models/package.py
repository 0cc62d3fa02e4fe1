"""A model package on disk: the folder that training writes, the cache keeps, engines open."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from vigie.errors import RefusedPackage
from vigie.models.document import PackageDocument
from vigie.models.neighbours import read_neighbours
from vigie.models.profile import Profile
from vigie.models.reference_rows import Golden, HeldOut, with_arrays

if TYPE_CHECKING:
    from vigie.models.neighbours import Neighbours

KERAS_MODEL = Path("data/model.keras")
SERVED_KERAS_MODEL = Path("vigie/model.keras")
"""The model behind the package's inputs, of an import in place: the other is the user's own."""
SAVED_MODELS = (Path("source"), Path("data/model"), Path("tf2model"))
"""Where the SavedModel lies that a package was made of: its own copy, or as MLflow logged it."""
ONNX_MODEL = Path("vigie/model.onnx")
DOCUMENT = Path("vigie/package.json")
PROFILE = Path("vigie/profile.json")
GOLDEN = Path("vigie/golden.json")
GOLDEN_ARRAYS = Path("vigie/golden.npz")
HELD_OUT = Path("vigie/held_out.json")
HELD_OUT_ARRAYS = Path("vigie/held_out.npz")

MAX_JSON_BYTES = 16 * 2**20

_Document = TypeVar("_Document", bound=BaseModel)


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Package:
    """A package that has been read: its folder, its digest, its documents, its reference rows."""

    root: Path
    digest: str
    document: PackageDocument
    golden: Golden
    profile: Profile | None
    neighbours: Neighbours | None = None

    @property
    def onnx_path(self) -> Path:
        """The exported graph."""
        return self.root / ONNX_MODEL

    @property
    def keras_path(self) -> Path:
        """The Keras model that takes the package's inputs."""
        return keras_model_in(self.root)


def keras_model_in(root: Path) -> Path:
    """The Keras model that the package in `root` serves; a path of no file where it has none."""
    served = root / SERVED_KERAS_MODEL
    return served if served.is_file() else root / KERAS_MODEL


def read_package(root: Path, digest: str) -> Package:
    """The package in `root`; refused where a document is absent or breaks its schema."""
    profile, document = root / PROFILE, read_document(root)
    return Package(
        root=root,
        digest=digest,
        document=document,
        golden=with_arrays(_read(root / GOLDEN, Golden), root / GOLDEN_ARRAYS),
        profile=_read(profile, Profile) if profile.exists() else None,
        neighbours=_neighbours(root, document),
    )


def read_document(root: Path) -> PackageDocument:
    """The document of the package in `root` alone; refused if absent or broken."""
    return _read(root / DOCUMENT, PackageDocument)


def read_held_out(root: Path) -> HeldOut | None:
    """The held-out rows of the package in `root`, which workers never need; refused if broken."""
    path = root / HELD_OUT
    if not path.exists():
        return None
    return with_arrays(_read(path, HeldOut), root / HELD_OUT_ARRAYS)


def _neighbours(root: Path, document: PackageDocument) -> Neighbours | None:
    """The reference rows, where the document speaks of them."""
    if document.neighbours is None:
        return None
    (width,) = document.answer_names()[document.neighbours.output].shape
    return read_neighbours(root, width, len(document.labels))


def _read(path: Path, kind: type[_Document]) -> _Document:
    name = f"vigie/{path.name}"
    if not path.is_file():
        raise RefusedPackage(f"{name} is missing; register it with `vigie train` or `vigie import`")
    if path.stat().st_size > MAX_JSON_BYTES:
        raise RefusedPackage(f"{name} is larger than {MAX_JSON_BYTES} bytes")
    try:
        return kind.model_validate_json(path.read_bytes())
    except ValidationError as invalid:
        first = invalid.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RefusedPackage(f"{name}: {where}: {first['msg']}") from None
