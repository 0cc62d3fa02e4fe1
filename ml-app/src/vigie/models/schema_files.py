"""The JSON Schemas of a package's documents, written from the classes that check them."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel

from vigie.models.document import PackageDocument
from vigie.models.profile import Profile
from vigie.models.reference_rows import Golden, HeldOut

FOLDER = Path(__file__).with_name("schemas")

_DOCUMENTS: dict[str, type[BaseModel]] = {
    "package": PackageDocument,
    "profile": Profile,
    "golden": Golden,
    "held_out": HeldOut,
}


def schema_texts() -> dict[str, str]:
    """File name -> JSON Schema (draft 2020-12) of a document of a package."""
    return {
        f"{name}.schema.json": _text(
            {
                **document.model_json_schema(),
                "$schema": "https://json-schema.org/draft/2020-12/schema",
            }
        )
        for name, document in _DOCUMENTS.items()
    }


def write_schemas(folder: Path = FOLDER) -> None:
    """Writes the schemas into `folder`, by default beside the code."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in schema_texts().items():
        (folder / name).write_text(text, encoding="utf-8")


def _text(schema: dict[str, object]) -> str:
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
