"""`package.json` of a model that was trained elsewhere, from what the sandbox found out."""

from __future__ import annotations

import math
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

    Of a model of photos its source says how they are scaled.

    Without a `task` it is the one that outputs and labels suggest.
    """
    labels, outputs = tuple(parts["labels"]), parts["outputs"]
    suggested = "regression" if not outputs[0]["shape"] else "embedding"
    _check_labels(labels, outputs[0])
    try:
        return PackageDocument.model_validate(
            {
                "name": name,
                "title": title or name.replace("_", " ").capitalize(),
                "task": task or ("classification" if labels else suggested),
                "engine": "tensorflow" if parts["problem"] else "onnx",
                "inputs": parts["inputs"],
                "outputs": outputs,
                "labels": labels,
                "original": parts.get("original"),
                "provenance": {
                    "source": "; ".join(filter(None, (source, scaling_told(parts)))),
                    "exported_difference": parts["difference"],
                    "trained_at": None,
                    "imported": True,
                    "made_up_rows": made_up_rows,
                },
            }
        )
    except ValidationError as invalid:
        raise DataError(invalid.errors()[0]["msg"].removeprefix("Value error, ")) from None


def _check_labels(labels: tuple[str, ...], output: Mapping[str, Any]) -> None:
    shape = tuple(output["shape"])
    if labels and shape != (len(labels),):
        scores = shape[0] if len(shape) == 1 else math.prod(shape)
        raise DataError(
            f"--labels names {len(labels)} labels, and the model answers {scores} "
            f"number{'s' if scores != 1 else ''} per row"
        )


def scaling_told(parts: Mapping[str, Any]) -> str | None:
    """How the photos of the model are scaled, and who says so; `None` where it takes none."""
    scaling = parts["scaling"]
    if not scaling:
        return None
    why = f": {parts['sign']}" if parts.get("sign") else ", as its owner says"
    return f"photos scaled by `{scaling['name']}` ({scaling['what']}){why}"
