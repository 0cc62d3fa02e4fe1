"""A cache that is given out over HTTP by the application of `vigie share`, on a free port."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from werkzeug.serving import make_server

from vigie.registry.cache import ModelCache
from vigie.registry.share import create_share


@contextlib.contextmanager
def shared(cache: ModelCache) -> Iterator[str]:
    """The address at which the cache is given out."""
    server = make_server("127.0.0.1", 0, create_share(cache), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
