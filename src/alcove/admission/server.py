"""The HTTPS server that the API server and pods ask: /inject, /healthz, /readyz, /identity (*identities*).

Start means listening: inside the ``serve`` block connections are accepted. New certificates are taken up by
the context that listens, so the next handshake shows them and connections that are open stay open. A question
is answered before the API server stops waiting: what would take longer is answered as "not injected".
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Protocol

import msgspec
from aiohttp import web

from alcove.admission.configuration import PATH
from alcove.admission.facts import SpaceFacts
from alcove.admission.identities import IdentityServer
from alcove.admission.review import Answer, Question, ReviewError, decide, failed, parse_review, render_answer
from alcove.admission.settings import InjectionSettings
from alcove.pki import KeyPair

BODY_LIMIT = 8 << 20
"""Bytes of a question: the API server accepts objects of 3 MiB, and sends their JSON in one."""
_BODY_SECONDS = 1.0
_FACTS_SECONDS = 0.5
"""Together less than the two seconds after which the API server gives up."""
_LONGEST_SHUTDOWN = 2.0
_SILENT = logging.Logger("access", logging.CRITICAL)

_log = logging.getLogger(__name__)


class SpaceDirectory(Protocol):
    """What is known about spaces."""

    @property
    def observed(self) -> bool:
        """Whether every namespace has been seen once."""

    async def find(self, namespace: str) -> SpaceFacts | None:
        """Give the facts of a space, None for a namespace that is none.

        It may look for itself for a namespace it has not seen: pods come right after their namespace.
        """


class ServerIdentity:
    """The certificate that the server shows, to be changed while it serves."""

    def __init__(self, pair: KeyPair) -> None:
        """Show ``pair`` first.

        Raises:
            ssl.SSLError: the key is not the certificate's, or one of them cannot be read.
        """
        self.context = _new_context(pair)
        """What listens."""

    def rotate(self, pair: KeyPair) -> None:
        """Show ``pair`` from the next handshake on; raises as the constructor, and then shows the old one."""
        _new_context(pair)
        _load_chain(self.context, pair)


class AdmissionServer:
    """The webhook."""

    def __init__(
        self,
        spaces: SpaceDirectory,
        settings: Callable[[], InjectionSettings | None],
        *,
        identities: IdentityServer | None = None,
        body_limit: int = BODY_LIMIT,
        body_seconds: float = _BODY_SECONDS,
        facts_seconds: float = _FACTS_SECONDS,
    ) -> None:
        """Inject as ``settings`` say at that moment (None: not yet) into the pods of ``spaces``.

        Pods get certificates from ``identities``, on the same port. A question gets ``body_seconds`` to
        arrive, ``spaces`` get ``facts_seconds`` to answer.
        """
        self._spaces = spaces
        self._settings = settings
        self._identities = identities
        self._body_limit = body_limit
        self._body_seconds = body_seconds
        self._facts_seconds = facts_seconds

    @contextlib.asynccontextmanager
    async def serve(self, listener: socket.socket, identity: ServerIdentity) -> AsyncIterator[None]:
        """Answer on a bound socket for as long as the block runs; answers under way get two seconds."""
        application = web.Application(client_max_size=self._body_limit)
        application.router.add_post(PATH, self._inject)
        application.router.add_get("/healthz", self._tell_health)
        application.router.add_get("/readyz", self._tell_readiness)
        if self._identities is not None:
            self._identities.add_routes(application.router)
        async with listening(application, listener, identity):
            yield

    async def _inject(self, request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(self._body_seconds):
                question = parse_review(await request.read())
        except TimeoutError:
            return web.Response(status=408, text="the request did not arrive in time")
        except ReviewError as error:
            return web.Response(status=400, text=str(error))
        answer = await self._answer(question)
        body = msgspec.json.encode(render_answer(question, answer))
        return web.Response(body=body, content_type="application/json")

    async def _answer(self, question: Question) -> Answer:
        if question.pod is None:
            return Answer()
        try:
            async with asyncio.timeout(self._facts_seconds):
                facts = await self._spaces.find(question.namespace)
        except TimeoutError:
            return failed("its namespace could not be looked up in time")
        except Exception as error:  # nothing that goes wrong here may cost anybody a pod
            _log.exception("Cannot look up the namespace %s", question.namespace)
            return failed(f"its namespace could not be looked up ({type(error).__name__})")
        settings = self._settings()
        if settings is None:
            return failed("the control plane does not know yet what to inject")
        return decide(question, facts, settings)

    async def _tell_health(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _tell_readiness(self, _request: web.Request) -> web.Response:
        if self._spaces.observed:
            return web.Response(text="ok")
        return web.Response(status=503, text="the spaces have not been observed yet")


@contextlib.asynccontextmanager
async def listening(
    application: web.Application, listener: socket.socket, identity: ServerIdentity
) -> AsyncIterator[None]:
    """Serve an application on a bound socket; after the block every connection is closed."""
    runner = web.AppRunner(application, access_log=_SILENT, shutdown_timeout=_LONGEST_SHUTDOWN)
    await runner.setup()
    try:
        await web.SockSite(runner, listener, ssl_context=identity.context).start()
        yield
    finally:
        connections = runner.server.connections if runner.server is not None else []
        transports = [one.transport for one in connections if one.transport is not None]
        await runner.cleanup()
        # TLS would go on waiting for each client's goodbye, and API servers keep connections for minutes.
        for transport in transports:
            transport.abort()
        await asyncio.sleep(0)


def _new_context(pair: KeyPair) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    _load_chain(context, pair)
    return context


def _load_chain(context: ssl.SSLContext, pair: KeyPair) -> None:
    """Load a certificate with its key, which the ssl module reads from files only: from one in memory."""
    descriptor = os.memfd_create("alcove-webhook", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, pair.certificate + b"\n" + pair.key)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
