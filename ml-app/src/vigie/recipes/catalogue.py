"""Finds a recipe by its name or its YAML file, and loads its data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from vigie.errors import ConfigurationError
from vigie.recipes.tabular.spec import TableSpec, read_spec
from vigie.recipes.tabular.table import build_dataset, files_digest, frame_digest, read_table
from vigie.training.dataset import Dataset

Say = Callable[[str], None]


@dataclass(frozen=True)
class Recipe:
    """A recipe file with the loader of its data."""

    spec: TableSpec
    load: Callable[[TableSpec, Sequence[Path], Say], Dataset]


def recipe_names() -> list[str]:
    """The recipes that Vigie ships."""
    return sorted(_FILES)


def find_recipe(name: str) -> Recipe:
    """The shipped recipe of that name, or the one in that YAML file."""
    if name in _FILES:
        folder, load = _FILES[name]
        with resources.as_file(resources.files("vigie.recipes") / folder / f"{name}.yaml") as path:
            return Recipe(read_spec(path), load)
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        return Recipe(read_spec(path), _load_table)
    raise ConfigurationError(
        f"There is no recipe {name}; take one of {', '.join(recipe_names())}, or a YAML file"
    )


def _load_table(spec: TableSpec, paths: Sequence[Path], say: Say) -> Dataset:
    return build_dataset(spec, read_table(paths, spec.separator), files_digest(paths))


def _load_flowers(spec: TableSpec, paths: Sequence[Path], say: Say) -> Dataset:
    from vigie.recipes.iris.flowers import load_flowers

    if paths:
        return _load_table(spec, paths, say)
    frame = load_flowers()
    return build_dataset(spec, frame, frame_digest(frame))


def _load_sales(spec: TableSpec, paths: Sequence[Path], say: Say) -> Dataset:
    from vigie.recipes.housing.sales import load_sales

    return load_sales(spec, paths, say)


_FILES: dict[str, tuple[str, Callable[[TableSpec, Sequence[Path], Say], Dataset]]] = {
    "housing": ("housing", _load_sales),
    "iris": ("iris", _load_flowers),
    "king_county": ("tabular", _load_table),
    "california": ("tabular", _load_table),
}
