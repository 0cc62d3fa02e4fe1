"""The forms that the google provider wants of values which it makes up itself.

Taken from its source: what it looks at before it asks Google anything. Forms of what stands in the
files as text are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_PROJECT = (
    r"(?:(?:[-a-z0-9]{1,63}\.)*(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?):)?"
    r"(?:[0-9]{1,19}|(?:[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?))"
)
_ACCOUNT = r"[a-z](?:[-a-z0-9]{4,28}[a-z0-9])"
_EMAIL = (
    rf"(?:{_PROJECT}@[a-z]+\.gserviceaccount\.com|[0-9]{{1,20}}-compute@developer\.gserviceaccount\.com"
    rf"|{_ACCOUNT}@[-a-z0-9.]{{1,63}}\.iam\.gserviceaccount\.com)"
)
_MEMBER = (
    r"(?!deleted)(?s:.*)(?:.+:.+|projectOwners|projectReaders|projectWriters|allUsers"
    r"|allAuthenticatedUsers)"
)

FORMS: Mapping[str, tuple[re.Pattern[str], re.Pattern[str]]] = {
    "account_id": (re.compile(r"google_service_account"), re.compile(rf"^{_ACCOUNT}$")),
    "member": (re.compile(r"google_\w+_iam_member"), re.compile(_MEMBER)),
    "service_account_id": (
        re.compile(r"google_service_account_iam_member"),
        re.compile(rf"projects/(?:{_PROJECT}|-)/serviceAccounts/{_EMAIL}$"),
    ),
}
"""By argument: the resources that have it, and what its value looks like."""


def wrong_forms(resource: str, arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The arguments of a resource whose form the provider refuses, each with a sentence.

    A value that is not known yet is no text, and passes.
    """
    for name, (resources, form) in FORMS.items():
        value = arguments.get(name)
        if resources.fullmatch(resource) and isinstance(value, str) and not form.match(value):
            yield name, f"{name} of {resource} has the wrong form: {value}"
