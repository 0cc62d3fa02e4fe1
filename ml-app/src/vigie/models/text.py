"""Texts for people, in a language or in several."""

from __future__ import annotations

Text = str | dict[str, str]
"""A text for people: one for every language, or one per language code (`en`, `fr`)."""


def text_in(text: Text, language: str) -> str:
    """`text` in `language`, else in English, else in its first language."""
    if isinstance(text, str):
        return text
    return text.get(language) or text.get("en") or next(iter(text.values()))
