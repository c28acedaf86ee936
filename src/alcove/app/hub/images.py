"""Images for the pods of a session: the builder of their node is found, asked, and its answer kept.

Every node that has a pod needs its own; each is built once per build number, and every pod of it that waits
is told. What is printed on the way can be read from the beginning at any time.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from alcove.app.hub.manifests import ManifestBook
from alcove.app.hub.pods import PodView
from alcove.builds.client import BuilderClient, BuilderGoneError, find_builder
from alcove.builds.identity import Identity
from alcove.builds.pods import NAMESPACE
from alcove.builds.requests import BuildEvent, BuildRequest, Built, Failed, ImageConfig, Line
from alcove.kube import resources
from alcove.kube.client import KubeClient, Selection
from alcove.kube.errors import KubeError, UnreachableError
from alcove.sessions.settings import UpSettings
from alcove.sync.errors import MissingBlobError
from alcove.sync.manifest import Manifest
from alcove.sync.store import Store
from alcove.sync.trees import tar_tree

_PAUSE = 0.05
_LONGEST_PAUSE = 1.0
_KEPT_LINES = 5000
_SOON = 5.0
"""Seconds after which it is said that a builder is waited for."""
_DOCKERFILE = ".alcove.Dockerfile"
_PIECE = 1 << 18
"""Bytes of a context that are read and sent at once."""


class Builder(Protocol):
    """The builder of one node (``builds.client.BuilderClient`` is one)."""

    def build(self, request: BuildRequest, context: AsyncIterator[bytes]) -> AsyncGenerator[BuildEvent, None]:
        """Yield what happens, at last Built or Failed."""

    async def exists(self, image: str) -> ImageConfig | None:
        """Give what an image says, None when the node does not have it."""

    def copy_out(self, image: str, path: str, *, auth: str = "") -> AsyncGenerator[bytes, None]:
        """Yield the tar of a path of an image."""


class Builders(Protocol):
    """Finds builders."""

    async def find(self, node: str) -> Builder:
        """Give the builder of a node; waits until there is one."""


class ClusterBuilders:
    """Finds them among the pods that the control plane keeps."""

    def __init__(self, client: KubeClient, identity: Identity) -> None:
        """Look with the rights of ``client``; speak as ``identity``."""
        self._client = client
        self._identity = identity

    async def find(self, node: str) -> Builder:
        """Give the builder of a node; waits until there is one."""
        pause = _PAUSE
        while True:
            with contextlib.suppress(UnreachableError):
                pods = await self._client.list(resources.PODS, Selection(NAMESPACE))
                address = find_builder(pods.items, node)
                if address is not None:
                    return BuilderClient(address, self._identity)
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)


@dataclass
class BuildRun:
    """One image on one node, while it is made and after."""

    lines: list[str] = field(default_factory=list)
    dropped: int = 0
    tell: Callable[[str], None] = lambda _: None
    """Hears each line at once."""
    result: ImageConfig | Failed | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, text: str) -> None:
        """Keep a line; of very long output the first lines go."""
        self.tell(text)
        self.lines.append(text)
        if len(self.lines) > _KEPT_LINES:
            del self.lines[0]
            self.dropped += 1
        self._wake()

    def end(self, result: ImageConfig | Failed) -> None:
        """Keep how it ended."""
        self.result = result
        self._wake()

    async def follow(self) -> AsyncGenerator[str, None]:
        """Yield the lines from the first on, until it has ended."""
        told = 0
        while True:
            changed = self._changed
            while (place := max(told, self.dropped) - self.dropped) < len(self.lines):
                told = max(told, self.dropped) + 1
                yield self.lines[place]
            if self.result is not None:
                return
            if changed is self._changed:
                await changed.wait()

    async def wait(self) -> ImageConfig | Failed:
        """Give how it ended, when it has."""
        while self.result is None:
            await self._changed.wait()
        return self.result

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


@dataclass(frozen=True, slots=True)
class Order:
    """An image that is to be made."""

    request: BuildRequest
    tree: Manifest
    """The build's directory."""
    store: Store

    async def context(self) -> AsyncIterator[bytes]:
        """Yield the tar of the build's directory; it is read in a thread, so that nobody else waits."""
        pieces = _join(tar_tree(self.tree, self.store, ""))
        while (piece := await asyncio.to_thread(next, pieces, b"")) != b"":
            yield piece


def _join(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield many small chunks as few larger ones."""
    waiting: list[bytes] = []
    size = 0
    for chunk in chunks:
        waiting.append(chunk)
        size += len(chunk)
        if size >= _PIECE:
            yield b"".join(waiting)
            waiting, size = [], 0
    if size:
        yield b"".join(waiting)


class Kit(Protocol):
    """Of what a session works with, what is needed here."""

    @property
    def namespace(self) -> str:
        """The space's."""

    @property
    def client(self) -> KubeClient:
        """The cluster."""

    @property
    def book(self) -> ManifestBook:
        """The trees."""


async def make_order(kit: Kit, pod: PodView, image: str, settings: UpSettings, manifest: Manifest) -> Order:
    """Say what is to be built for a pod."""
    build = settings.build
    tree = manifest.below(build.context)
    dockerfile = build.dockerfile.removeprefix(f"{build.context}/") if build.context else build.dockerfile
    if dockerfile not in tree.entries and build.dockerfile in manifest.entries:
        # One that is outside of the build's directory comes along under a name of its own.
        tree = Manifest({**tree.entries, _DOCKERFILE: manifest.entries[build.dockerfile]})
        dockerfile = _DOCKERFILE
    auth = await read_auth(kit.client, kit.namespace, pod.pull_secrets)
    return Order(BuildRequest(image, dockerfile, args=build.args, auth=auth), tree, kit.book.store)


async def read_auth(client: KubeClient, namespace: str, names: Sequence[str]) -> str:
    """Give what the pull secrets of a pod allow, as one Docker configuration; empty for nothing."""
    found: dict[str, Any] = {}
    for name in names:
        try:
            secret = await client.get(resources.SECRETS, name, namespace=namespace)
            content = base64.b64decode((secret.get("data") or {}).get(".dockerconfigjson", ""))
            found |= json.loads(content or b"{}").get("auths") or {}
        except (KubeError, ValueError, AttributeError, TypeError):
            continue
    return json.dumps({"auths": found}) if found else ""


async def build_image(builders: Builders, node: str, order: Order, run: BuildRun) -> None:
    """Make an image on a node, asking anew for as long as builders vanish; ``run`` is told all of it.

    Raises:
        MissingBlobError: the store has lost (or found damaged, and removed) what the image is made of.
    """
    request = order.request
    while run.result is None:
        if lost := order.store.missing(order.tree.digests):
            raise MissingBlobError(lost[0])
        builder = await _find(builders, node, run)
        try:
            if (config := await builder.exists(request.image)) is not None:
                run.end(config)
                return
            async with contextlib.aclosing(builder.build(request, order.context())) as events:
                async for event in events:
                    match event:
                        case Line(text=text):
                            run.add(text)
                        case Built(config=config):
                            run.end(config)
                        case Failed():
                            run.end(event)
        except BuilderGoneError as error:
            run.add(f"The builder went away ({error}); the build begins again")
            await asyncio.sleep(_LONGEST_PAUSE)


async def _find(builders: Builders, node: str, run: BuildRun) -> Builder:
    try:
        async with asyncio.timeout(_SOON):
            return await builders.find(node)
    except TimeoutError:
        run.add(f"Waiting for the builder on node {node}: kubectl get pods -n {NAMESPACE} -o wide")
    return await builders.find(node)


def told(failed: Failed) -> str:
    """Say why a build failed."""
    return f"{failed.step}: {failed.message}" if failed.step else failed.message
