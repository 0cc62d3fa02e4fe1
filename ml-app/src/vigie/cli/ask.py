"""The commands that ask a running service: `vigie predict`, `vigie status`."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vigie.cli.options import json_option, url_option
from vigie.cli.tables import show_table
from vigie.errors import DataError
from vigie.settings import load_settings

if TYPE_CHECKING:
    from vigie.client import Client


@click.command(short_help="one answer of a running service")
@click.argument("model")
@click.argument("values", nargs=-1, metavar="NAME=VALUE|PHOTO...")
@url_option
@json_option
def predict(model: str, values: tuple[str, ...], url: str | None, as_json: bool) -> None:
    """Ask a running service for one prediction: vigie predict housing surface_m2=54 rooms=3 …

    Or for one of each photo: vigie predict weather sunrise.jpg rain.jpg
    """
    import orjson

    client = _service(url)
    photos, pairs = sort_values(values)
    if photos:
        given = parse_values(pairs, client.inputs(model)) if pairs else None
        answers = client.predict(model, photos, values=given)
        if as_json:
            click.echo(orjson.dumps(answers, option=orjson.OPT_INDENT_2))
            return
        for photo, one in zip(photos, answers, strict=True):
            origin = {name: one.pop(name) for name in ("version", "request_id", "row")}
            if len(photos) > 1:
                click.secho(photo, bold=True)
            _show(one)
            click.echo(f"({model} version {origin['version']}, request {origin['request_id']})")
        return
    answer = client.answer(model, [parse_values(pairs, client.inputs(model))])
    if as_json:
        click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2))
        return
    _show(answer["predictions"][0])
    click.echo(f"({answer['model']} version {answer['version']}, request {answer['request_id']})")


def _show(prediction: dict[str, Any]) -> None:
    for name, value in prediction.items():
        if name == "warnings":
            for warning in value:
                click.secho(f"warning: {warning}", fg="yellow")
        elif name == "interval":
            click.echo(f"interval: {value[0]:,} to {value[1]:,}")
        elif isinstance(value, dict):
            click.echo("\n".join(f"  {label}: {score}" for label, score in value.items()))
        else:
            click.echo(f"{name}: {value:,}" if isinstance(value, float) else f"{name}: {value}")


@click.command(short_help="what a running service serves")
@url_option
def status(url: str | None) -> None:
    """Show what a running service serves."""
    client = _service(url)
    show_table(
        ("model", "state", "version", "engine", "loaded", "refused"),
        [_model_row(model) for model in client.models()],
        title=f"service: {client.readiness()}",
    )


def _model_row(model: dict[str, Any]) -> list[str]:
    loaded = model.get("loaded_at")
    refused = model.get("refused")
    return [
        model["name"],
        model["state"] if "reason" not in model else f"{model['state']}: {model['reason']}",
        model.get("version", ""),
        model.get("engine", ""),
        f"{datetime.fromtimestamp(loaded):%Y-%m-%d %H:%M:%S}" if loaded else "",
        f"version {refused['version']}: {refused['reason']}" if refused else "",
    ]


def _service(url: str | None) -> Client:
    from vigie.client import Client

    settings = load_settings()
    key = settings.api_key.get_secret_value() if settings.api_key else None
    # who types a command is told at once, and types it again
    return Client(url or f"http://127.0.0.1:{settings.port}", key, timeout=30, retries=0)


def sort_values(words: tuple[str, ...]) -> tuple[list[str], tuple[str, ...]]:
    """The files among the words, in their order, and the others."""
    files = [word for word in words if Path(word).is_file()]
    return files, tuple(word for word in words if word not in files)


def parse_values(pairs: tuple[str, ...], inputs: dict[str, Any]) -> dict[str, Any]:
    """`name=value` words as one row; a number where the input takes one, else the text as it is."""
    row: dict[str, Any] = {}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign:
            raise DataError(f"{pair} is not of the form name=value, and no file")
        kinds = inputs.get(name, {}).get("type", "string")
        row[name] = _number(text) if "string" not in kinds else text
    return row


def _number(text: str) -> int | float | str:
    for convert in (int, float):
        try:
            number = convert(text)
        except ValueError:
            continue
        # JSON has no NaN and no infinity: the service says better than we what it takes
        return number if math.isfinite(number) else text
    return text
