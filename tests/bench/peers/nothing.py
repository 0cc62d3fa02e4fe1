"""ASGI and nothing else: reads the body, answers JSON as long as Vigie's."""

import os
from pathlib import Path

ANSWERS = Path(os.environ["BENCH_FORMS"]) / "answers"
ONE, MANY = ((ANSWERS / f"{asked}.json").read_bytes() for asked in ("1 row", "100 rows"))
LONGEST_ROW = 1024
HEADERS = {
    answer: [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
    for answer in (ONE, MANY)
}


async def app(scope, receive, send):
    """Answers every request alike."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    answer = ONE if length < LONGEST_ROW else MANY
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS[answer]})
    await send({"type": "http.response.body", "body": answer})
