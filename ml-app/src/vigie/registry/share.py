"""The cache of verified packages over HTTP, for copies elsewhere: what each alias names, and files.

    GET /index                              all models, as `ShareIndex` reads it; has an ETag, and
                                            beside it when the registry last answered
    GET /packages/<model>/<digest>/<file>   one file of a package

Whoever reaches the port may read every package; nobody can change one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from flask import Flask, Response, abort, request, send_from_directory

from vigie.registry.cache import CHALLENGER, CHAMPION, ModelCache
from vigie.registry.share_client import LAST_SUCCESS
from vigie.settings import MODEL_NAME, load_settings

if TYPE_CHECKING:
    from vigie.registry.cache import Alias, CachedVersion, RegistryState


def create_share(cache: ModelCache | None = None) -> Flask:
    """The WSGI application of `vigie share`; without a cache that of the settings."""
    shared = cache or ModelCache(load_settings().cache)
    app = Flask(__name__, static_folder=None)

    @app.get("/index")
    def index() -> Response:
        state = shared.registry_state()
        answer = Response(orjson.dumps(index_of(shared, state)), content_type="application/json")
        answer.add_etag()
        # a header: it moves every few seconds, and what has not changed need not be sent for it
        answer.headers[LAST_SUCCESS] = repr(state.last_success)
        answer.make_conditional(request)
        return answer

    @app.get("/packages/<model>/<digest>/<path:name>")
    def file(model: str, digest: str, name: str) -> Response:
        found = shared.find(model, digest) if MODEL_NAME.fullmatch(model) else None
        if found is None:
            abort(404)
        return send_from_directory(found.root.resolve(), name, mimetype="application/octet-stream")

    return app


def index_of(cache: ModelCache, state: RegistryState) -> dict[str, Any]:
    """What a copy has to know of this cache."""
    return {
        "refusals": state.refusals,
        "withdrawn": cache.withdrawn(),
        "models": {
            name: {alias: _entry(cache, name, alias) for alias in (CHAMPION, CHALLENGER)}
            for name in sorted({*cache.models(), *cache.refused()})
        },
    }


def _entry(cache: ModelCache, name: str, alias: Alias) -> dict[str, Any]:
    return {
        "version": _identity(cache.named(name, alias)),
        "refusal": cache.refusal(name, alias),
    }


def _identity(version: CachedVersion | None) -> dict[str, str] | None:
    if version is None:
        return None
    return {"digest": version.digest, "version": version.version, "run_id": version.run_id}
