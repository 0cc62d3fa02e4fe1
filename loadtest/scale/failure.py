"""Why a proof cannot be made."""

from __future__ import annotations


class ScaleError(Exception):
    """What is missing or went wrong, and what to do about it."""
