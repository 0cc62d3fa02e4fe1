"""What stops the bench."""

from __future__ import annotations


class Failure(Exception):
    """A sentence for people: what failed, and the remedy where there is one."""
