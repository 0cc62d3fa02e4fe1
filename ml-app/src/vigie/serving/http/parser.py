"""gunicorn's parser of requests, which takes a plain head in one go."""

from __future__ import annotations

import re

from gunicorn.asgi.parser import PythonProtocol

LONGEST_PLAIN_HEAD = 4096
"""Bytes; below every limit on a line, so that a plain head needs only its fields counted."""

# possessive throughout: whatever is sent is looked at once
_PLAIN_HEAD = re.compile(
    rb"([A-Z]{3,20}) (/[!-~]*+) HTTP/1\.1\r\n"
    rb"((?:[!#$%&'*+.^_`|~0-9A-Za-z-]++:[\t -~\x80-\xff]*+\r\n)*+)\r\n"
)
_FIELD = re.compile(rb"([^:]++):([^\r]*+)\r\n")


class Parser(PythonProtocol):  # type: ignore[misc]
    """Reads what almost every caller sends with two patterns instead of byte by byte.

    It takes only heads of which gunicorn's own steps would make the same; those judge all others,
    and of every head the fields that frame its body.
    """

    def _parse_request_line(self) -> bool:
        return self._take_plain_head() or bool(super()._parse_request_line())

    def _take_plain_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n", 0, LONGEST_PLAIN_HEAD) + 4
        if end < 4:
            return False
        found = _PLAIN_HEAD.fullmatch(bytes(self._buffer[:end]))
        if found is None:
            return False
        method, path, lines = found.groups()
        fields = _FIELD.findall(lines)
        if len(fields) > self._limit_request_fields > 0:
            return False
        del self._buffer[:end]
        # where an earlier part of this head was looked for its first line
        self._scan_from = 0
        self.method, self.path, self.http_version = method, path, (1, 1)
        self._headers_list = [(name.lower(), value.strip(b" \t")) for name, value in fields]
        self._state = "headers"
        self._finalize_headers()
        return True
