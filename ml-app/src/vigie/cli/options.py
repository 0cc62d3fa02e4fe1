"""Arguments, options and their checks that several commands share."""

from __future__ import annotations

import re

import click

from vigie.settings import MODEL_NAME

_WINDOW = re.compile(r"[1-9][0-9]{0,5}[smhdw]")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def check_model_name(_: click.Context, __: click.Parameter, value: str) -> str:
    """The name of a model, as the registry may hold it."""
    if not MODEL_NAME.fullmatch(value):
        raise click.BadParameter("a model name has lower-case letters, digits, _ and -")
    return value


def check_window(_: click.Context, __: click.Parameter, value: str) -> str:
    """The value of an option that is a length of time, as Prometheus writes it."""
    if not _WINDOW.fullmatch(value):
        raise click.BadParameter("a window is a number with s, m, h, d or w, such as 6h")
    return value


def seconds_of(window: str) -> int:
    """The seconds of such a length of time."""
    return int(window[:-1]) * _SECONDS[window[-1]]


model_argument = click.argument("model", callback=check_model_name)
reason_option = click.option("--reason", help="Why, for the record.")
url_option = click.option("--url", help="Address of the service.  [default: the local one]")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, unrounded.")
prometheus_option = click.option(
    "--prometheus", metavar="URL", help="Ask this Prometheus, which knows all replicas."
)
metrics_option = click.option(
    "--metrics", metavar="URL", help="The metrics page to read; this machine's without."
)
