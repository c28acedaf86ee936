"""The routes for pods, over real TLS: who gets what, and that nothing secret is said."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from cryptography import x509

from alcove.admission import signing
from alcove.admission.certificates import Authority, Certificates, ServerCertificate
from alcove.admission.identities import IdentityServer, KnownTokens, TokenReviewer
from alcove.admission.issuing import PodIdentity, Refusal, Refused
from alcove.admission.server import AdmissionServer, ServerIdentity

NOW = 1_700_000_000.0
END = 4_000_000_000.0
WEB, API = PodIdentity("u-1", "shop", "web-0"), PodIdentity("u-2", "shop", "api-0")
CERTIFICATE, TRUST = "/identity/certificate", "/identity/trust"
TOKENS: dict[str, PodIdentity | Refused] = {
    "h.web.s": WEB,
    "h.api.s": API,
    "h.account.s": Refused(Refusal.NOT_OF_A_POD),
}


def make_certificates(ends: float = END) -> Certificates:
    authority = Authority(signing.make_authority(NOW, ends), ends, NOW)
    pair = signing.make_server(authority.pair, NOW, END, names=["127.0.0.1"])
    return Certificates(
        (authority,), ServerCertificate(pair, END, NOW, ("127.0.0.1",), authority.pair.certificate)
    )


CERTIFICATES = make_certificates()


class NoSpaces:
    observed = True

    async def find(self, namespace: str) -> None:
        """Know nothing."""


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def uris(self) -> list[str]:
        """Whom the certificate in the answer names."""
        (secret,) = json.loads(self.text)["resources"]
        pem = secret["tls_certificate"]["certificate_chain"]["inline_string"].encode()
        extensions = x509.load_pem_x509_certificate(pem).extensions
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return names.get_values_for_type(x509.UniformResourceIdentifier)


@dataclass(frozen=True)
class Server:
    base: str

    async def ask(
        self, path: str = CERTIFICATE, headers: Iterable[tuple[str, str]] = (), **more: Any
    ) -> Answer:
        trust = ssl.create_default_context(cadata=CERTIFICATES.bundle.decode())
        connector = aiohttp.TCPConnector(ssl=trust)
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.post(self.base + path, headers=list(headers), **more) as response,
        ):
            return Answer(response.status, await response.text(), dict(response.headers))

    async def ask_with(self, token: str, path: str = CERTIFICATE, **more: Any) -> Answer:
        return await self.ask(path, [("Authorization", f"Bearer {token}")], **more)


@contextlib.asynccontextmanager
async def running(
    reviewer: TokenReviewer | None = None, certificates: Certificates | None = CERTIFICATES, **more: Any
) -> AsyncIterator[Server]:
    identities = IdentityServer(
        reviewer or KnownTokens(TOKENS), lambda: certificates, clock=lambda: NOW, **more
    )
    server = AdmissionServer(NoSpaces(), lambda: None, identities=identities)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with server.serve(listener, ServerIdentity(CERTIFICATES.server.pair)):
            yield Server(f"https://127.0.0.1:{listener.getsockname()[1]}")


async def test_each_token_gets_the_certificate_of_its_own_pod() -> None:
    async with running() as server:
        web, api = await server.ask_with("h.web.s"), await server.ask_with("h.api.s")
    assert (web.status, web.uris) == (200, ["spiffe://alcove/u-1/shop/web-0"])
    assert (api.status, api.uris) == (200, ["spiffe://alcove/u-2/shop/api-0"])
    assert web.headers["Cache-Control"] == "max-age=43200"
    assert web.headers["Content-Type"].startswith("application/json")


async def test_trust_is_given_to_pods() -> None:
    async with running() as server:
        answer = await server.ask_with("h.web.s", TRUST)
        assert (await server.ask(TRUST)).status == 401
    (secret,) = json.loads(answer.text)["resources"]
    assert secret["validation_context"]["trusted_ca"]["inline_string"].encode() == CERTIFICATES.bundle


@pytest.mark.parametrize(
    ("token", "status"), [("h.account.s", 403), ("h.unknown.s", 401), ("h.web.s.more", 401), ("web", 401)]
)
async def test_other_tokens_are_refused_with_the_reason(token: str, status: int) -> None:
    async with running() as server:
        answer = await server.ask_with(token)
    assert answer.status == status
    assert "token" in answer.text or "Bearer" in answer.text
    assert token not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Authorization", "")],
        [("Authorization", "Basic aC53ZWIucw==")],
        [("Authorization", "Bearer h.web.s, Bearer h.api.s")],
        [("Authorization", "Bearer h.web.s"), ("Authorization", "Bearer h.api.s")],
        [("Authorization", "Bearer h.web.s x")],
        [("X-Forwarded-Client-Cert", "URI=spiffe://alcove/u-1/shop/web-0")],
    ],
)
async def test_a_request_without_exactly_one_token_is_refused(headers: list[tuple[str, str]]) -> None:
    async with running() as server:
        assert (await server.ask(headers=headers)).status == 401


async def test_nothing_else_of_a_request_names_a_pod() -> None:
    spoofed = [
        ("Authorization", "Bearer h.api.s"),
        ("X-Remote-User", "system:serviceaccount:shop:default"),
        ("X-Remote-Extra-Authentication.kubernetes.io%2fpod-name", "web-0"),
        ("X-Forwarded-Client-Cert", "URI=spiffe://alcove/u-1/shop/web-0"),
    ]
    async with running() as server:
        answer = await server.ask(f"{CERTIFICATE}?pod=web-0&uid=u-1", spoofed)
    assert answer.uris == ["spiffe://alcove/u-2/shop/api-0"]


async def test_bodies_and_headers_beyond_all_measure_are_refused_and_the_server_goes_on() -> None:
    async with running() as server:
        assert (await server.ask_with("h.web.s", data=b"x" * 100_000)).status == 413
        assert (await server.ask_with("h.web.s", data=b"")).status == 200
        assert (await server.ask_with(f"h.{'w' * 7_500}.s")).status == 401
        assert (await server.ask_with(f"h.{'w' * 60_000}.s")).status == 400
        assert (await server.ask_with("h.web.s")).status == 200


async def test_before_there_are_certificates_a_pod_is_told_to_wait() -> None:
    async with running(certificates=None) as server:
        answer = await server.ask_with("h.web.s")
    assert (answer.status, answer.text) == (503, "the control plane has no certificates yet")


async def test_an_authority_that_has_ended_signs_nothing() -> None:
    async with running(certificates=make_certificates(NOW)) as server:
        assert (await server.ask_with("h.web.s")).status == 503


class Failing:
    """A reviewer that quotes what it was asked."""

    async def review(self, token: str) -> PodIdentity | Refused:
        raise ConnectionError(f"no API server for {token}")


class Silent:
    """A reviewer that never answers."""

    async def review(self, token: str) -> PodIdentity | Refused:
        await asyncio.Event().wait()
        raise AssertionError(token)


@pytest.mark.parametrize(("reviewer", "told"), [(Failing(), "ConnectionError"), (Silent(), "in time")])
async def test_without_an_api_server_a_pod_is_told_to_wait(reviewer: TokenReviewer, told: str) -> None:
    async with running(reviewer, review_seconds=0.01) as server:
        answer = await server.ask_with("h.web.s")
    assert answer.status == 503
    assert told in answer.text
    assert "h.web.s" not in answer.text


async def test_no_log_has_a_token_or_a_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with running() as server:
        answers = [await server.ask_with(token) for token in (*TOKENS, "h.unknown.s")]
    async with running(Failing()) as server:
        answers.append(await server.ask_with("h.web.s"))
    assert [answer.status for answer in answers] == [200, 200, 403, 401, 503]
    assert "shop/web-0" in caplog.text
    assert "PRIVATE" not in caplog.text
    assert not any(token in caplog.text for token in (*TOKENS, "h.unknown.s"))
