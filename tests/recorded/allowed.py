"""What may be written otherwise: numbers and dates by CLDR, the place of one family of metrics, why
a list is no row.

By request, as `part: name`: pairs of the recorded text and the text that stands in its place now.
Every pair must be found in what was recorded, and every request be one of the corpus.
"""

from __future__ import annotations

import re
from typing import Any

_FIRST_OF_JULY = (("1er juillet 2026", "1 juillet 2026"),)
"""CLDR has no ordinal for the first day of a French month."""

_REGISTRY = "".join(
    f"{line}\n"
    for line in (
        (
            "# HELP vigie_registry_last_success_timestamp_seconds "
            "When the registry last answered; 0 before the first time."
        ),
        "# TYPE vigie_registry_last_success_timestamp_seconds gauge",
        "vigie_registry_last_success_timestamp_seconds <value>",
    )
)
"""Only model-sync has it to tell: no worker has an empty one of its own any more."""
_HOME = "surface_m2, rooms, property_type, land_m2, district"
_NO_NAMES = (
    f"instances: expected values by input name ({_HOME}), got values without names",
    f"instances[0]: expected 5 values in this order: {_HOME}, got 1 values",
)
"""A list of all values stands for a row now; this one has too few."""
_BUILD = "# HELP vigie_build_info 1; the labels tell what runs.\n"
_LAST = 'vigie_prediction_reference_ratio{bin="other",model="housing",version="4"} <value>\n'

ALLOWED: dict[str, tuple[tuple[str, str], ...]] = {
    "forms: result 12, French": _FIRST_OF_JULY,
    "forms: result 13, French": _FIRST_OF_JULY,
    "forms: result 14, French": _FIRST_OF_JULY,
    "forms: to put right 20, French": _FIRST_OF_JULY,
    "pages: form of appraisal, French": _FIRST_OF_JULY,
    "tensorflow serving: TensorFlow Serving, wrong 32": (_NO_NAMES,),
    "watched: metrics": ((_REGISTRY + _BUILD, _BUILD), (_LAST, _LAST + _REGISTRY)),
    "no model: metrics as OpenMetrics": (
        (_REGISTRY + _BUILD, _BUILD),
        ("process_max_fds <value>\n# EOF\n", f"process_max_fds <value>\n{_REGISTRY}# EOF\n"),
    ),
}


def as_allowed(said: dict[str, Any], pairs: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """A recorded answer as it may be written now. Raises `LookupError` for a pair without a use."""
    body = said["body"]
    before = len(body.encode())
    for old, new in pairs:
        if old not in body:
            raise LookupError(f"the recorded body has no {old!r}")
        body = body.replace(old, new)
    length = re.compile(rf"(?im)^(content-length: ){before}$")
    return {"head": length.sub(rf"\g<1>{len(body.encode())}", said["head"]), "body": body}
