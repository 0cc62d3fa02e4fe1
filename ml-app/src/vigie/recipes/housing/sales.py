"""The housing data: given files, else a downloaded department, else a made-up market."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from vigie.errors import DataError
from vigie.models.document import Rule
from vigie.recipes.housing.download import DownloadError, download_department
from vigie.recipes.housing.dvf import DvfError, clean_sales, read_sales
from vigie.recipes.housing.market import generate_market
from vigie.recipes.tabular.table import build_dataset, files_digest, frame_digest

if TYPE_CHECKING:
    from vigie.recipes.housing.dvf import Sales
    from vigie.recipes.tabular.spec import TableSpec
    from vigie.settings import Settings
    from vigie.training.dataset import Dataset

YEARS = (2021, 2022, 2023, 2024, 2025)
"""Years of sales that are downloaded; those that are not online are left out."""
SOURCE = {"en": "French property sales (DVF)", "fr": "Demandes de valeurs foncières (DVF)"}
GENERATED = {
    "en": "A generated market, not real sales: its prices follow a made-up formula",
    "fr": "Un marché généré, pas de vraies ventes : ses prix suivent une formule inventée",
}


def load_sales(
    spec: TableSpec, paths: Sequence[Path], settings: Settings, say: Callable[[str], None]
) -> Dataset:
    """Clean sales: of the files, else of the department in the settings, else made up.

    `say` is told which.
    """
    if paths:
        return _from_files(spec, paths)
    try:
        say(f"Downloading the sales of department {settings.housing_department} …")
        files = download_department(settings.housing_department, YEARS, settings.data)
    except DownloadError as failure:
        say(f"No sales could be downloaded ({failure}).")
        say("Training on a GENERATED MARKET: made-up prices. Use --data FILE for real ones.")
        return generated_sales(spec)
    return _from_files(spec, files)


def _from_files(spec: TableSpec, paths: Sequence[Path]) -> Dataset:
    try:
        sales = clean_sales(read_sales(paths))
    except OSError as failure:
        raise DataError(f"a data file cannot be read ({failure.strerror})") from None
    except DvfError as failure:
        raise DataError(str(failure)) from None
    return build_dataset(
        spec, sales.frame, files_digest(paths), source=SOURCE, earlier=_rules(sales)
    )


def generated_sales(spec: TableSpec) -> Dataset:
    """Training rows of the generated market, marked as such."""
    market: pd.DataFrame = generate_market()
    sales = clean_sales(market)
    return build_dataset(
        spec,
        sales.frame,
        frame_digest(market),
        source=GENERATED,
        generated=True,
        earlier=_rules(sales),
    )


def _rules(sales: Sales) -> list[Rule]:
    return [Rule(name=name, dropped=dropped) for name, dropped in sales.dropped.items()]
