"""A generated market in the geo-DVF layout, for where there is no network. No sale in it is real.

Price in euros of a dwelling of `surface` m2, `rooms` rooms and `land` m2 of ground, `sea` and
`centre` km away from the shore and the town hall, sold in `year`:

    price = 5200 * surface ** 0.93 * (1 + 0.03 * (rooms - surface / 22))
            * (1 + 0.55 * exp(-sea / 0.6)) * (1 + 0.20 * exp(-centre / 1.0))
            * 1.055 ** (year - 2019) * 0.97 if a house else 1
            + 95 * land ** 0.9 if a house

and the market pays it times exp(normal(0, 0.15)).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

TOWN = "Vigie-sur-Mer (fictitious)"
# a point of the Bay of Biscay: nobody takes it for a real town
LATITUDE, LONGITUDE = 45.5, -2.5
KM_PER_DEGREE = 111.2
YEARS = range(2019, 2024)
NOISE = 0.15
SHARE_OF_HOUSES = 0.3


def market_price(
    surface: np.ndarray,
    rooms: np.ndarray,
    house: np.ndarray,
    land: np.ndarray,
    sea: np.ndarray,
    centre: np.ndarray,
    year: np.ndarray,
) -> np.ndarray:
    """The price in euros [rows] before noise, by the formula at the head of this file.

    Surfaces in m2, distances in km, `house` True or False, `land` 0 where there is none.
    """
    price = 5200 * surface**0.93 * (1 + 0.03 * (rooms - surface / 22))
    price *= (1 + 0.55 * np.exp(-sea / 0.6)) * (1 + 0.20 * np.exp(-centre / 1.0))
    price *= 1.055 ** (year - 2019) * np.where(house, 0.97, 1.0)
    return np.asarray(price + np.where(house, 95 * land**0.9, 0.0))


def generate_market(sales: int = 4_000, seed: int = 2019) -> pd.DataFrame:
    """Rows as `dvf.read_sales` gives them, about 1.3 per sale, with the usual dirt.

    Among them are garages on rows of their own, second kinds of land, exact duplicates, sales of
    two flats at one price, missing prices, places and land, and prices of one euro.
    """
    rng = np.random.default_rng(seed)
    rows = _with_gaps(rng, _sales(rng, sales))
    extra = [_garages(rng, rows), _gardens(rng, rows), _second_flats(rng, rows)]
    rows = pd.concat([rows, *extra, rows.sample(frac=0.01, random_state=seed)])
    return rows.sort_values("id_mutation", kind="stable").reset_index(drop=True)


def _sales(rng: np.random.Generator, sales: int) -> pd.DataFrame:
    house = rng.random(sales) < SHARE_OF_HOUSES
    surface = np.where(house, rng.lognormal(4.6, 0.3, sales), rng.lognormal(3.9, 0.42, sales))
    surface = surface.clip(12, 400).round()
    rooms = (surface / 22 + rng.normal(0, 0.7, sales)).round().clip(1, 12)
    east, north = rng.normal(0, 1.2, sales), rng.normal(0, 1.0, sales)
    # the shore runs from south-west to north-east, two kilometres from the town hall
    sea = np.abs(2.0 - (north - east) / np.sqrt(2))
    land = np.where(house, rng.lognormal(6.1, 0.6, sales).round(), 0.0)
    day = rng.integers(0, 365 * len(YEARS), sales)
    date = pd.Timestamp(YEARS[0], 1, 1) + pd.to_timedelta(day, unit="D")
    price = market_price(
        surface, rooms, house, land, sea, np.hypot(east, north), date.year.to_numpy()
    ) * np.exp(rng.normal(0, NOISE, sales))
    scale = KM_PER_DEGREE * np.cos(np.radians(LATITUDE))
    return _layout(
        {
            "date_mutation": date.strftime("%Y-%m-%d").astype(str),
            "valeur_fonciere": price.round(),
            "type_local": np.where(house, "Maison", "Appartement"),
            "surface_reelle_bati": surface,
            "nombre_pieces_principales": rooms,
            "nombre_lots": np.where(house, 0.0, rng.integers(1, 4, sales)),
            "surface_terrain": np.where(house, land, np.nan),
            "nature_culture": np.where(house, "sols", ""),
            "longitude": (LONGITUDE + east / scale).round(6),
            "latitude": (LATITUDE + north / KM_PER_DEGREE).round(6),
        }
    )


def _layout(columns: dict[str, object]) -> pd.DataFrame:
    frame = pd.DataFrame(columns)
    number = np.arange(1, len(frame) + 1)
    frame.insert(0, "id_mutation", [f"generated-{n:06d}" for n in number])
    frame["id_parcelle"] = [f"00000000AA{n:04d}" for n in number]
    frame["lot1_numero"] = np.where(frame["type_local"].eq("Appartement"), number.astype(str), "")
    constant = {
        "nature_mutation": "Vente",
        "numero_disposition": "1",
        "code_commune": "00000",
        "nom_commune": TOWN,
        "nature_culture_speciale": "",
        "adresse_numero": "",
        "adresse_suffixe": "",
        "adresse_nom_voie": "RUE FICTIVE",
    }
    blank = [f"lot{n}_numero" for n in range(2, 6)]
    blank += [f"lot{n}_surface_carrez" for n in range(1, 6)]
    return frame.assign(**constant, **dict.fromkeys(blank, ""))


def _garages(rng: np.random.Generator, rows: pd.DataFrame) -> pd.DataFrame:
    """The garage of one sale in six: the same sale and price on one more row."""
    chosen = rows[rng.random(len(rows)) < 1 / 6]
    return chosen.assign(
        type_local="Dépendance",
        surface_reelle_bati=np.nan,
        nombre_pieces_principales=0.0,
        lot1_numero=chosen["lot1_numero"].where(chosen["lot1_numero"].eq(""), "g"),
    )


def _gardens(rng: np.random.Generator, rows: pd.DataFrame) -> pd.DataFrame:
    """A second kind of land of one house in eight: the same house on one more row."""
    chosen = rows[rows["type_local"].eq("Maison") & (rng.random(len(rows)) < 1 / 8)]
    land = rng.lognormal(5.5, 0.5, len(chosen)).round()
    return chosen.assign(nature_culture="jardins", surface_terrain=land)


def _second_flats(rng: np.random.Generator, rows: pd.DataFrame) -> pd.DataFrame:
    """A second flat in one sale in thirty, at the same single price."""
    chosen = rows[rows["type_local"].eq("Appartement") & (rng.random(len(rows)) < 1 / 30)]
    return chosen.assign(surface_reelle_bati=chosen["surface_reelle_bati"] + 7, lot1_numero="b")


def _with_gaps(rng: np.random.Generator, rows: pd.DataFrame) -> pd.DataFrame:
    chance = rng.random((4, len(rows)))
    return rows.assign(
        valeur_fonciere=rows["valeur_fonciere"]
        .mask(chance[0] < 0.004)
        .mask(chance[0] > 0.997, 1.0),
        longitude=rows["longitude"].mask(chance[1] < 0.003),
        latitude=rows["latitude"].mask(chance[1] < 0.003),
        surface_terrain=rows["surface_terrain"].mask(chance[2] < 0.08),
        surface_reelle_bati=rows["surface_reelle_bati"].mask(chance[3] < 0.003),
    )
