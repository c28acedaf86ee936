"""Rotation: its steps, and that no API server ever distrusts what a replica serves."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from alcove.admission import certificates as subject
from alcove.admission import issuing
from alcove.admission.certificates import (
    DEFAULT_SCHEDULE,
    Certificates,
    Schedule,
    Step,
    choose_signer,
    plan_rotation,
    rotate,
)
from alcove.pki import DAY

NAMES = ("hook.azds.svc",)
HOUR = 3600.0
SCHEDULE = Schedule(settle=HOUR)
SHORT = Schedule(20 * DAY, 6 * DAY, 6 * DAY, 3 * DAY, HOUR)
"""As the usual one, but with several authorities within the length of a test."""
START = 1_800_000_000.0


class MemoryStore:
    """A Secret and a configuration; ``failing`` counts the calls until the process dies."""

    def __init__(self) -> None:
        self.content: Mapping[str, bytes] = {}
        self.bundle = b""
        self.failing: int | None = None

    async def load(self) -> Mapping[str, bytes]:
        return self.content

    async def save(self, content: Mapping[str, bytes]) -> None:
        self._live()
        self.content = dict(content)

    async def publish(self, bundle: bytes) -> None:
        self._live()
        self.bundle = bundle

    def _live(self) -> None:
        if self.failing is not None:
            self.failing -= 1
            if self.failing < 0:
                raise ConnectionError("the process dies here")


async def after(
    store: MemoryStore, now: float, names: Sequence[str] = NAMES, *, schedule: Schedule = SCHEDULE
) -> Certificates:
    return await rotate(store, now, names=names, schedule=schedule)


def plan(now: float, certificates: Certificates | None, names: Sequence[str] = NAMES) -> Step:
    return plan_rotation(now, certificates, names=names, schedule=SCHEDULE)


async def test_the_first_round_makes_and_publishes_everything() -> None:
    store = MemoryStore()
    made = await after(store, START)
    assert store.bundle == made.bundle
    assert subject.parse_certificates(store.content) == made
    assert await after(store, START + 1) == made
    verify(made.server.pair.certificate, store.bundle, START)


async def test_the_servers_certificate_is_renewed_by_the_same_authority() -> None:
    store = MemoryStore()
    first = await after(store, START)
    later = await after(store, START + 41 * DAY)
    assert later.bundle == first.bundle
    assert later.server.ends == START + 101 * DAY


async def test_another_name_is_taken_up_at_once() -> None:
    store = MemoryStore()
    await after(store, START)
    assert (await after(store, START + 1, ("10.0.0.1",))).server.names == ("10.0.0.1",)


async def test_an_authority_is_replaced_in_three_steps() -> None:
    store = MemoryStore()
    first = await after(store, START)
    begin = START + 306 * DAY
    overlap = await after(store, begin)
    assert [one.announced for one in overlap.authorities] == [START, begin]
    assert overlap.server.authority == first.authorities[0].pair.certificate
    assert (await after(store, begin + HOUR - 1)).server == overlap.server
    switched = await after(store, begin + HOUR)
    assert switched.server.authority == overlap.authorities[1].pair.certificate
    assert len(switched.authorities) == 2
    assert len((await after(store, begin + 2 * HOUR - 1)).authorities) == 2
    done = await after(store, begin + 2 * HOUR)
    assert done.authorities == overlap.authorities[1:]
    assert store.bundle == done.bundle


async def test_an_authority_that_was_not_published_is_not_used() -> None:
    store = MemoryStore()
    await after(store, START)
    begin = START + 306 * DAY
    store.failing = 1
    with pytest.raises(ConnectionError):
        await after(store, begin)
    store.failing = None
    late = await after(store, begin + DAY)
    assert late.authorities[1].announced == begin + DAY
    assert late.server.authority == late.authorities[0].pair.certificate


async def test_pods_get_what_every_server_trusts_already() -> None:
    store = MemoryStore()
    first = await after(store, START)
    begin = START + 306 * DAY
    overlap = await after(store, begin)
    assert choose_signer(begin + HOUR - 1, overlap, SCHEDULE) == first.authorities[0]
    assert choose_signer(begin + HOUR, overlap, SCHEDULE) is overlap.authorities[1]


def test_an_authority_is_dropped_only_when_no_pod_shows_its_certificates() -> None:
    assert DEFAULT_SCHEDULE.settle > issuing.LIFETIME
    assert DEFAULT_SCHEDULE.authority_margin > 2 * DEFAULT_SCHEDULE.settle + DEFAULT_SCHEDULE.server_margin


async def test_after_a_long_absence_everything_begins_anew() -> None:
    store = MemoryStore()
    first = await after(store, START)
    assert plan(START + 400 * DAY, first) is Step.BEGIN
    verify((await after(store, START + 400 * DAY)).server.pair.certificate, store.bundle, START + 400 * DAY)


async def test_what_others_did_to_the_bundle_lasts_until_the_next_round() -> None:
    store = MemoryStore()
    made = await after(store, START)
    store.bundle = b""
    await after(store, START + 1)
    assert store.bundle == made.bundle


@pytest.mark.parametrize("content", [{}, {"certificates.json": b""}, {"certificates.json": b"{}"}])
async def test_damaged_content_is_made_anew(content: dict[str, bytes]) -> None:
    store = MemoryStore()
    store.content = content
    assert (await after(store, START)).authorities


async def test_a_key_of_another_certificate_is_damage() -> None:
    store = MemoryStore()
    made = await after(store, START)
    server = dataclasses.replace(made.server, pair=made.authorities[0].pair)
    wrong = dataclasses.replace(server.pair, key=made.server.pair.key)
    damaged = dataclasses.replace(made, server=dataclasses.replace(server, pair=wrong))
    assert subject.parse_certificates(subject.render_certificates(damaged)) is None
    assert subject.parse_certificates(subject.render_certificates(made)) == made


@given(st.binary())
def test_random_content_raises_nothing(content: bytes) -> None:
    assert subject.parse_certificates({"certificates.json": content}) is None


async def test_keys_are_not_shown() -> None:
    assert "PRIVATE" not in repr(await after(MemoryStore(), START))


@settings(max_examples=20)
@given(
    pauses=st.lists(
        st.sampled_from([60.0, HOUR / 2, HOUR - 1, HOUR, DAY, DAY, 2 * DAY]), min_size=40, max_size=90
    ),
    dying=st.lists(st.none() | st.integers(0, 3), min_size=90, max_size=90),
)
async def test_no_moment_of_distrust(pauses: list[float], dying: list[int | None]) -> None:
    """Whatever was served and trusted within the last hour goes together, also when rounds die halfway."""
    store = MemoryStore()
    now = START
    await after(store, now, schedule=SHORT)
    served, trusted = [(now, server_of(store))], [(now, store.bundle)]
    for pause, death in zip(pauses, dying, strict=False):
        now += pause
        store.failing = death
        try:
            await after(store, now, schedule=SHORT)
        except ConnectionError:
            store.failing = None
            await after(store, now, schedule=SHORT)
        served.append((now, server_of(store)))
        trusted.append((now, store.bundle))
        for certificate in believed(served, now):
            for bundle in believed(trusted, now):
                verify(certificate, bundle, now)


def server_of(store: MemoryStore) -> bytes:
    found = subject.parse_certificates(store.content)
    assert found is not None
    return found.server.pair.certificate


def believed(history: list[tuple[float, bytes]], now: float) -> set[bytes]:
    """Give what somebody who is less than the settling time behind may still hold."""
    ends = [since for since, _ in history[1:]] + [float("inf")]
    return {content for (_, content), end in zip(history, ends, strict=True) if end > now - SCHEDULE.settle}


def verify(certificate: bytes, bundle: bytes, now: float) -> None:
    """Fail unless an API server that trusts the bundle accepts the certificate."""
    leaf = x509.load_pem_x509_certificate(certificate)
    issuers = [one for one in x509.load_pem_x509_certificates(bundle) if one.subject == leaf.issuer]
    assert issuers, "no authority of the bundle signed it"
    leaf.verify_directly_issued_by(issuers[0])
    for one in (leaf, issuers[0]):
        assert one.not_valid_before_utc.timestamp() <= now < one.not_valid_after_utc.timestamp()
