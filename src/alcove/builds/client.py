"""How a hub speaks with the builder of a node."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from typing import Any

import aiohttp
import msgspec

from alcove.builds import requests
from alcove.builds.identity import Identity
from alcove.builds.pods import COMPONENT, COMPONENT_LABEL, NAMESPACE
from alcove.builds.requests import BuildEvent, BuildRequest, Failed, ImageConfig, Line
from alcove.errors import AlcoveError, UnavailableError

_CONNECT_SECONDS = 10.0
_SILENCE_SECONDS = 60.0
"""A builder that says nothing for so long is gone: it tells four times as often that it is there."""
_PIECE = 1 << 18


class BuilderError(AlcoveError):
    """A builder refuses, or cannot do what it is asked for."""


class BuilderGoneError(UnavailableError):
    """A builder cannot be reached, or vanished in the middle: what it was asked may be asked again."""


def find_builder(pods: Iterable[Mapping[str, Any]], node: str) -> str | None:
    """Give the address of the ready builder of a node among the pods of ``NAMESPACE``; None: not yet."""
    for pod in pods:
        labels, spec = pod["metadata"].get("labels") or {}, pod.get("spec") or {}
        if labels.get(COMPONENT_LABEL) != COMPONENT or spec.get("nodeName") != node:
            continue
        status = pod.get("status") or {}
        ready = any(
            one.get("type") == "Ready" and one.get("status") == "True"
            for one in status.get("conditions") or ()
        )
        address = status.get("podIP")
        if ready and address and not pod["metadata"].get("deletionTimestamp"):
            return f"[{address}]" if ":" in address else str(address)
    return None


class BuilderClient:
    """The builder at an address (as ``find_builder`` gives it); each question is a connection of its own."""

    def __init__(self, address: str, identity: Identity, *, port: int = requests.PORT) -> None:
        """Speak as ``identity``."""
        self._base = f"https://{address}:{port}"
        self._identity = identity

    async def build(
        self, request: BuildRequest, context: AsyncIterator[bytes]
    ) -> AsyncGenerator[BuildEvent, None]:
        """Yield what happens, at last Built or Failed; leaving early ends the build.

        Args:
            request: what is to be built.
            context: the tar of the build's directory, uncompressed.

        Raises:
            BuilderError: it is refused.
            BuilderGoneError: there is no such builder, or no longer.
        """
        async with self._ask("POST", requests.BUILD_PATH, data=_question(request, context)) as response:
            ended = False
            async for line in _lines(response):
                event = requests.decode_event(line)
                if event is not None:
                    ended = not isinstance(event, Line)
                    yield event
                if ended:
                    return
        raise BuilderGoneError("the builder ended in the middle of a build")

    async def exists(self, image: str) -> ImageConfig | None:
        """Give what an image of a session says, None when the node does not have it; raises as ``build``."""
        try:
            async with self._ask("GET", requests.IMAGE_PATH, params={"name": image}) as response:
                return msgspec.json.decode(await response.read(), type=ImageConfig)
        except _NotThereError:
            return None

    async def copy_out(self, image: str, path: str, *, auth: str = "") -> AsyncGenerator[bytes, None]:
        """Yield the tar of a path of any image; raises as ``build``, BuilderError when nothing is there.

        Of a directory it is what is in it, by names relative to it; of a file that file alone.
        """
        question = msgspec.json.encode({"image": image, "path": path, "auth": auth})
        async with self._ask("POST", requests.COPY_PATH, data=question) as response:
            async for piece in response.content.iter_chunked(_PIECE):
                yield piece

    @contextlib.asynccontextmanager
    async def _ask(self, method: str, path: str, **more: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        connector = aiohttp.TCPConnector(ssl=self._identity.client_context(namespace=NAMESPACE))
        timeout = aiohttp.ClientTimeout(
            total=None, connect=_CONNECT_SECONDS, sock_connect=_CONNECT_SECONDS, sock_read=_SILENCE_SECONDS
        )
        session = aiohttp.ClientSession(
            connector=connector, timeout=timeout, read_bufsize=requests.LONGEST_EVENT
        )
        try:
            async with session, session.request(method, self._base + path, **more) as response:
                if response.status != 200:
                    raise await _refusal(response)
                yield response
        except aiohttp.ClientPayloadError as error:
            raise BuilderGoneError("the builder ended in the middle of its work") from error
        except (aiohttp.ClientError, ssl.SSLError, TimeoutError, ConnectionError) as error:
            raise BuilderGoneError(
                f"no answer of the builder at {self._base}", cause=str(error) or type(error).__name__
            ) from error


class _NotThereError(BuilderError):
    """What is asked for is not on the node."""


async def _question(request: BuildRequest, context: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield requests.encode_request(request)
    async for piece in context:
        yield piece


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        while line := await response.content.readline():
            yield line
    except ValueError as error:
        raise BuilderError("the builder says something beyond all measure") from error


async def _refusal(response: aiohttp.ClientResponse) -> BuilderError:
    body = await response.content.read(requests.LONGEST_EVENT)
    try:
        said = msgspec.json.decode(body, type=Failed)
    except ValueError:
        said = Failed(f"the builder answers {response.status}")
    kind = _NotThereError if response.status == 404 else BuilderError
    return kind(said.message, hint=said.hint)
