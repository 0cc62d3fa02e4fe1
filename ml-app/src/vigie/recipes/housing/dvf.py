"""French property sales (geo-DVF): read the public files, keep sales of one dwelling at one price.

Layout: https://files.data.gouv.fr/geo-dvf (41 columns, one row per building and kind of land; the
price is that of the whole sale and stands on each of its rows).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

DWELLINGS = {"Appartement": "apartment", "Maison": "house"}
BUSINESS = "Local industriel. commercial ou assimilé"
PRICE_EUR = (10_000.0, 10_000_000.0)
PRICE_EUR_PER_M2 = (300.0, 25_000.0)
SURFACE_M2 = (9.0, 1_000.0)
ROOMS = (1, 30)

LOTS = [f"lot{n}_numero" for n in range(1, 6)]
TEXT = [
    *("id_mutation", "nature_mutation", "type_local", "id_parcelle", "adresse_numero"),
    *("adresse_suffixe", "adresse_nom_voie", "nature_culture", "nature_culture_speciale"),
    *("numero_disposition", "code_commune", "date_mutation", *LOTS),
    *(f"lot{n}_surface_carrez" for n in range(1, 6)),
]
NUMBERS = [
    *("valeur_fonciere", "surface_reelle_bati", "nombre_pieces_principales", "nombre_lots"),
    *("surface_terrain", "longitude", "latitude"),
]
USED = frozenset([*TEXT, *NUMBERS, "etage"])
LAND = ["id_mutation", "id_parcelle", "nature_culture", "nature_culture_speciale"]
DWELLING = [
    *("id_mutation", "type_local", "surface_reelle_bati", "nombre_pieces_principales"),
    *("adresse_numero", "adresse_suffixe", "adresse_nom_voie", *LOTS),
]
_RAW_NAMES = {
    "price_eur": "valeur_fonciere",
    "surface_m2": "surface_reelle_bati",
    "rooms": "nombre_pieces_principales",
}
COLUMNS = [
    *("id", "price_eur", "surface_m2", "rooms", "property_type", "land_m2", "latitude"),
    *("longitude", "sale_year", "lots", "floor"),
]


class DvfError(ValueError):
    """The file is not geo-DVF, or holds no sale that can be used."""


@dataclass(frozen=True)
class Sales:
    """One row per sale (`COLUMNS`), and how many rows each rule took away, in the order applied."""

    frame: pd.DataFrame
    dropped: OrderedDict[str, int]
    rows_read: int


@dataclass
class _Sieve:
    """A frame under cleaning, and the count each named rule took from it."""

    frame: pd.DataFrame
    dropped: OrderedDict[str, int] = field(default_factory=OrderedDict)

    def keep(self, rule: str, test: Callable[[pd.DataFrame], pd.Series]) -> None:
        kept = self.frame[test(self.frame)]
        self.dropped[rule] = len(self.frame) - len(kept)
        self.frame = kept


def read_sales(paths: Iterable[Path]) -> pd.DataFrame:
    """Rows of one or many geo-DVF files (CSV, plain or gzip), numbers as float64, texts as str.

    Columns that the recipe does not use are left out; `etage` (floor) is there if a file has it.
    """
    return pd.concat([_read_file(Path(path)) for path in paths], ignore_index=True)


def _read_file(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_csv(
            path, dtype=str, encoding="utf-8", keep_default_na=False, usecols=USED.__contains__
        )
    except (EOFError, OSError, UnicodeDecodeError, ValueError) as error:
        raise DvfError(f"{path.name} cannot be read as CSV in UTF-8: {error}") from error
    absent = sorted({*NUMBERS, "id_mutation", "type_local", "date_mutation"} - set(frame))
    if absent:
        raise DvfError(f"{path.name} is not geo-DVF: no column {', '.join(absent)}")
    for name in [*NUMBERS, "etage"]:
        if name in frame:
            frame[name] = pd.to_numeric(frame[name], errors="coerce")
    for name in TEXT:
        if name not in frame:
            frame[name] = ""
    return frame


def clean_sales(rows: pd.DataFrame) -> Sales:
    """Sales of one dwelling with a believable price, place and size, from `read_sales` rows.

    Prices are in euros, surfaces in square metres, coordinates in degrees (WGS 84); `land_m2` and
    `floor` may be missing (NaN). The row index is renewed.
    """
    sieve = _Sieve(rows)
    sieve.keep("not a plain sale", lambda f: f["nature_mutation"].eq("Vente"))
    sieve.keep("exact duplicate", lambda f: ~f.duplicated())
    land = _land_per_sale(sieve.frame)
    _keep_one_dwelling(sieve)
    _keep_believable(sieve)
    if sieve.frame.empty:
        raise DvfError("no sale is left after cleaning")
    return Sales(_rename(sieve.frame, land), sieve.dropped, len(rows))


def believable(sales: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """Of rows with the names of `COLUMNS` those that pass the rules of price, place and size.

    Also how many rows each rule took away; the row index is kept.
    """
    sieve = _Sieve(sales.rename(columns=_RAW_NAMES))
    _keep_believable(sieve)
    return sieve.frame.rename(columns={raw: name for name, raw in _RAW_NAMES.items()}), dict(
        sieve.dropped
    )


def _land_per_sale(frame: pd.DataFrame) -> pd.Series:
    """Land of each sale in m2: every piece once, however many buildings repeat it; NaN if none."""
    pieces = frame[frame["surface_terrain"].gt(0)].drop_duplicates([*LAND, "surface_terrain"])
    return pieces.groupby("id_mutation")["surface_terrain"].sum()


def _keep_one_dwelling(sieve: _Sieve) -> None:
    business = set(sieve.frame.loc[sieve.frame["type_local"].eq(BUSINESS), "id_mutation"])
    sieve.keep("not a dwelling", lambda f: f["type_local"].isin(list(DWELLINGS)))
    sieve.keep("sold with business premises", lambda f: ~f["id_mutation"].isin(business))
    sieve.keep("same dwelling on another row", lambda f: ~f.duplicated(DWELLING))
    sieve.keep("several dwellings at one price", lambda f: ~f.duplicated("id_mutation", keep=False))


def _keep_believable(sieve: _Sieve) -> None:
    sieve.keep("no price", lambda f: f["valeur_fonciere"].notna())
    sieve.keep("absurd price", lambda f: f["valeur_fonciere"].between(*PRICE_EUR))
    sieve.keep("no coordinates", lambda f: f[["longitude", "latitude"]].notna().all(axis=1))
    sieve.keep("no or absurd surface", lambda f: f["surface_reelle_bati"].between(*SURFACE_M2))
    sieve.keep("no or absurd rooms", lambda f: f["nombre_pieces_principales"].between(*ROOMS))
    per_m2 = sieve.frame["valeur_fonciere"] / sieve.frame["surface_reelle_bati"]
    sieve.keep("absurd price per m2", lambda _: per_m2.between(*PRICE_EUR_PER_M2))


def _rename(frame: pd.DataFrame, land: pd.Series) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": frame["id_mutation"],
            "price_eur": frame["valeur_fonciere"],
            "surface_m2": frame["surface_reelle_bati"],
            "rooms": frame["nombre_pieces_principales"],
            "property_type": frame["type_local"].map(DWELLINGS),
            "land_m2": frame["id_mutation"].map(land),
            "latitude": frame["latitude"],
            "longitude": frame["longitude"],
            "sale_year": frame["date_mutation"].str[:4].astype(float),
            "lots": frame["nombre_lots"].fillna(0.0),
            "floor": frame.get("etage", np.nan),
        },
        columns=COLUMNS,
    ).reset_index(drop=True)
