"""The texts that the pages show, gathered from the code: what every catalogue must translate.

`make texts` (`python -m support.texts`) brings the catalogues up to date: new texts wait for their
translation, and those that no page shows any more are gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import write_po

from vigie.serving.openapi.document import read_part
from vigie.serving.problems import PROBLEMS
from vigie.serving.web import language

WEB = Path(language.__file__).parent
KEYWORDS = {**DEFAULT_KEYWORDS, "t": None, "text": None}
METHODS = [("**.py", "python"), ("**.html", "jinja2")]

HEADER = """\
msgid ""
msgstr ""
"Language: {locale}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""

Message = tuple[str, str, str | None]
"""Where a text is shown, the text, and the context that tells it from others."""


def messages() -> Iterator[Message]:
    """Every text of the pages: of templates and code, of problems, of the routes."""
    for file, _, said, _, context in extract_from_dir(WEB, METHODS, keywords=KEYWORDS):
        assert isinstance(said, str), f"{file}: {said}"
        yield f"web/{Path(file).as_posix()}", said, context
    for problem in PROBLEMS.values():
        for said in (problem.heading, problem.meaning, problem.advice):
            yield "problems.py", said, None
    for item in read_part("paths").values():
        for method, operation in item.items():
            if method != "parameters":
                yield "openapi/paths.json", operation["summary"], None
    yield "openapi/operations.json", read_part("operations")["thumbnail"]["get"]["summary"], None


def template() -> Catalog:
    """A catalogue of these texts without a translation."""
    catalogue = Catalog(charset="utf-8")
    for place, said, context in messages():
        catalogue.add(said, locations=[(place, 0)], context=context)
    return catalogue


def catalogues() -> dict[str, Path]:
    """The catalogues of the languages that the texts are translated into, by their codes."""
    files = {path.parents[1].name: path for path in language.FOLDER.glob("*/LC_MESSAGES/vigie.po")}
    return {code: path for code, path in files.items() if code != language.DEFAULT}


def update(path: Path) -> None:
    """Gives a catalogue exactly the texts of the pages, and keeps its translations of them."""
    known = language.read_catalogue(path)
    known.update(template(), no_fuzzy_matching=True)
    written = BytesIO()
    write_po(
        written, known, width=100, omit_header=True, include_lineno=False, ignore_obsolete=True
    )
    path.write_bytes(
        HEADER.format(locale=known.locale or path.parents[1].name).encode() + written.getvalue()
    )


if __name__ == "__main__":
    for found in catalogues().values():
        update(found)
