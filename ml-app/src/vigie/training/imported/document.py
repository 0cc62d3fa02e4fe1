"""`package.json` of a model that was trained elsewhere, from what the sandbox found out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from vigie.errors import DataError
from vigie.models.document import PackageDocument


def describe_imported(
    name: str,
    parts: Mapping[str, Any],
    source: str,
    made_up_rows: bool,
    title: str | None = None,
    task: str | None = None,
) -> PackageDocument:
    """The document; `DataError` where the parts do not fit together.

    Without a `task` it is the one that outputs and labels suggest.
    """
    labels, outputs = tuple(parts["labels"]), parts["outputs"]
    suggested = "regression" if not outputs[0]["shape"] else "embedding"
    first = parts["rows"][0]
    try:
        return PackageDocument.model_validate(
            {
                "name": name,
                "title": title or name.replace("_", " ").capitalize(),
                "task": task or ("classification" if labels else suggested),
                "engine": "tensorflow" if parts["problem"] else "onnx",
                "inputs": [
                    {**item, "example": first.get(item["name"])} for item in parts["inputs"]
                ],
                "outputs": outputs,
                "labels": labels,
                "provenance": {
                    "source": source,
                    "exported_difference": parts["difference"],
                    "trained_at": None,
                    "imported": True,
                    "made_up_rows": made_up_rows,
                },
            }
        )
    except ValidationError as invalid:
        raise DataError(invalid.errors()[0]["msg"].removeprefix("Value error, ")) from None
