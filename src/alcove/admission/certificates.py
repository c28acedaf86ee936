"""The control plane's certificates: an authority of its own, and a rotation that nobody notices.

The API server trusts what the webhook's configuration says (``caBundle``), and hears of a change of it late;
so do the other replicas of a change of the server's certificate, and pods of both (see *issuing*): the same
authority signs for them. Each step therefore waits until the one before is known everywhere
(``Schedule.settle``)::

    one authority A, server signed by A
      │ A nears its end
      ▼
    bundle A+B, server signed by A          B is announced: the bundle that holds it was written
      │ settle
      ▼
    bundle A+B, server signed by B
      │ settle
      ▼
    bundle B,   server signed by B

At every moment each certificate that a replica or a pod may still show is trusted by each bundle that an API
server, a replica or a pod may still believe. Everything is kept in one store, which one writer at a time
changes (the holder of the lease); a crash between any two writes leaves a state of the same picture, and the
next round goes on from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol

import msgspec

from alcove.admission import signing
from alcove.pki import DAY, KeyPair

_CONTENT = "certificates.json"


@dataclass(frozen=True, slots=True)
class Authority:
    """One authority."""

    pair: KeyPair
    ends: float
    announced: float | None = None
    """When a bundle that holds it was first known to be written; None: not yet."""


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """What the control plane shows to the API server and to pods."""

    pair: KeyPair
    ends: float
    issued: float
    names: tuple[str, ...]
    authority: bytes
    """The PEM of the authority that signed it."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """Everything there is at one moment."""

    authorities: tuple[Authority, ...]
    """At least one, the newest last."""
    server: ServerCertificate

    @property
    def bundle(self) -> bytes:
        """What the API server (``caBundle``, before base64), pods and their servers have to trust."""
        return b"".join(authority.pair.certificate for authority in self.authorities)


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long things last, in seconds."""

    authority: float = 365 * DAY
    authority_margin: float = 60 * DAY
    """How long before its end an authority gets a successor."""
    server: float = 60 * DAY
    server_margin: float = 20 * DAY
    settle: float = 7 * DAY
    """After how long a change is known to every party: API servers, replicas, and pods, which fetch what they
    trust and show every half a day, and may have been asleep for some."""


DEFAULT_SCHEDULE = Schedule()


class Step(Enum):
    """What is to be done next."""

    NOTHING = "everything is in order"
    BEGIN = "there is nothing that could be used"
    ADD_AUTHORITY = "the newest authority nears its end"
    RENEW_SERVER = "the server's certificate ends, has other names, or should be signed by a newer authority"
    DROP_AUTHORITIES = "nothing is served any more that the older authorities signed"


class CertificateStore(Protocol):
    """Where certificates are kept, and where the API server reads what to trust."""

    async def load(self) -> Mapping[str, bytes]:
        """Give what was saved last, nothing when that never happened."""

    async def save(self, content: Mapping[str, bytes]) -> None:
        """Keep ``content``, all of it or nothing; raises when somebody else saved since ``load``."""

    async def publish(self, bundle: bytes) -> None:
        """Write the bundle into the webhook's configuration; returns once the API server has it."""


def plan_rotation(
    now: float, certificates: Certificates | None, *, names: Sequence[str], schedule: Schedule
) -> Step:
    """Give the next step; ``now`` in Unix seconds, ``names`` as the server's certificate must hold them."""
    if certificates is None or certificates.authorities[-1].ends <= now:
        return Step.BEGIN
    newest, server = certificates.authorities[-1], certificates.server
    if newest.ends - now <= schedule.authority_margin:
        return Step.ADD_AUTHORITY
    if _must_renew(now, certificates, names, schedule):
        return Step.RENEW_SERVER
    alone = len(certificates.authorities) == 1
    if not alone and _signer(certificates) is newest and now - server.issued >= schedule.settle:
        return Step.DROP_AUTHORITIES
    return Step.NOTHING


def apply_step(
    step: Step, now: float, certificates: Certificates | None, *, names: Sequence[str], schedule: Schedule
) -> Certificates:
    """Give the certificates after a step that was planned for the same arguments; keys are made here."""
    if certificates is None or step is Step.BEGIN:
        first = _new_authority(now, schedule)
        return Certificates((first,), _new_server(now, first, names, schedule))
    authorities = certificates.authorities
    if step is Step.ADD_AUTHORITY:
        return replace(certificates, authorities=(*authorities, _new_authority(now, schedule)))
    if step is Step.RENEW_SERVER:
        signer = choose_signer(now, certificates, schedule)
        return replace(certificates, server=_new_server(now, signer, names, schedule))
    if step is Step.DROP_AUTHORITIES:
        return replace(certificates, authorities=authorities[-1:])
    return certificates


async def rotate(
    store: CertificateStore, now: float, *, names: Sequence[str], schedule: Schedule = DEFAULT_SCHEDULE
) -> Certificates:
    """Go one round: bring what is stored and published to where it should be at ``now``; give it.

    The bundle is published in every round, so that whatever others did to it lasts until the next one only.
    """
    content = await store.load()
    certificates = parse_certificates(content)
    while (step := plan_rotation(now, certificates, names=names, schedule=schedule)) is not Step.NOTHING:
        certificates = apply_step(step, now, certificates, names=names, schedule=schedule)
        await store.save(render_certificates(certificates))
    assert certificates is not None  # noqa: S101  # with none there is a step
    await store.publish(certificates.bundle)
    announced = _announced(certificates, now)
    if announced != certificates:
        await store.save(render_certificates(announced))
    return announced


def choose_signer(now: float, certificates: Certificates, schedule: Schedule) -> Authority:
    """Give the authority that signs now: the newest that every party trusts already.

    When none of those is left, it is the one that signed for the server; when that has ended, the newest.
    """
    usable = [one for one in certificates.authorities if one.ends > now and _is_known(now, one, schedule)]
    if usable:
        return usable[-1]
    current = _signer(certificates)
    return current if current is not None and current.ends > now else certificates.authorities[-1]


def render_certificates(certificates: Certificates) -> dict[str, bytes]:
    """Give the certificates as the content of a Secret."""
    return {_CONTENT: msgspec.json.encode(certificates)}


def parse_certificates(content: Mapping[str, bytes]) -> Certificates | None:
    """Read what ``render_certificates`` gave; None when there is nothing, or nothing that can be used."""
    try:
        found = msgspec.json.decode(content[_CONTENT], type=Certificates)
        signing.check_pair(found.server.pair)
        for authority in found.authorities:
            signing.check_pair(authority.pair)
    except (KeyError, ValueError):  # msgspec's errors are ValueErrors
        return None
    return found if found.authorities else None


def _must_renew(now: float, certificates: Certificates, names: Sequence[str], schedule: Schedule) -> bool:
    server, signer = certificates.server, _signer(certificates)
    if signer is None or server.names != tuple(names):
        return True
    if server.ends - now <= schedule.server_margin:
        # A younger one that ends at the same moment, with its authority, would be no gain.
        return server.ends < _server_end(now, choose_signer(now, certificates, schedule), schedule)
    return signer is not choose_signer(now, certificates, schedule)


def _signer(certificates: Certificates) -> Authority | None:
    pem = certificates.server.authority
    return next((one for one in certificates.authorities if one.pair.certificate == pem), None)


def _is_known(now: float, authority: Authority, schedule: Schedule) -> bool:
    return authority.announced is not None and now - authority.announced >= schedule.settle


def _new_authority(now: float, schedule: Schedule) -> Authority:
    ends = now + schedule.authority
    return Authority(signing.make_authority(now, ends), ends)


def _new_server(
    now: float, authority: Authority, names: Sequence[str], schedule: Schedule
) -> ServerCertificate:
    ends = _server_end(now, authority, schedule)
    pair = signing.make_server(authority.pair, now, ends, names=names)
    return ServerCertificate(pair, ends, now, tuple(names), authority.pair.certificate)


def _server_end(now: float, authority: Authority, schedule: Schedule) -> float:
    return min(now + schedule.server, authority.ends)


def _announced(certificates: Certificates, now: float) -> Certificates:
    authorities = tuple(
        one if one.announced is not None else replace(one, announced=now) for one in certificates.authorities
    )
    return replace(certificates, authorities=authorities)
