from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path

import pytest

from vigie.recipes.housing.dvf import DvfError, Sales, clean_sales, read_sales

COLUMNS = [
    "id_mutation",
    "date_mutation",
    "numero_disposition",
    "nature_mutation",
    "valeur_fonciere",
    "adresse_numero",
    "adresse_suffixe",
    "adresse_nom_voie",
    "adresse_code_voie",
    "code_postal",
    "code_commune",
    "nom_commune",
    "code_departement",
    "ancien_code_commune",
    "ancien_nom_commune",
    "id_parcelle",
    "ancien_id_parcelle",
    "numero_volume",
    "lot1_numero",
    "lot1_surface_carrez",
    "lot2_numero",
    "lot2_surface_carrez",
    "lot3_numero",
    "lot3_surface_carrez",
    "lot4_numero",
    "lot4_surface_carrez",
    "lot5_numero",
    "lot5_surface_carrez",
    "nombre_lots",
    "code_type_local",
    "type_local",
    "surface_reelle_bati",
    "nombre_pieces_principales",
    "code_nature_culture",
    "nature_culture",
    "code_nature_culture_speciale",
    "nature_culture_speciale",
    "surface_terrain",
    "longitude",
    "latitude",
    "section_prefixe",
]
FLAT = {
    "date_mutation": "2021-05-04",
    "nature_mutation": "Vente",
    "valeur_fonciere": "150000",
    "adresse_nom_voie": "RUE HAUTE",
    "type_local": "Appartement",
    "surface_reelle_bati": "50",
    "nombre_pieces_principales": "2",
    "longitude": "-1.77",
    "latitude": "43.36",
}
HOUSE = {**FLAT, "type_local": "Maison", "surface_terrain": "300", "nature_culture": "sols"}


def write(path: Path, *rows: Mapping[str, str]) -> Path:
    lines = [",".join(row.get(column, "") for column in COLUMNS) for row in rows]
    text = "\n".join([",".join(COLUMNS), *lines]) + "\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


def clean(folder: Path, *rows: Mapping[str, str]) -> Sales:
    kept = {**FLAT, "id_mutation": "kept"}
    return clean_sales(read_sales([write(folder / "sales.csv", kept, *rows)]))


def only_rule(sales: Sales) -> str:
    (rule,) = [name for name, dropped in sales.dropped.items() if dropped]
    return rule


def test_a_file_has_the_41_columns_of_the_public_ones(tmp_path: Path) -> None:
    assert len(COLUMNS) == 41
    (row,) = clean(tmp_path).frame.to_dict("records")
    assert row["price_eur"] == 150_000
    assert row["property_type"] == "apartment"
    assert row["sale_year"] == 2021


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"nature_mutation": "Echange"}, "not a plain sale"),
        ({"type_local": "Dépendance"}, "not a dwelling"),
        ({"type_local": ""}, "not a dwelling"),
        ({"valeur_fonciere": ""}, "no price"),
        ({"valeur_fonciere": "1"}, "absurd price"),
        ({"valeur_fonciere": "90000000"}, "absurd price"),
        ({"longitude": ""}, "no coordinates"),
        ({"surface_reelle_bati": "2"}, "no or absurd surface"),
        ({"nombre_pieces_principales": "0"}, "no or absurd rooms"),
        ({"surface_reelle_bati": "900"}, "absurd price per m2"),
    ],
)
def test_each_rule_drops_its_row_under_its_name(
    tmp_path: Path, change: dict[str, str], rule: str
) -> None:
    sales = clean(tmp_path, {**FLAT, "id_mutation": "bad", **change})
    assert only_rule(sales) == rule
    assert list(sales.frame["id"]) == ["kept"]


def test_one_house_on_several_parcels_is_one_sale_with_all_its_land(tmp_path: Path) -> None:
    house = {**HOUSE, "id_mutation": "house", "id_parcelle": "P1"}
    garden = {**house, "nature_culture": "jardins", "surface_terrain": "500", "id_parcelle": "P2"}
    sales = clean(tmp_path, house, garden)
    (row,) = sales.frame[sales.frame["id"] == "house"].to_dict("records")
    assert row["land_m2"] == 800
    assert only_rule(sales) == "same dwelling on another row"


def test_a_flat_with_a_garage_is_kept(tmp_path: Path) -> None:
    flat = {**FLAT, "id_mutation": "flat"}
    garage = {**flat, "type_local": "Dépendance", "surface_reelle_bati": ""}
    assert "flat" in set(clean(tmp_path, flat, garage).frame["id"])


def test_several_dwellings_at_one_price_are_dropped(tmp_path: Path) -> None:
    first = {**FLAT, "id_mutation": "two"}
    second = {**first, "surface_reelle_bati": "70"}
    sales = clean(tmp_path, first, second)
    assert sales.dropped["several dwellings at one price"] == 2


def test_plain_and_packed_files_are_read_together(tmp_path: Path) -> None:
    paths = [
        write(tmp_path / "a.csv", {**FLAT, "id_mutation": "a"}),
        write(tmp_path / "b.csv.gz", {**FLAT, "id_mutation": "b"}),
    ]
    assert list(clean_sales(read_sales(paths)).frame["id"]) == ["a", "b"]


def test_nothing_left_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "sales.csv", {**FLAT, "valeur_fonciere": "1"})
    with pytest.raises(DvfError, match="no sale is left"):
        clean_sales(read_sales([path]))
