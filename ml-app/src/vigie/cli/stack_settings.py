"""The lines of a stack's `.env` that nothing reads, that the stack overrules, or that are wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vigie.errors import ConfigurationError
from vigie.settings import (
    AlertSettings,
    Settings,
    ignored_settings,
    load_alert_settings,
    load_settings,
    variable_of,
)


def lines_without_effect(lines: Mapping[str, str], services: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each line that does nothing. `services` is as Compose renders it."""
    yield from ignored_settings(lines)
    for name, text in lines.items():
        overruled = _overruled(name, text, services)
        if overruled:
            yield (
                f"{name} is overruled for {', '.join(overruled)}, by the Compose files or by a "
                "variable of the shell"
            )


def wrong_lines(lines: Mapping[str, str]) -> list[str]:
    """A sentence for each value that would keep a service from its start; empty ones are some."""
    wrong = []
    for kind, load in ((Settings, load_settings), (AlertSettings, load_alert_settings)):
        for field in kind.model_fields:
            name = variable_of(field)
            if name not in lines:
                continue
            try:
                load(**{field: lines[name]})
            except ConfigurationError as failure:
                empty = f"{name} is empty: give it a value, or take the line out"
                wrong.append(str(failure) if lines[name] else empty)
    return wrong


def _overruled(name: str, text: str, services: Mapping[str, Any]) -> list[str]:
    """The services whose variable has another value than the line."""
    # Compose and this reader may differ over a value that names another one
    if not name.startswith("VIGIE_") or "$" in text:
        return []
    return [
        service
        for service, content in sorted(services.items())
        if (found := (content.get("environment") or {}).get(name)) is not None and found != text
    ]
