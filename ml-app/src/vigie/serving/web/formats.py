"""Numbers, units and dates as people of one language write them."""

from __future__ import annotations

import math
from datetime import UTC, datetime

NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"
NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
NOTHING = "\N{EN DASH}"
"""Stands where there is no number."""

_CURRENCIES = {"EUR": "€", "USD": "$", "GBP": "£"}
_MONTHS = {
    "en": (
        "January", "February", "March", "April", "May", "June", "July", "August", "September",
        "October", "November", "December",
    ),
    "fr": (
        "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre",
        "octobre", "novembre", "décembre",
    ),
}  # fmt: skip


def number(value: float, language: str, decimals: int | None = None) -> str:
    """A number to read; `decimals` fixes their count, otherwise only those that matter show."""
    text = _shortest(value, grouped=True) if decimals is None else f"{value:,.{decimals}f}"
    return _localized(text, language)


def plain_number(value: float, language: str) -> str:
    """A number as a person would type it: no thousands marks."""
    whole = float(value).is_integer() and abs(value) < 1e15
    return _localized(str(int(value)) if whole else repr(float(value)), language)


def bound(value: float, language: str) -> str:
    """A limit to read; four digits stay together, for they may be a year."""
    return _localized(_shortest(value, grouped=abs(value) >= 10_000), language)


def roughly(value: float, language: str) -> str:
    """An end of a range to read: four digits are enough to judge by."""
    whole = abs(value) >= 1000 or float(value).is_integer()
    return bound(round(value) if whole else float(f"{value:.4g}"), language)


def quantity(value: float, unit: str | None, language: str, decimals: int | None = None) -> str:
    """An answer to read, with its unit; amounts of a thousand and more lose their cents."""
    text = number(value, language, _decimals_to_show(value, decimals))
    symbol = _CURRENCIES.get(unit or "")
    if symbol and language == "en":
        sign, digits = ("\N{MINUS SIGN}", text[1:]) if value < 0 else ("", text)
        return f"{sign}{symbol}{digits}"
    return f"{text}{NO_BREAK_SPACE}{symbol or unit}" if unit else text


def unit_symbol(unit: str | None) -> str:
    """A unit as it stands beside a field."""
    return _CURRENCIES.get(unit or "", unit or "")


def percent(share: float, language: str, decimals: int = 0) -> str:
    """A share of one as a percentage."""
    text = number(100 * share, language, decimals)
    return f"{text}{NO_BREAK_SPACE}%" if language == "fr" else f"{text}%"


def date(text: str, language: str) -> str:
    """An ISO date or time as a date to read; anything else as it is."""
    try:
        day = datetime.fromisoformat(text)
    except ValueError:
        return text
    first = "1er" if language == "fr" and day.day == 1 else str(day.day)
    return f"{first} {_MONTHS[language][day.month - 1]} {day.year}"


def moment(timestamp: float, language: str) -> str:
    """Unix seconds as a day and a time to read, in UTC."""
    then = datetime.fromtimestamp(timestamp, UTC)
    return f"{date(then.isoformat(), language)}, {then:%H:%M} UTC"


def duration(seconds: float, language: str) -> str:
    """A time span to read, in its largest unit: 40 s, 12 min, 3 h, 5 d."""
    day = "j" if language == "fr" else "d"
    for size, unit in ((86400, day), (3600, "h"), (60, "min")):
        if seconds >= 2 * size or (seconds >= size and unit == "min"):
            return f"{int(seconds // size)}{NO_BREAK_SPACE}{unit}"
    return f"{max(0, int(seconds))}{NO_BREAK_SPACE}s"


def latency(seconds: float, language: str) -> str:
    """A time of answering to read, three digits of it, in milliseconds or seconds."""
    value, unit = (seconds, "s") if seconds >= 1 else (1000 * seconds, "ms")
    return f"{number(float(f'{value:.3g}'), language)}{NO_BREAK_SPACE}{unit}"


def rate(per_second: float, language: str) -> str:
    """So many a second to read: whole from 10 on, two digits below."""
    shown = round(per_second) if per_second >= 10 else float(f"{per_second:.2g}")
    return number(shown, language)


def small_percent(share: float, language: str) -> str:
    """A share to read that is mostly near nothing, and of which nothing is to be told apart."""
    if share == 0:
        return percent(0, language)
    if share < 0.0001:
        return f"<{NO_BREAK_SPACE}{percent(0.0001, language, 2)}"
    return percent(share, language, 2 if share < 0.01 else 1)


def _shortest(value: float, grouped: bool) -> str:
    mark = "," if grouped else ""
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):{mark}d}"
    size = abs(value)
    if not 1e-4 <= size < 1e15:
        return f"{value:.6g}"
    digits = max(0, 7 - max(1, math.floor(math.log10(size)) + 1))
    text = f"{value:{mark}.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _decimals_to_show(value: float, decimals: int | None) -> int | None:
    if abs(value) >= 1000:
        return 0
    return None if decimals is None else min(decimals, 4)


def _localized(text: str, language: str) -> str:
    if language != "fr":
        return text
    return text.replace(",", NARROW_SPACE).replace(".", ",")
