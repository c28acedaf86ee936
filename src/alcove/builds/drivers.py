"""Who makes an image and leaves it where the node's runtime finds it (the port)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Protocol

from alcove.builds.requests import BuildEvent, BuildRequest, Failed, ImageConfig
from alcove.errors import AlcoveError


class NoImageError(AlcoveError):
    """There is no such image, or nothing at that path of it."""


class Driver(Protocol):
    """What a runtime, or a builder beside it, can do. Whoever asks was checked: see *server*.

    ``space`` is the key of who asks (``requests.space_key``): caches are not shared between spaces.
    """

    def build(
        self, request: BuildRequest, context: AsyncIterator[bytes], *, space: str
    ) -> AsyncGenerator[BuildEvent, None]:
        """Yield the lines of a build, at last Built or Failed; closed early, everything of it ends."""

    async def find(self, image: str) -> ImageConfig | None:
        """Give what an image on the node says; None when it is not there.

        Raises:
            AlcoveError: the runtime does not answer.
        """

    def copy_out(self, image: str, path: str, *, auth: str, space: str) -> AsyncGenerator[bytes, None]:
        """Yield a tar: of a directory what is in it, by names relative to it; of a file that file alone.

        Raises:
            NoImageError: there is none, or nothing at ``path``.
            AlcoveError: something else is wrong.
        """


class RefusingDriver:
    """For nodes whose runtime cannot be used: says so to whoever asks."""

    def __init__(self, reason: str) -> None:
        """Say ``reason``."""
        self._failed = Failed(reason, hint="run the pod on a node with containerd: nodeSelector in its chart")

    async def build(
        self, request: BuildRequest, context: AsyncIterator[bytes], *, space: str
    ) -> AsyncGenerator[BuildEvent, None]:
        """Fail."""
        async for _ in context:
            pass
        yield self._failed

    async def find(self, image: str) -> ImageConfig | None:
        """Find nothing."""
        return None

    async def copy_out(self, image: str, path: str, *, auth: str, space: str) -> AsyncGenerator[bytes, None]:
        """Fail."""
        if self._failed.message:
            raise AlcoveError(self._failed.message, hint=self._failed.hint)
        yield b""
