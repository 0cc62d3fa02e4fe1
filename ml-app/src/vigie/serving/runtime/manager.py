"""The model manager of one worker: loads models from the cache, follows it, swaps."""

from __future__ import annotations

import contextlib
import gc
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from vigie.errors import RETRY_SECONDS, NotFound, Unavailable, VigieError
from vigie.files import locked
from vigie.registry.cache import ModelCache
from vigie.serving.runtime.challenger import Canary, Challenger
from vigie.serving.runtime.loaded_model import load_model
from vigie.serving.runtime.model_slot import ModelSlot

if TYPE_CHECKING:
    from vigie.registry.cache import CachedVersion
    from vigie.serving.metrics import Metrics
    from vigie.serving.runtime.loaded_model import LoadedModel
    from vigie.settings import Settings

log = logging.getLogger("vigie.serving")

LOOK_SECONDS = 1.0
CROWDED_SECONDS = 30.0
LONGEST_WAIT_SECONDS = 30.0


class ModelManager:
    """The slots of one worker, by model name, in the order in which they are listed to people."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self.cache = ModelCache(settings.cache)
        self.slots: dict[str, ModelSlot] = {
            name: ModelSlot(name, metrics) for name in settings.required_models
        }
        self._failed: dict[str, tuple[str, str]] = {}
        self._failed_challengers: dict[str, tuple[str, str]] = {}
        self._follows = False
        self.draining = False

    def refresh(self) -> None:
        """Loads what the cache points to and does not serve; a failure keeps the old version.

        A model that is not a required one goes with its pointer in the cache.
        """
        wanted = self._wanted()
        # a cache that is away as a whole says nothing about its models
        if self.cache.folder.is_dir():
            for name in self.slots.keys() - set(wanted):
                self._retire(name)
        for name in wanted:
            if self._next(name):
                with self._swap_lock():
                    # asked again: the pointer may have moved while the others swapped
                    if cached := self._next(name):
                        self._load(name, cached)
            if self._settings.tries_challengers and name in self.slots:
                self._challenge(self.slots[name])

    def follow(self, stop: threading.Event) -> None:
        """Refreshes until `stop` is set, one worker of the service at a time."""
        self._follows = True
        while not stop.wait(LOOK_SECONDS):
            try:
                self.refresh()
            except Exception:
                log.exception("the cache could not be read")

    def slot(self, name: str | None) -> ModelSlot:
        """The slot of a model, the first one for `None`. Raises `NotFound`, `Unavailable`."""
        if name is None:
            name = self.first
        slot = self.slots.get(name)
        if slot is None:
            known = ", ".join(self.slots) or "none"
            raise NotFound(f"There is no such model here. Models: {known}.")
        if slot.live is None:
            raise Unavailable(self.why_not(name), "no_model", retry_after=RETRY_SECONDS)
        return slot

    @property
    def first(self) -> str:
        """The name of the model that answers where none is named."""
        if not self.slots:
            raise Unavailable("No model is served yet.", "no_model", retry_after=RETRY_SECONDS)
        return next(iter(self.slots))

    @property
    def lives(self) -> list[LoadedModel]:
        """What serves now, in the order of the slots."""
        return [slot.live for slot in self.slots.values() if slot.live]

    def readiness(self) -> tuple[int, bytes]:
        """Status and body of `/readyz`: 200 while each configured model serves, nothing stops."""
        if self.draining:
            return 503, orjson.dumps({"status": "draining"})
        unready = self.unready()
        if unready:
            return 503, orjson.dumps({"status": "not ready", "models": unready})
        return 200, orjson.dumps({"status": "ready"})

    def unready(self) -> dict[str, str]:
        """Why the worker is not ready, by model; empty where every configured model serves."""
        if not self.slots:
            return {"*": "no model has a champion yet"}
        return {
            name: self.why_not(name)
            for name in self._settings.required_models
            if self.slots[name].live is None
        }

    @property
    def refused(self) -> list[str]:
        """The models that would be served beside the required ones, had they not been refused."""
        if not self._settings.serves_every_model:
            return []
        return [name for name in self.cache.refused() if name not in self.slots]

    def _wanted(self) -> list[str]:
        wanted = list(self._settings.required_models)
        if self._settings.serves_every_model:
            wanted += [name for name in self.cache.models() if name not in wanted]
        return wanted

    def _next(self, name: str) -> CachedVersion | None:
        """The version that a model is to load now, if there is one."""
        cached = self.cache.champion(name)
        if cached is None or self._failed.get(name) == (cached.digest, cached.version):
            return None
        slot = self.slots.get(name)
        serving = slot.live if slot else None
        if serving and (serving.digest, serving.version) == (cached.digest, cached.version):
            return None
        if slot and slot.ending() and time.monotonic() - slot.swapped < CROWDED_SECONDS:
            # two versions are in memory; the next waits until the requests of the oldest end
            return None
        return cached

    def _swap_lock(self) -> contextlib.AbstractContextManager[None]:
        # at the start nothing serves that a second load beside it could slow down
        return swap_lock(self._settings.state) if self._follows else contextlib.nullcontext()

    def _load(self, name: str, cached: CachedVersion) -> None:
        started = time.perf_counter()
        settings = self._settings
        slot = self.slots.get(name) or ModelSlot(name, self._metrics)
        tried = slot.challenger.live if slot.challenger else None
        try:
            if tried and (tried.digest, tried.version) == (cached.digest, cached.version):
                live = tried
            else:
                live = load_model(name, cached, settings.engine, settings.max_batch_rows)
        except Exception as failure:
            # no package stops a worker or its other models, whatever is wrong with it
            self._failed[name] = (cached.digest, cached.version)
            self._metrics.models.reloads.labels(name, "failed").inc()
            unexplained = None if isinstance(failure, VigieError) else failure
            log.error(
                "%s version %s cannot be loaded: %s",
                name, cached.version, failure, exc_info=unexplained,
            )  # fmt: skip
            return
        seconds = time.perf_counter() - started
        self._failed.pop(name, None)
        self._metrics.models.load_seconds.labels(name).set(seconds)
        slot.swap(live)
        self.slots = {**self.slots, name: slot}
        _freeze_heap(thorough=live.engine != "onnx")
        log.info("%s version %s serves on %s", name, cached.version, live.engine)

    def _challenge(self, slot: ModelSlot) -> None:
        """Loads, replaces or ends the challenger of a model as the cache has it."""
        cached = self.cache.challenger(slot.name)
        champion, tried = slot.live, slot.challenger.live if slot.challenger else None
        if cached is None or champion is None or champion.digest == cached.digest:
            if tried is not None:
                slot.challenge(None)
            return
        wanted = (cached.digest, cached.version)
        failed = self._failed_challengers.get(slot.name) == wanted
        if failed or (tried and (tried.digest, tried.version) == wanted):
            return
        # the old one goes first: never two challengers in memory
        slot.challenge(None)
        with self._swap_lock():
            self._load_challenger(slot, cached)

    def _load_challenger(self, slot: ModelSlot, cached: CachedVersion) -> None:
        settings = self._settings
        try:
            live = load_model(slot.name, cached, settings.engine, settings.max_batch_rows)
        except Exception as failure:
            # a challenger that cannot be loaded costs what it would have told, nothing else
            self._failed_challengers[slot.name] = (cached.digest, cached.version)
            log.error("%s challenger %s: %s", slot.name, cached.version, failure)
            return
        challenger = Challenger(live, self._metrics.challenger, settings.challenger_share)
        canary = None
        if settings.canary_share > 0:
            canary = Canary(live, settings.canary_share)
        slot.challenge(challenger, canary)
        _freeze_heap(thorough=live.engine != "onnx")
        log.info("%s version %s is tried as the challenger", slot.name, cached.version)

    def _retire(self, name: str) -> None:
        slots = dict(self.slots)
        slot = slots.pop(name)
        self.slots = slots
        self._failed.pop(name, None)
        slot.retire()
        log.info("%s is served no longer: it has no champion any more", name)

    def why_not(self, name: str) -> str:
        """Why a model does not serve, for people."""
        refused = self.cache.refusal(name)
        if refused and refused.pending:
            return refused.reason
        if refused:
            return f"version {refused.version} is refused: {refused.reason}"
        if name in self._failed:
            return f"version {self._failed[name][1]} cannot be loaded by this worker"
        return "no verified version in the cache yet; train one, or wait for the registry"


def _freeze_heap(thorough: bool) -> None:
    """Takes the loaded model out of the garbage collector's sight: no long pause over it.

    A replaced version of ours has no cycles and goes with its last reference. That of another
    engine may have some: `thorough` looks at the whole heap, which holds up the loop for 40 ms.
    """
    if thorough:
        gc.unfreeze()
    gc.collect()
    gc.freeze()


@contextlib.contextmanager
def swap_lock(folder: Path, longest: float = LONGEST_WAIT_SECONDS) -> Iterator[None]:
    """Held while a worker loads and swaps: one after the other, as loading slows down answers.

    Goes on without it after `longest` seconds. The system frees the lock of a worker that dies.
    """
    with contextlib.ExitStack() as stack:
        # a folder that cannot be written costs the order of the swaps, never a swap
        with contextlib.suppress(OSError):
            if not stack.enter_context(locked(folder / "swap.lock", longest)):
                log.warning("another worker swaps for more than %.0f s; not waiting", longest)
        yield
