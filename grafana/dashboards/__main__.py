"""Writes the JSON files beside the code: `make dashboards`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import AnnotationQuery, DashboardLink, RowPanel

from dashboards import data, machine, model, monitoring, service

FOLDER = Path(__file__).parent
BUILDERS = {
    "service": service.build,
    "model": model.build,
    "data": data.build,
    "machine": machine.build,
    "monitoring": monitoring.build,
}


class _Encoder(JSONEncoder):
    def default(self, obj: Any) -> Any:
        plain = super().default(obj)
        if isinstance(obj, RowPanel):
            # all rows would have the same one; Grafana gives panels theirs
            del plain["id"]
        if isinstance(obj, (AnnotationQuery, DashboardLink)):
            # in plain sight, not in a menu
            del plain["placement"]
        return plain


def generate() -> dict[str, str]:
    """The JSON texts by file name."""
    return {
        f"{name}.json": _Encoder(sort_keys=True, indent=2).encode(build().build()) + "\n"
        for name, build in BUILDERS.items()
    }


def main() -> None:
    """Writes all dashboards."""
    for name, text in generate().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
