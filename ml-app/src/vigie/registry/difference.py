"""How two versions of a model differ: figures, signature, answers to the golden rows of both."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vigie.engines.predictor import open_predictor
from vigie.errors import InvalidInput, NotFound, RefusedPackage, VigieError
from vigie.registry.client import RegistryClient
from vigie.registry.fetch import fetch_verified
from vigie.registry.gate.compatibility import breaking_changes, harmless_changes

if TYPE_CHECKING:
    from vigie.engines.predictor import Predictor
    from vigie.registry.client import RegisteredVersion
    from vigie.settings import Settings


@dataclass(frozen=True, slots=True)
class GoldenAnswers:
    """What both versions answer to one golden row; a refusal is a text as well."""

    origin: str
    row: dict[str, Any]
    first: str
    second: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Two versions side by side."""

    versions: tuple[str, str]
    metrics: list[tuple[str, float | None, float | None]]
    breaking: list[str]
    harmless: list[str]
    answers: list[GoldenAnswers]


def compare_versions(settings: Settings, name: str, first: str, second: str) -> Difference:
    """The difference of two versions, by number or alias; both are downloaded and verified."""
    client = RegistryClient.of(settings)
    versions = [_find(client, name, wanted) for wanted in (first, second)]
    with tempfile.TemporaryDirectory() as folder:
        opened = [
            _open(client, version, Path(folder) / str(place), settings)
            for place, version in enumerate(versions)
        ]
        return difference(opened[0], opened[1], (versions[0].version, versions[1].version))


def difference(one: Predictor, other: Predictor, versions: tuple[str, str]) -> Difference:
    """The difference of two opened packages."""
    old, new = one.package.document, other.package.document
    names = [*old.metrics, *(name for name in new.metrics if name not in old.metrics)]
    return Difference(
        versions,
        [(name, old.metrics.get(name), new.metrics.get(name)) for name in names],
        breaking_changes(old, new),
        harmless_changes(old, new),
        [
            GoldenAnswers(origin, row, answer_text(one, row), answer_text(other, row))
            for origin, predictor in zip(versions, (one, other), strict=True)
            for row in predictor.package.golden.rows
        ],
    )


def answer_text(predictor: Predictor, row: dict[str, Any]) -> str:
    """The answer to one row as a short text, or the first thing that is wrong with the row."""
    try:
        decoded = predictor.decoder.decode([row])
        answers = predictor.predict(decoded.columns, neighbours=False)
    except InvalidInput as refused:
        first = refused.fields[0] if refused.fields else None
        return f"refused: {first.field}: {first.expected}" if first else f"refused: {refused}"
    except VigieError as failure:
        return f"fails: {failure}"
    document = predictor.package.document
    first_output = document.outputs[0]
    values = answers.outputs[first_output.name][0]
    if document.task == "classification":
        return f"{answers.labels(document)[0]} {float(values.max()):.4f}"
    if values.size == 1:
        return f"{float(values.reshape(())):,.6g}"
    return f"{values.size} numbers from {float(values.min()):.4g} to {float(values.max()):.4g}"


def _find(client: RegistryClient, name: str, wanted: str) -> RegisteredVersion:
    found = client.version(name, wanted) if wanted.isdecimal() else client.version_of(name, wanted)
    if found is None:
        raise NotFound(f"{name} has no version {wanted}")
    return found


def _open(
    client: RegistryClient, version: RegisteredVersion, root: Path, settings: Settings
) -> Predictor:
    try:
        package = fetch_verified(client, version, root, settings)
        return open_predictor(package, settings.engine)
    except RefusedPackage as reason:
        raise RefusedPackage(f"version {version.version} cannot be compared: {reason}") from None
