"""One language of the pages: its texts, and how it writes numbers, units and dates.

Texts come from gettext catalogues, one file per language; numbers and dates are CLDR's.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from copy import copy
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.dates import format_date
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import NumberPattern, get_currency_symbol, get_decimal_symbol, get_group_symbol
from babel.support import Translations

FOLDER = Path(__file__).parent / "locale"
DEFAULT = "en"
"""The language of the code, whose texts need no translation."""

_NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
_MOST_DIGITS = 330
"""More than the largest float has before its point."""
_CATALOGUE = Path("LC_MESSAGES") / "vigie.po"


def languages() -> Mapping[str, Language]:
    """Every language that has a catalogue, by its code; the default one first."""
    return _languages_in(FOLDER)


@functools.cache
def _languages_in(folder: Path) -> Mapping[str, Language]:
    codes = sorted(path.parents[1].name for path in folder.glob(f"*/{_CATALOGUE}"))
    return {
        code: Language(code, read_catalogue(folder / code / _CATALOGUE))
        for code in sorted(codes, key=lambda code: code != DEFAULT)
    }


def read_catalogue(path: Path) -> Catalog:
    """The texts of a catalogue. Its header `Language` names the locale of numbers and dates."""
    with path.open("rb") as file:
        return read_po(file)


class Language:
    """How one language says what the pages say."""

    nothing = "\N{EN DASH}"
    """Stands where there is no number."""

    def __init__(self, code: str, catalogue: Catalog) -> None:
        self.code = code
        self.locale = catalogue.locale or Locale.parse(code)
        name = str(Locale.parse(code).get_display_name())
        self.name = name[:1].upper() + name[1:]
        self.decimal_mark = get_decimal_symbol(self.locale)
        self.thousands_mark = get_group_symbol(self.locale)
        compiled = BytesIO()
        write_mo(compiled, catalogue)
        compiled.seek(0)
        self._translations = Translations(compiled)

    def text(self, english: str, /, **places: object) -> str:
        """A text in this language, its places filled; the English one where it has none."""
        said = self._translations.gettext(english)
        return said.format(**places) if places else said

    def pgettext(self, context: str, english: str) -> str:
        """The text of a word that means several things, by what it means here."""
        return str(self._translations.pgettext(context, english))

    def number(self, value: float, decimals: int | None = None, *, grouped: bool = True) -> str:
        """A number to read; `decimals` fixes their count, otherwise only those that matter show."""
        if decimals is None and value and not 1e-4 <= abs(value) < 1e15:
            return f"{value:.6g}".replace(".", self.decimal_mark)
        pattern = self.locale.decimal_formats[None]
        return self._written(pattern, value, decimals, grouped=grouped)

    def plain_number(self, value: float) -> str:
        """A number as a person would type it: no thousands marks."""
        whole = float(value).is_integer() and abs(value) < 1e15
        text = str(int(value)) if whole else repr(float(value))
        return text.replace(".", self.decimal_mark)

    def bound(self, value: float) -> str:
        """A limit to read; four digits stay together, for they may be a year."""
        return self.number(value, grouped=abs(value) >= 10_000)

    def roughly(self, value: float) -> str:
        """An end of a range to read: four digits are enough to judge by."""
        whole = abs(value) >= 1000 or float(value).is_integer()
        return self.bound(round(value) if whole else float(f"{value:.4g}"))

    def quantity(self, value: float, unit: str | None, decimals: int | None = None) -> str:
        """An answer to read, with its unit; amounts of a thousand and more lose their cents."""
        shown = _decimals_to_show(value, decimals)
        if unit in self.locale.currencies:
            pattern = self.locale.currency_formats["standard"]
            return self._written(pattern, value, shown, currency=unit)
        text = self.number(value, shown)
        return f"{text}{_NO_BREAK_SPACE}{unit}" if unit else text

    def unit_symbol(self, unit: str | None) -> str:
        """A unit as it stands beside a field."""
        return get_currency_symbol(unit, self.locale) if unit else ""

    def percent(self, share: float, decimals: int = 0) -> str:
        """A share of one as a percentage."""
        return self._written(self.locale.percent_formats[None], share, decimals)

    def small_percent(self, share: float) -> str:
        """A share to read that is mostly near nothing; of nothing it is told apart."""
        if share == 0:
            return self.percent(0)
        if share < 0.0001:
            return f"<{_NO_BREAK_SPACE}{self.percent(0.0001, 2)}"
        return self.percent(share, 2 if share < 0.01 else 1)

    def date(self, text: str) -> str:
        """An ISO date or time as a date to read; anything else as it is."""
        try:
            day = datetime.fromisoformat(text)
        except ValueError:
            return text
        return format_date(day, "long", self.locale)

    def moment(self, timestamp: float) -> str:
        """Unix seconds as a day and a time to read, in UTC."""
        then = datetime.fromtimestamp(timestamp, UTC)
        return f"{self.date(then.isoformat())}, {then:%H:%M} UTC"

    def duration(self, seconds: float) -> str:
        """A time span to read, in its largest unit: 40 s, 12 min, 3 h, 5 d."""
        t = self.text
        if seconds >= 2 * 86400:
            text = t("{count} d", count=int(seconds // 86400))
        elif seconds >= 2 * 3600:
            text = t("{count} h", count=int(seconds // 3600))
        elif seconds >= 60:
            text = t("{count} min", count=int(seconds // 60))
        else:
            text = t("{count} s", count=max(0, int(seconds)))
        return text.replace(" ", _NO_BREAK_SPACE)

    def latency(self, seconds: float) -> str:
        """A time of answering to read, three digits of it, in milliseconds or seconds."""
        t = self.text
        if seconds >= 1:
            text = t("{count} s", count=self.number(float(f"{seconds:.3g}")))
        else:
            text = t("{count} ms", count=self.number(float(f"{1000 * seconds:.3g}")))
        return text.replace(" ", _NO_BREAK_SPACE)

    def rate(self, per_second: float) -> str:
        """So many a second to read: whole from 10 on, two digits below."""
        shown = round(per_second) if per_second >= 10 else float(f"{per_second:.2g}")
        return self.number(shown)

    def _written(
        self,
        pattern: NumberPattern,
        value: float,
        decimals: int | None,
        *,
        currency: str | None = None,
        grouped: bool = True,
    ) -> str:
        """A number by a pattern of CLDR, with other decimals than the pattern's."""
        most = _decimals_that_matter(value) if decimals is None else decimals
        shown = copy(pattern)
        shown.frac_prec = (decimals or 0, most)
        with localcontext(prec=_MOST_DIGITS):
            written: str = shown.apply(
                Decimal(value),
                self.locale,
                currency,
                currency_digits=False,
                group_separator=grouped,
            )
        return written


def _decimals_that_matter(value: float) -> int:
    """How many decimals give seven digits."""
    if float(value).is_integer():
        return 0
    return max(0, 7 - max(1, math.floor(math.log10(abs(value))) + 1))


def _decimals_to_show(value: float, decimals: int | None) -> int | None:
    if abs(value) >= 1000:
        return 0
    return None if decimals is None else min(decimals, 4)
