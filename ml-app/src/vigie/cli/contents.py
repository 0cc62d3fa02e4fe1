"""What `vigie --help` shows: every command once, by what it is for."""

from __future__ import annotations

from dataclasses import dataclass

import click


@dataclass(frozen=True, slots=True)
class Section:
    """Commands that belong together; with a summary they share one line."""

    title: str
    commands: tuple[str, ...]
    summary: str = ""


CONTENTS = (
    Section("Serve", ("run", "serve", "serve-saved")),
    Section("Ask", ("predict", "batch", "spark", "status")),
    Section("Train", ("train", "retrain", "evaluate", "fetch")),
    Section("Exchange", ("import", "export"), "models from elsewhere; a champion as SavedModel"),
    Section("Versions", ("models", "diff", "promote", "rollback")),
    Section("Watch", ("drift", "log", "alerting"), "moved inputs; the prediction log; alerts"),
    Section("Keys", ("apikey", "signing-key"), "keys of callers; keys that sign packages"),
    Section(
        "Stack",
        ("bootstrap", "follow", "importer", "share", "mirror", "stack"),
        "its own",
    ),
)


class TableOfContents(click.Group):
    """A group whose help is a table of contents that fits a screen of 24 lines."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes a line a command, or a section; the options stand in the line of usage."""
        formatter.write_paragraph()
        for section in CONTENTS:
            title = section.title
            for names, summary in self._lines(section):
                formatter.write(f"  {title:<10}{names:<13}{summary}\n")
                title = ""

    def _lines(self, section: Section) -> list[tuple[str, str]]:
        if section.summary:
            return [(", ".join(section.commands) + "  ", section.summary)]
        return [(name, self.commands[name].short_help or "") for name in section.commands]
