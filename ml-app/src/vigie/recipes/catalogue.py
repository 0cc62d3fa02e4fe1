"""Finds a recipe by its name or its YAML file, and loads its data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from vigie.errors import ConfigurationError
from vigie.recipes.photos.spec import PhotoSpec
from vigie.recipes.recipe_file import read_spec
from vigie.recipes.tabular.spec import TableSpec
from vigie.settings import Settings
from vigie.training.dataset import Dataset

if TYPE_CHECKING:
    import pandas as pd

    from vigie.training.photos.photo_set import PhotoSet
    from vigie.training.steps import Step

# What reads tables is imported where it is used: whoever only asks for a recipe's name need not
# wait for pandas.

Say = Callable[[str], None]
Loader = Callable[[TableSpec, Sequence[Path], Settings, Say], Dataset]
Believable = Callable[["pd.DataFrame"], "tuple[pd.DataFrame, Mapping[str, int]]"]


def _all(frame: pd.DataFrame) -> tuple[pd.DataFrame, Mapping[str, int]]:
    return frame, {}


@dataclass(frozen=True)
class Recipe:
    """A recipe file with the loader of its data.

    `believable` keeps the rows of a frame that pass the rules that are not in the file, and says
    how many each of them took away.
    """

    spec: TableSpec
    loader: Loader
    believable: Believable = _all

    def load(self, paths: Sequence[Path], settings: Settings, say: Say) -> Dataset:
        """The clean rows of these files, or of the recipe's own source where there are none.

        `say` gets what a person should know of the source. Raises `DataError`.
        """
        return self.loader(self.spec, paths, settings, say)


@dataclass(frozen=True)
class PhotoRecipe:
    """A recipe file for photos."""

    spec: PhotoSpec

    def load(self, paths: Sequence[Path], settings: Settings, say: Say, step: Step) -> PhotoSet:
        """The photos of a folder or a CSV, decoded; `step` shows how many.

        `say` gets what a person should know of the files. Raises `DataError`.
        """
        from vigie.recipes.photos.files import find_photos
        from vigie.training.photos.photo_reader import read_photos

        files = find_photos(self.spec.photos, paths, say)
        item = self.spec.plan().photo
        return read_photos(files, item, self.spec.source, settings.data, say, step.advance)


def recipe_names() -> list[str]:
    """The recipes that Vigie ships."""
    return sorted(_FILES)


def find_recipe(name: str) -> Recipe | PhotoRecipe:
    """The shipped recipe of that name, or the one in that YAML file."""
    if name in _FILES:
        folder, loader, believable = _FILES[name]
        with resources.as_file(resources.files("vigie.recipes") / folder / f"{name}.yaml") as path:
            return _recipe(read_spec(path), loader, believable)
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        return _recipe(read_spec(path), _load_table)
    raise ConfigurationError(
        f"There is no recipe {name}; take one of {', '.join(recipe_names())}, or a YAML file"
    )


def find_table(name: str) -> Recipe:
    """The recipe of that name or file, which is one of a table."""
    recipe = find_recipe(name)
    if isinstance(recipe, PhotoRecipe):
        raise ConfigurationError(f"{name} is a recipe of photos; a table is needed here")
    return recipe


def _recipe(
    spec: TableSpec | PhotoSpec, loader: Loader, believable: Believable = _all
) -> Recipe | PhotoRecipe:
    return PhotoRecipe(spec) if isinstance(spec, PhotoSpec) else Recipe(spec, loader, believable)


def _load_table(spec: TableSpec, paths: Sequence[Path], settings: Settings, say: Say) -> Dataset:
    from vigie.recipes.tabular.table import build_dataset, files_digest, read_table

    return build_dataset(spec, read_table(paths, spec.separator), files_digest(paths))


def _load_flowers(spec: TableSpec, paths: Sequence[Path], settings: Settings, say: Say) -> Dataset:
    from vigie.recipes.iris.flowers import load_flowers
    from vigie.recipes.tabular.table import build_dataset, frame_digest

    if paths:
        return _load_table(spec, paths, settings, say)
    frame = load_flowers()
    return build_dataset(spec, frame, frame_digest(frame))


def _load_sales(spec: TableSpec, paths: Sequence[Path], settings: Settings, say: Say) -> Dataset:
    from vigie.recipes.housing.sales import load_sales

    return load_sales(spec, paths, settings, say)


def _believable_sales(frame: pd.DataFrame) -> tuple[pd.DataFrame, Mapping[str, int]]:
    from vigie.recipes.housing.dvf import believable

    return believable(frame)


_FILES: dict[str, tuple[str, Loader, Believable]] = {
    "housing": ("housing", _load_sales, _believable_sales),
    "iris": ("iris", _load_flowers, _all),
    "king_county": ("tabular", _load_table, _all),
    "california": ("tabular", _load_table, _all),
    # whoever has photos says so by its file: this has no loader of its own
    "weather": ("weather", _load_table, _all),
}
