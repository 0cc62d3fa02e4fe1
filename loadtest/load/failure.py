"""The one error of a run that cannot begin."""

from __future__ import annotations


class LoadError(Exception):
    """Why nothing can be asked, and what to do about it."""
