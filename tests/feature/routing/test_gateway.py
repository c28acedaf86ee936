"""A real Envoy as gateway: TLS by secrets over the same stream, names, failures of one host alone."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.feature.routing import states
from tests.feature.routing.lab import Lab, PodShape
from tests.unit.app.gateway.pems import make_pair, secret

from alcove.app.gateway.certificates import SecretReader, make_fallback
from alcove.model import ClusterState, Entry, SecretName, ServiceName, Space, SpaceName, TlsHost
from alcove.pki import DAY, KeyPair
from alcove.routing.envoy.names import ProxySettings
from alcove.routing.envoy.secrets import render_secret
from alcove.routing.plan import plan_routes
from alcove.routing.snapshot import GatewayNode, Snapshot, compile_snapshots

pytestmark = [pytest.mark.root, pytest.mark.timeout(60)]

DEV = SpaceName("dev")
GATEWAY = PodShape("gateway", "10.1.0.100")
PLAIN, TLS = 8000, 8443
SETTINGS = ProxySettings(addresses=("0.0.0.0",), gateway_port=PLAIN, gateway_tls_port=TLS)
FALLBACK = make_fallback(time.time(), time.time() + DAY)
PAIR = make_pair("web.test", "*.s.web.test")
OTHER = make_pair("other.test")
HOSTS = ("web.test", "other.test", "missing.test", "plain.test")
"""The services of all are headless, so that no address has to be translated."""


class Gateway:
    """The gateway, and clients of it in a pod's network."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._started = False

    def publish(self, snapshot: Snapshot) -> None:
        if self._started:
            self.lab.discovery.publish(GATEWAY.name, snapshot)
            return
        self.lab.discovery.offer(GATEWAY.name, snapshot)
        self.lab.start_envoy(GATEWAY)
        self._started = True

    def enter(self, host: str, *, name: str = "", **more: Any) -> Any:
        """Ask for a host with TLS; ``name`` greets with another."""
        more = {"head": head(host), **more}
        return self.lab.ask("dev", do="enter", address=GATEWAY.address, port=TLS, host=name or host, **more)

    def ask(self, host: str, path: str = "/") -> Any:
        """Ask for a host without TLS."""
        return self.lab.ask("dev", do="http", address=GATEWAY.address, port=PLAIN, head=head(host, path))


def head(host: str, path: str = "/") -> str:
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"


def seen(answer: Any) -> Any:
    """Give what the application that answered saw."""
    assert "body" in answer, answer
    return json.loads(answer["body"])


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    lab = Lab([PodShape(space, states.pod_address(space)) for space in ("dev", "amy")] + [GATEWAY], {})
    try:
        yield Gateway(lab)
    finally:
        lab.close()


def compile_state(
    *more: str, secrets: dict[str, KeyPair] | None = None, spaces: tuple[str, ...] = ()
) -> Snapshot:
    pairs = {"dev/web": PAIR, "dev/other": OTHER} if secrets is None else secrets
    held = SecretReader().read([secret(name, pair) for name, pair in pairs.items()])
    state = states.make_state({"dev": "", "amy": "dev"}, {"dev": "peers", "amy": "peers"})
    wanted = {"web.test": "dev/web", "other.test": "dev/other", "missing.test": "dev/missing"}
    state = dataclasses.replace(
        state,
        spaces={**state.spaces, **{SpaceName(each): Space(SpaceName(each), DEV) for each in spaces}},
        entries=frozenset(Entry(DEV, host, ServiceName("peers"), "http") for host in (*HOSTS, *more)),
        tls=frozenset(TlsHost(DEV, host, SecretName(name)) for host, name in wanted.items()),
        certificates=held.certificates,
    )
    return compile_plan(state, held.render(FALLBACK))


def compile_plan(state: ClusterState, secrets: Any) -> Snapshot:
    node = GatewayNode()
    return compile_snapshots(plan_routes(state), [node], SETTINGS, secrets=secrets)[node]


@pytest.mark.parametrize(
    ("host", "pod", "certificate"),
    [
        ("web.test", "dev", PAIR),
        ("amy.s.web.test", "amy", PAIR),
        ("AMY.s.Web.test", "amy", PAIR),
        ("other.test", "dev", OTHER),
        ("amy.s.other.test", "amy", OTHER),
        ("plain.test", "dev", FALLBACK),
        ("amy.s.plain.test", "amy", FALLBACK),
    ],
)
@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
def test_each_host_has_its_certificate(
    gateway: Gateway, host: str, pod: str, certificate: KeyPair, protocol: str
) -> None:
    gateway.publish(compile_state())
    answer = gateway.enter(host, protocol=protocol)
    assert answer["certificate"].encode() == certificate.certificate
    assert answer["protocol"] == protocol
    assert seen(answer)["pod"] == pod
    assert seen(answer)["line"] == "GET / HTTP/1.1", "the Service is spoken to as it understands"
    headers = {name.lower(): value for name, value in seen(answer)["headers"]}
    assert headers["x-forwarded-proto"] == "https" and headers["x-forwarded-for"] == "10.1.0.1"
    assert headers.get("azds-route-as", "dev") == pod
    assert not [name for name in headers if name.startswith(("x-alcove", "x-envoy"))]


def test_without_tls_the_same_hosts_are_served(gateway: Gateway) -> None:
    gateway.publish(compile_state())
    for host in HOSTS:
        headers = dict(seen(gateway.ask(host))["headers"])
        assert headers["x-forwarded-proto"] == "http"
    sent = "GET / HTTP/1.1\r\nHost: web.test\r\nX-Forwarded-Proto: https\r\n\r\n"
    behind = gateway.lab.ask("dev", do="http", address=GATEWAY.address, port=PLAIN, head=sent)
    assert ["X-Forwarded-Proto", "https"] in seen(behind)["headers"], "a balancer in front took the TLS off"


def test_an_upgrade_goes_through_tls(gateway: Gateway) -> None:
    gateway.publish(compile_state())
    asked = "GET /ws HTTP/1.1\r\nHost: web.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    answer = gateway.enter("web.test", head=asked)
    assert (answer["status"], answer["body"]) == ("101 Switching Protocols", "dev")


def test_grpc_goes_through_tls_as_http2(gateway: Gateway) -> None:
    trusted = make_pair("web.test")
    held = SecretReader().read([secret("dev/web", trusted)])
    state = states.make_state({"dev": ""}, {"dev": "peers"})
    state = dataclasses.replace(
        state,
        entries=frozenset({Entry(DEV, "web.test", ServiceName("peers"), states.GRPC)}),
        tls=frozenset({TlsHost(DEV, "web.test", SecretName("dev/web"))}),
        certificates=held.certificates,
    )
    gateway.publish(compile_plan(state, held.render(FALLBACK)))
    asked = {"host": "web.test", "metadata": [], "trusted": trusted.certificate.decode()}
    answer = gateway.lab.ask("dev", do="grpc", address=GATEWAY.address, port=TLS, **asked)
    assert answer["pod"] == "dev", answer


def test_a_missing_secret_is_told_to_whoever_asks_for_its_host_alone(gateway: Gateway) -> None:
    gateway.publish(compile_state())
    for host in ("missing.test", "amy.s.missing.test"):
        answer = gateway.enter(host)
        assert answer["status"].startswith("503") and answer["certificate"].encode() == FALLBACK.certificate
        assert f"{host} cannot be served with TLS: the Secret dev/missing cannot be used" in answer["body"]
    assert gateway.enter("web.test", name="missing.test")["status"].startswith("421")


def test_a_secret_that_envoy_itself_refuses_takes_no_other_host_with_it(gateway: Gateway) -> None:
    snapshot = compile_state()
    gateway.publish(snapshot)
    held = SecretReader().read([secret("dev/web", PAIR), secret("dev/late", OTHER)])
    state = states.make_state({"dev": ""}, {"dev": "peers"})
    state = dataclasses.replace(
        state,
        entries=frozenset(
            Entry(DEV, host, ServiceName("peers"), "http") for host in ("web.test", "late.test")
        ),
        tls=frozenset(
            {
                TlsHost(DEV, "web.test", SecretName("dev/web")),
                TlsHost(DEV, "late.test", SecretName("dev/late")),
            }
        ),
        certificates=held.certificates,
    )
    damaged = {**held.render(FALLBACK), "dev/late": render_secret("dev/late", "no certificate", "no key")}
    gateway.lab.discovery.offer(GATEWAY.name, compile_plan(state, damaged))
    gateway.lab.discovery.wait_refused()
    try:
        assert seen(gateway.enter("web.test"))["pod"] == "dev"
        assert gateway.ask("late.test")["status"].startswith("200")
    finally:
        gateway.publish(snapshot)


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("unheard.test", "Nobody serves the host unheard.test."),
        ("Unheard.test:8080", "Nobody serves the host unheard.test."),
        ("eve.s.web.test", "The prefix eve.s. needs a space eve below the one that the host is of"),
        ("x&'y.test", "Nobody serves a host whose name is none."),
        ("a" * 254, "Nobody serves a host whose name is none."),
        ("[::1]:8080", "Nobody serves a host whose name is none."),
    ],
)
def test_a_host_that_nobody_has_is_told(gateway: Gateway, host: str, told: str) -> None:
    gateway.publish(compile_state())
    answer = gateway.ask(host)
    assert answer["status"] == "404 Not Found", answer
    assert told in answer["body"] and "alcove list-uris --all" in answer["body"]
    assert not set("<&'") & set(answer["body"]) and len(answer["body"]) < 1000
    headers = {name.lower(): value for name, value in answer["headers"]}
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert headers["x-content-type-options"] == "nosniff"


def test_a_host_that_is_none_never_gets_that_far(gateway: Gateway) -> None:
    gateway.publish(compile_state())
    answer = gateway.ask("<b>x</b>")
    assert answer["status"] == "400 Bad Request" and "<" not in answer["body"]


def test_a_path_that_nobody_has_is_told(gateway: Gateway) -> None:
    state = states.make_state({"dev": ""}, {"dev": "peers"})
    rules = frozenset({Entry(DEV, "web.test", ServiceName("peers"), "http", "/api")})
    gateway.publish(compile_plan(dataclasses.replace(state, entries=rules), {}))
    assert seen(gateway.ask("web.test", "/api/x"))["pod"] == "dev"
    answer = gateway.ask("web.test", "/apis")
    assert answer["status"] == "404 Not Found"
    assert answer["body"] == "no Ingress of web.test has this path\nPaths that there are: /api\n"


def test_a_host_that_nobody_has_is_told_over_tls_too(gateway: Gateway) -> None:
    gateway.publish(compile_state())
    answer = gateway.enter("unheard.test")
    assert answer["status"] == "404 Not Found" and "the host unheard.test" in answer["body"]


def test_live_connections_survive_what_changes_for_others(gateway: Gateway) -> None:
    gateway.publish(compile_state())
    first = gateway.enter("web.test", keep="web")
    other = gateway.enter("other.test", keep="other")
    assert seen(first)["pod"] == seen(other)["pod"] == "dev"
    renewed = make_pair("web.test", "*.s.web.test")
    changes = [
        compile_state("new.test"),
        compile_state(spaces=("eve",)),
        compile_state(secrets={"dev/web": PAIR}),
        compile_state(
            secrets={"dev/web": PAIR, "dev/other": OTHER, "dev/missing": make_pair("missing.test")}
        ),
        compile_state(secrets={"dev/web": renewed, "dev/other": OTHER}),
    ]
    for change in changes:
        gateway.publish(change)
        assert seen(gateway.enter("web.test", keep="web"))["pod"] == "dev"
    assert gateway.enter("web.test")["certificate"].encode() == renewed.certificate
    kept = gateway.enter("web.test", keep="web")
    assert kept["certificate"].encode() == PAIR.certificate, "it is the connection of the beginning"
