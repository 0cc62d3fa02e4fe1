"""A response's headers, as pairs and as they are sent."""

from __future__ import annotations

from vigie.serving.runtime.messages import Response


def test_headers_that_were_written_at_once_are_read_out_of_what_is_sent() -> None:
    head = b"content-type: application/json\r\nserver-timing: queue;dur=0.012, decode;dur=0.1\r\n"
    response = Response(200, None, b"{}", head)
    assert response.headers == [
        (b"content-type", b"application/json"),
        (b"server-timing", b"queue;dur=0.012, decode;dur=0.1"),
    ]
    assert response.headers is response.headers


def test_headers_that_are_given_stay_as_they_are() -> None:
    headers = [(b"allow", b"GET, HEAD"), (b"content-length", b"0")]
    response = Response(405, headers, b"")
    assert response.headers is headers
    assert response.head is None
