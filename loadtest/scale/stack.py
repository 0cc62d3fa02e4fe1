"""Replicas as containers of the Compose stack, behind its gateway."""

from __future__ import annotations

import os

from scale.command import said
from scale.failure import ScaleError
from scale.replicas import CGROUPS


class Stack:
    """The service `ml-app` of the stack of this folder."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._environment = dict(os.environ)
        self.title = "Compose replicas behind the gateway, on one machine"
        self._count = len(self.names())
        if not self._count:
            raise ScaleError("the Compose stack is not up: make up")

    def limit(self, cores: float) -> None:
        """Each replica that is made from now on has so much of a core."""
        self._environment["VIGIE_APP_CPUS"] = str(cores)

    def free(self) -> None:
        """As the stack limits them by itself."""
        self._environment = dict(os.environ)

    def scale_to(self, count: int) -> None:
        """Returns when so many are healthy."""
        self._compose("up", "--detach", "--wait", "--scale", f"ml-app={count}", "ml-app")

    def names(self) -> list[str]:
        """The containers that are there."""
        return self._compose("ps", "--quiet", "ml-app").split()

    def told(self, name: str) -> str:
        """What the kernel says in one of them."""
        return said("docker", "exec", name, "sh", "-c", CGROUPS)

    def restore(self) -> None:
        """As many as before, without the limit."""
        self.free()
        self.scale_to(self._count)

    def _compose(self, *words: str) -> str:
        return said("docker", "compose", *words, environment=self._environment)
