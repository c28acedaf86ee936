"""What of all Ingresses together does not count, and who is told what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from alcove.app.gateway.faults import report_entries
from alcove.model import (
    Certificate,
    ClusterState,
    Endpoint,
    Entry,
    Port,
    SecretName,
    Service,
    ServiceName,
    Space,
    SpaceName,
    TlsHost,
)
from alcove.routing.certificates import MISSING

DEV, AMY, BOB, PROD = (SpaceName(name) for name in ("dev", "amy", "bob", "prod"))
SPACES = {each.name: each for each in (Space(DEV), Space(AMY, DEV), Space(BOB, DEV), Space(PROD))}
LONG = ".".join(["a" * 62] * 4)


def rule(
    space: str, host: str, service: str = "web", port: int | str = 80, path: str = "/", by: str = "x"
) -> Entry:
    return Entry(SpaceName(space), host, ServiceName(service), port, path, ingress=by)


def report(
    *entries: Entry,
    tls: Iterable[TlsHost] = (),
    certificates: Mapping[SecretName, Certificate] | None = None,
    ready: bool = True,
) -> list[str]:
    services = {
        (space, ServiceName(name)): Service(
            space, ServiceName(name), ("10.0.0.1",), (Port(80, 8080, "http"),), (Endpoint("10.1.0.1", ready),)
        )
        for space in (DEV, AMY, PROD)
        for name in ("web", "api")
    }
    known = certificates or {}
    state = ClusterState(SPACES, services, frozenset(entries), frozenset(), frozenset(tls), known)
    return [str(each) for each in report_entries(state, secrets_read=True)]


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param([rule("dev", "a.test")], id="one"),
        pytest.param([rule("dev", "a.test"), rule("amy", "a.test", by="y")], id="parent-and-child"),
        pytest.param([rule("dev", "a.test"), rule("amy", "amy.s.a.test", by="y")], id="a-childs-own-prefix"),
        pytest.param([rule("amy", "amy.s.a.test"), rule("bob", "bob.s.a.test")], id="siblings-with-prefixes"),
        pytest.param([rule("dev", "a.test"), rule("dev", "a.test", path="/api", by="y")], id="two-paths"),
        pytest.param([rule("dev", "a.test"), rule("dev", "a.test", by="y")], id="the-same-twice"),
    ],
)
def test_these_all_count(entries: list[Entry]) -> None:
    assert report(*entries) == []


def test_instances_that_are_not_ready_are_no_fault_of_an_ingress() -> None:
    assert report(rule("dev", "a.test"), ready=False) == []


TWICE = "a.test/ leads to api:80 by the Ingress y, so its rule for web:80 does not count"
FOREIGN = "the host a.test is of the space {}, which {} does not fall back to"
TOO_LONG = "would be longer than 253 characters, so it does not exist for amy, bob"
ABSENT = "cannot answer: no space of the chain has the service"
PORT = "cannot answer: the version that answers has no such port"


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        pytest.param(
            [rule("dev", "a.test"), rule("dev", "a.test", "api", by="y")],
            [f"Ingress dev/x: {TWICE}"],
            id="one-space-one-path",
        ),
        pytest.param(
            [rule("dev", "a.test"), rule("prod", "a.test", by="y")],
            [
                f"Ingress prod/y: {FOREIGN.format('dev', 'prod')}; its rules are served at prod.s.a.test",
            ],
            id="two-families",
        ),
        pytest.param(
            [rule("amy", "a.test"), rule("bob", "a.test", by="y")],
            [
                f"Ingress bob/y: {FOREIGN.format('amy', 'bob')}; its rules are served at bob.s.a.test",
            ],
            id="siblings",
        ),
        pytest.param(
            [rule("dev", "a.test"), rule("prod", "amy.s.a.test", by="y")],
            ["Ingress prod/y: the host amy.s.a.test is of the space dev, which prod does not fall back to"],
            id="a-name-that-stands-for-a-view",
        ),
        pytest.param(
            [rule("plain", "a.test")],
            ["Ingress plain/x: its namespace is no space: nobody enters by a.test"],
            id="no-space",
        ),
        pytest.param(
            [rule("dev", LONG)],
            [
                f"Ingress dev/x: with a prefix {LONG} {TOO_LONG}",
            ],
            id="too-long",
        ),
        pytest.param(
            [rule("dev", "a.test", "db")],
            [
                f"Ingress dev/x: a.test/ answers 503: db of space dev {ABSENT}",
            ],
            id="unknown-service",
        ),
        pytest.param(
            [rule("dev", "a.test", port="https")],
            [
                f"Ingress dev/x: a.test/ answers 503: web of space dev {PORT}",
                f"Ingress dev/x: amy.s.a.test/ answers 503: web of space amy {PORT}",
            ],
            id="unknown-port",
        ),
    ],
)
def test_these_do_not_count(entries: list[Entry], told: list[str]) -> None:
    assert report(*entries) == told


@pytest.mark.parametrize(
    ("known", "told"),
    [
        (
            {},
            f"{{host}} has no trusted certificate: the Secret dev/tls cannot be used: {MISSING}",
        ),
        (
            {"dev/tls": Certificate(fault="it has no tls.key")},
            "{host} has no trusted certificate: the Secret dev/tls cannot be used: it has no tls.key",
        ),
        (
            {"dev/tls": Certificate(("b.test",))},
            "{host} has no trusted certificate: the certificate of the Secret dev/tls is not for this host",
        ),
        ({"dev/tls": Certificate(("a.test", "*.s.a.test"))}, ""),
    ],
)
def test_certificates_that_nobody_trusts_are_told(known: dict[str, Certificate], told: str) -> None:
    certificates = {SecretName(name): each for name, each in known.items()}
    tls = [TlsHost(DEV, "a.test", SecretName("dev/tls"))]
    hosts = ["a.test", "amy.s.a.test", "bob.s.a.test"] if told else []
    assert report(rule("dev", "a.test"), tls=tls, certificates=certificates) == [
        f"Secret dev/tls: {told.format(host=host)}" for host in hosts
    ]


def test_of_certificates_nothing_is_said_where_nobody_looked() -> None:
    tls = frozenset({TlsHost(DEV, "a.test", SecretName("dev/tls"))})
    services = {(DEV, ServiceName("web")): Service(DEV, ServiceName("web"), ("10.0.0.1",), (Port(80, 8080),))}
    state = ClusterState(SPACES, services, frozenset({rule("dev", "a.test")}), frozenset(), tls)
    told = [
        " ".join(str(each) for each in report_entries(state, secrets_read=seen)) for seen in (True, False)
    ]
    assert ["certificate" in text for text in told] == [True, False]
