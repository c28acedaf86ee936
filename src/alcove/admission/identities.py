"""How pods get certificates and trust over HTTPS: /identity/certificate and /identity/trust.

Answers: 200 with a file of secrets and how long it is good (``Cache-Control: max-age``), 401 for a token that
is refused, 403 for one that is not a pod's, or of a pod outside of spaces, 413 for a body (none is wanted),
503 where it cannot be said now. The text of a refusal says why, on one line. Tokens and keys are in no log
and no text.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable
from typing import Protocol

import msgspec
from aiohttp import hdrs, web

from alcove.admission.certificates import DEFAULT_SCHEDULE, Certificates, Schedule, choose_signer
from alcove.admission.issuing import (
    Document,
    PodIdentity,
    Refusal,
    Refused,
    issue_certificate,
    render_trust,
)

CERTIFICATE_PATH = "/identity/certificate"
TRUST_PATH = "/identity/trust"
_REVIEW_SECONDS = 5.0
_LONGEST_TOKEN = 7_000
"""Characters; aiohttp takes headers of 8190, and the tokens of service accounts have about a thousand."""
_BEARER = re.compile(r"(?i:bearer) +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)")
_STATUS = {
    Refusal.NOT_AUTHENTIC: 401,
    Refusal.NOT_OF_A_POD: 403,
    Refusal.ELSEWHERE: 403,
    Refusal.UNAVAILABLE: 503,
}

_log = logging.getLogger(__name__)


class TokenReviewer(Protocol):
    """Who tells pods by their tokens: the API server."""

    async def review(self, token: str) -> PodIdentity | Refused:
        """Give the pod that a token is bound to, for the audience ``azds``, or why there is none."""


class KnownTokens:
    """A reviewer that knows the tokens it was given, for tests."""

    def __init__(self, known: dict[str, PodIdentity | Refused] | None = None) -> None:
        """Know ``known``, which may be changed later."""
        self.known = known if known is not None else {}

    async def review(self, token: str) -> PodIdentity | Refused:
        """Give what the token was said to stand for."""
        return self.known.get(token, Refused(Refusal.NOT_AUTHENTIC))


class IdentityServer:
    """The routes; one instance serves any number of requests at a time."""

    def __init__(
        self,
        reviewer: TokenReviewer,
        certificates: Callable[[], Certificates | None],
        *,
        schedule: Schedule = DEFAULT_SCHEDULE,
        clock: Callable[[], float] = time.time,
        review_seconds: float = _REVIEW_SECONDS,
    ) -> None:
        """Issue what ``certificates`` gives at that moment (None: not yet there).

        Args:
            reviewer: who tells whose a token is.
            certificates: what there is now.
            schedule: the one by which the certificates are rotated.
            clock: gives Unix seconds.
            review_seconds: how long the reviewer may take.
        """
        self._reviewer = reviewer
        self._certificates = certificates
        self._schedule = schedule
        self._clock = clock
        self._review_seconds = review_seconds

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Serve under both paths."""
        router.add_post(CERTIFICATE_PATH, self._give_certificate)
        router.add_post(TRUST_PATH, self._give_trust)

    async def _give_certificate(self, request: web.Request) -> web.Response:
        return await self._give(request, self._certificate_of)

    async def _give_trust(self, request: web.Request) -> web.Response:
        return await self._give(request, lambda _, certificates: render_trust(certificates.bundle))

    async def _give(
        self, request: web.Request, render: Callable[[PodIdentity, Certificates], Document | None]
    ) -> web.Response:
        if request.can_read_body and request.content_length != 0:
            return web.Response(status=413, text="no body is wanted here")
        pod = await self._review(request)
        if isinstance(pod, Refused):
            return web.Response(status=_STATUS[pod.refusal], text=str(pod))
        certificates = self._certificates()
        document = render(pod, certificates) if certificates is not None else None
        if document is None:
            return web.Response(status=503, text="the control plane has no certificates yet")
        fresh = {hdrs.CACHE_CONTROL: f"max-age={document.max_age}"}
        body = msgspec.json.encode(document.body)
        return web.Response(body=body, content_type="application/json", headers=fresh)

    def _certificate_of(self, pod: PodIdentity, certificates: Certificates) -> Document | None:
        now = self._clock()
        authority = choose_signer(now, certificates, self._schedule)
        if authority.ends <= now:
            return None
        _log.info("pod %s/%s (%s) gets a certificate", pod.namespace, pod.name, pod.uid)
        return issue_certificate(pod, authority, now)

    async def _review(self, request: web.Request) -> PodIdentity | Refused:
        headers = request.headers.getall(hdrs.AUTHORIZATION, [])
        found = _BEARER.fullmatch(headers[0]) if len(headers) == 1 else None
        if found is None or len(found[1]) > _LONGEST_TOKEN:
            return Refused(Refusal.NOT_AUTHENTIC, "there is no header 'Authorization: Bearer TOKEN'")
        try:
            async with asyncio.timeout(self._review_seconds):
                return await self._reviewer.review(found[1])
        except TimeoutError:
            return Refused(Refusal.UNAVAILABLE, "the API server does not answer in time")
        except Exception as error:  # whatever it is, the pod tries again; its text might quote the token
            _log.error("Cannot review a token: %s", type(error).__name__)  # for the same reason
            return Refused(Refusal.UNAVAILABLE, type(error).__name__)
