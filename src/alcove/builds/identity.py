"""Who this process is: a pod's certificate from the control plane, renewed for as long as the process runs.

As ``alcove-init`` and the proxies do it over Envoy, processes in Python do it themselves: they show the token
that the cluster made for their pod (audience ``azds``) and are given a certificate of that pod.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from alcove import aio
from alcove.builds import material, spiffe
from alcove.builds.material import Material, MaterialError
from alcove.errors import AlcoveError, UnavailableError, UsageError

SERVER_NAME = "alcove.azds.svc"
"""What the control plane's certificate must hold."""
TOKEN_DIRECTORY = "/var/run/secrets/alcove/token"  # noqa: S105  # a path
CONTROL_PLANE, TRUST = "ALCOVE_CONTROL_PLANE", "ALCOVE_TRUST"
"""Variables: the control plane's address, and PEM certificates of the authorities that vouch for it."""
_CERTIFICATE_PATH, _TRUST_PATH = "/identity/certificate", "/identity/trust"
_LONGEST_ANSWER = 1 << 20
_ASKING_SECONDS = 10.0
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """Where a pod's identity comes from."""

    control_plane: str
    """An address, ``10.96.0.5`` or ``[fd00::5]``, with ``:PORT`` unless that is 443."""
    trust: bytes = field(repr=False)
    """Who vouches for the control plane at first; later that is what it says itself."""
    token: Path = Path(TOKEN_DIRECTORY) / "token"
    patience: float = 60.0
    """Seconds for which the first certificate is waited for."""

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> IdentitySettings:
        """Read ``ALCOVE_CONTROL_PLANE`` and ``ALCOVE_TRUST``.

        Raises:
            UsageError: one is missing.
        """
        missing = [name for name in (CONTROL_PLANE, TRUST) if not environment.get(name)]
        if missing:
            raise UsageError(
                f"the environment lacks {', '.join(missing)}", hint="this runs in pods that Alcove makes"
            )
        return cls(environment[CONTROL_PLANE], environment[TRUST].encode())


class Identity:
    """The certificate of this pod, at every moment the newest."""

    def __init__(self, first: Material) -> None:
        """Show ``first`` until something newer comes."""
        self._material = first
        self._server: ssl.SSLContext | None = None

    def server_context(self) -> ssl.SSLContext:
        """Give the context for listening: clients must have a certificate; newer ones are taken up."""
        if self._server is None:
            context = material.new_context(ssl.PROTOCOL_TLS_SERVER, self._material.pair)
            context.verify_mode = ssl.CERT_REQUIRED
            material.load_trust(context, self._material.trust)
            self._server = context
        return self._server

    def client_context(self, *, namespace: str) -> ssl.SSLContext:
        """Give a context for one connection to a pod of ``namespace``: nobody else gets a byte."""
        context = material.new_context(ssl.PROTOCOL_TLS_CLIENT, self._material.pair)
        material.load_trust(context, self._material.trust)
        context.check_hostname = False  # pods have no names: the SPIFFE URI says who they are
        context.sslobject_class = spiffe.require_namespace(namespace)
        return context

    def take(self, newer: Material) -> None:
        """Show this from the next handshake on."""
        self._material = newer
        if self._server is not None:
            material.load_pair(self._server, newer.pair)
            material.load_trust(self._server, newer.trust)


@contextlib.asynccontextmanager
async def open_identity(settings: IdentitySettings) -> AsyncIterator[Identity]:
    """Give this pod's identity once it is there, and renew it for as long as the block runs.

    Raises:
        UnavailableError: the control plane gives none in time; the cause says why.
    """
    material_, good_for = await _first(settings)
    identity = Identity(material_)
    async with aio.open_background(name="identity") as background:
        background.start(_renew(identity, settings, material_.trust, good_for), name="renewal")
        yield identity


async def _first(settings: IdentitySettings) -> tuple[Material, float]:
    reason, pause = "", _FIRST_PAUSE
    try:
        async with asyncio.timeout(settings.patience):
            while True:
                try:
                    return await fetch_material(settings, settings.trust)
                except AlcoveError as error:
                    reason = str(error)
                    _log.warning("no certificate yet: %s", error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
    except TimeoutError as error:
        raise UnavailableError(
            "the control plane gives this pod no certificate",
            cause=reason or "it does not answer",
            hint="alcove doctor",
        ) from error


async def _renew(identity: Identity, settings: IdentitySettings, trust: bytes, good_for: float) -> None:
    pause = _FIRST_PAUSE
    while True:
        await asyncio.sleep(good_for)
        try:
            newer, good_for = await fetch_material(settings, trust)
        except AlcoveError as error:
            _log.warning("the certificate cannot be renewed: %s", error)
            pause = good_for = min(2 * pause, _LONGEST_PAUSE)
            continue
        trust, pause = newer.trust, _FIRST_PAUSE
        identity.take(newer)


async def fetch_material(settings: IdentitySettings, trust: bytes) -> tuple[Material, float]:
    """Ask once for certificate and trust; give them, and for how many seconds they are good.

    Raises:
        AlcoveError: there is no answer, or it is a refusal; the text holds neither token nor key.
    """
    try:
        token = settings.token.read_text().strip()
        context = material.trusting(trust)
    except OSError as error:  # ssl's errors are such too
        raise UnavailableError("the pod's token or trust cannot be read", cause=str(error)) from error
    connector = aiohttp.TCPConnector(ssl=context)
    timeout = aiohttp.ClientTimeout(total=_ASKING_SECONDS)
    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, headers=headers) as session:
            certificate, fresh = await _ask(session, f"https://{settings.control_plane}{_CERTIFICATE_PATH}")
            authorities, also_fresh = await _ask(session, f"https://{settings.control_plane}{_TRUST_PATH}")
        pair, trusted = material.parse_certificate(certificate), material.parse_trust(authorities)
    except (aiohttp.ClientError, TimeoutError, MaterialError) as error:
        cause = str(error) or type(error).__name__
        raise UnavailableError("the control plane gives no certificate", cause=cause) from error
    return Material(pair, trusted), min(fresh, also_fresh)


async def _ask(session: aiohttp.ClientSession, url: str) -> tuple[bytes, float]:
    async with session.post(url, server_hostname=SERVER_NAME) as response:
        body = await response.content.read(_LONGEST_ANSWER)
        if response.status != 200:
            said = body[:200].decode(errors="replace")
            raise UnavailableError("the control plane refuses", cause=f"it answers {response.status}: {said}")
        return body, material.parse_max_age(response.headers.get("Cache-Control", ""))
