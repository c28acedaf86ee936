"""By which Secret a host is served, and how the gateway is told."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pytest
from tests.unit.routing.router import Request, chain_of, route_entry

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
from alcove.routing.envoy.names import (
    FALLBACK,
    LISTENER_TYPE,
    ROUTES_TYPE,
    SECRET_TYPE,
    UNSERVED,
    ProxySettings,
)
from alcove.routing.envoy.secrets import render_secret
from alcove.routing.plan import RoutePlan, plan_routes
from alcove.routing.snapshot import (
    BrokenSnapshotError,
    GatewayNode,
    Snapshot,
    compile_snapshots,
    seal_snapshot,
)

DEV, AMY, AMYX, PROD = (SpaceName(name) for name in ("dev", "amy", "amyx", "prod"))
WEB, HOST = ServiceName("web"), "web.test"
SPACES = {each.name: each for each in (Space(DEV), Space(AMY, DEV), Space(AMYX, AMY), Space(PROD))}
PLAIN = Certificate((HOST,))
ALL = Certificate((HOST, "*.s.web.test"))
OTHER = Certificate(("other.test",))
BROKEN = Certificate(fault="it has no tls.key")
NODE = GatewayNode()


def make_state(wanted: Mapping[str, str], known: Mapping[str, Certificate]) -> ClusterState:
    """Make a state of one host; ``wanted`` says ``SPACE/SECRET`` and the host, empty for ``HOST``."""
    service = Service(DEV, WEB, ("10.0.0.1",), (Port(80, 8080),), (Endpoint("10.1.0.1"),))
    tls = {
        TlsHost(SpaceName(name.partition("/")[0]), host or HOST, SecretName(name))
        for name, host in wanted.items()
    }
    entries = {Entry(DEV, HOST, WEB, 80), Entry(DEV, "plain.test", WEB, 80)}
    certificates = {SecretName(name): each for name, each in known.items()}
    return ClusterState(
        SPACES, {(DEV, WEB): service}, frozenset(entries), frozenset(), frozenset(tls), certificates
    )


def compile_state(state: ClusterState, without: str = "") -> Snapshot:
    secrets = {
        name: render_secret(name, "chain", "key")
        for name in (FALLBACK, *state.certificates)
        if name != without
    }
    return compile_snapshots(plan_routes(state), [NODE], ProxySettings(), secrets=secrets)[NODE]


OWN, CHILD = "dev/tls", "amy/tls"


@pytest.mark.parametrize(
    ("wanted", "known", "chains"),
    [
        pytest.param({}, {}, "fallback fallback fallback", id="nobody-asked"),
        pytest.param({OWN: ""}, {OWN: ALL}, "dev/tls dev/tls dev/tls", id="a-wildcard-covers-all"),
        pytest.param(
            {OWN: ""}, {OWN: PLAIN}, "dev/tls dev/tls dev/tls", id="not-covering-is-better-than-none"
        ),
        pytest.param(
            {OWN: "", CHILD: ""}, {OWN: PLAIN, CHILD: OTHER}, "dev/tls amy/tls amy/tls", id="else-its-own"
        ),
        pytest.param(
            {OWN: "", CHILD: ""}, {OWN: ALL, CHILD: ALL}, "dev/tls dev/tls dev/tls", id="the-owners-first"
        ),
        pytest.param(
            {OWN: "", CHILD: "amy.s.web.test"},
            {OWN: PLAIN, CHILD: Certificate(("amy.s.web.test",))},
            "dev/tls amy/tls amy/tls",
            id="its-own-by-the-prefixed-host",
        ),
        pytest.param({CHILD: ""}, {CHILD: ALL}, "fallback amy/tls amy/tls", id="only-the-child-asked"),
        pytest.param({OWN: ""}, {}, "unserved unserved unserved", id="missing"),
        pytest.param({OWN: ""}, {OWN: BROKEN}, "unserved unserved unserved", id="broken"),
        pytest.param(
            {OWN: "", CHILD: ""}, {CHILD: ALL}, "unserved amy/tls amy/tls", id="the-childs-helps-out"
        ),
        pytest.param(
            {OWN: "", CHILD: ""}, {OWN: PLAIN}, "dev/tls unserved unserved", id="the-childs-is-missing"
        ),
        pytest.param(
            {OWN: ""},
            {OWN: PLAIN, "dev/tls-amy-alcove": Certificate(("amy.s.web.test",))},
            "dev/tls dev/tls-amy-alcove dev/tls",
            id="beside-the-owners",
        ),
        pytest.param(
            {"prod/tls": ""}, {"prod/tls": ALL}, "fallback fallback fallback", id="of-another-family"
        ),
        pytest.param(
            {"dev/a": "", "dev/b": ""}, {"dev/a": OTHER, "dev/b": ALL}, "dev/b dev/b dev/b", id="covering"
        ),
    ],
)
def test_each_name_has_its_certificate(
    wanted: Mapping[str, str], known: Mapping[str, Certificate], chains: str
) -> None:
    snapshot = compile_state(make_state(wanted, known))
    names = {"fallback": FALLBACK, "unserved": UNSERVED}
    found = [chain_of(snapshot, host) for host in (HOST, "amy.s.web.test", "amyx.s.web.test")]
    assert found == [names.get(each, each) for each in chains.split()]
    assert chain_of(snapshot, "plain.test") == chain_of(snapshot, "unheard.of") == FALLBACK
    used = {chain_of(snapshot, f"{prefix}{HOST}") for prefix in ("", "amy.s.", "amyx.s.")} - {UNSERVED}
    assert set(snapshot.resources[SECRET_TYPE]) == {FALLBACK, *used}


@pytest.mark.parametrize(("known", "why"), [({}, MISSING), ({OWN: BROKEN}, "it has no tls.key")])
def test_a_host_whose_secret_cannot_be_used_says_so_and_no_other_does(
    known: Mapping[str, Certificate], why: str
) -> None:
    snapshot = compile_state(make_state({OWN: ""}, known))
    told = snapshot.resources[ROUTES_TYPE][UNSERVED].body["virtual_hosts"]
    assert [each["domains"] for each in told] == [["amy.s.web.test"], ["amyx.s.web.test"], [HOST], ["*"]]
    text = told[2]["routes"][0]["direct_response"]
    assert (
        text["status"] == 503 and f"the Secret dev/tls cannot be used: {why}" in text["body"]["inline_string"]
    )
    verdict = route_entry(snapshot, Request("", 0, HOST))
    assert verdict is not None and verdict.sockets == ("10.1.0.1:8080",), "without TLS it is served as ever"


def test_a_secret_whose_content_is_not_there_is_as_good_as_missing() -> None:
    snapshot = compile_state(make_state({OWN: ""}, {OWN: ALL}), without=OWN)
    assert chain_of(snapshot, HOST) == UNSERVED


def test_without_a_fallback_there_is_no_listener_for_tls() -> None:
    state = make_state({OWN: ""}, {OWN: ALL})
    snapshot = compile_snapshots(plan_routes(state), [NODE], ProxySettings())[NODE]
    assert set(snapshot.resources[LISTENER_TYPE]) == {"gateway"} and SECRET_TYPE not in snapshot.resources


def test_new_hosts_and_spaces_leave_every_chain_as_it_is() -> None:
    state = make_state({OWN: ""}, {OWN: ALL})
    before = compile_state(state).resources[LISTENER_TYPE]["gateway_tls"].body
    more = dataclasses.replace(state, spaces={**SPACES, SpaceName("new"): Space(SpaceName("new"), DEV)})
    after = compile_state(more).resources[LISTENER_TYPE]["gateway_tls"].body
    assert before["filter_chain_matcher"] != after["filter_chain_matcher"]
    assert {**before, "filter_chain_matcher": None} == {**after, "filter_chain_matcher": None}


def test_a_chain_that_comes_or_goes_leaves_the_others_as_they_are() -> None:
    one, two = make_state({OWN: ""}, {OWN: ALL}), make_state({OWN: "", CHILD: ""}, {OWN: PLAIN, CHILD: ALL})
    before, after = (compile_state(each).resources[LISTENER_TYPE]["gateway_tls"].body for each in (one, two))
    only = {name: each for name, each in before.items() if not name.startswith("filter_chain")}
    assert only == {name: each for name, each in after.items() if not name.startswith("filter_chain")}
    assert all(chain in after["filter_chains"] for chain in before["filter_chains"])


def test_a_secret_that_nobody_has_is_refused_and_never_shown() -> None:
    snapshot = compile_state(make_state({OWN: ""}, {OWN: ALL}))
    assert "chain" not in repr(snapshot.resources[SECRET_TYPE])
    body = snapshot.resources[SECRET_TYPE][OWN].body
    assert (
        repr(body) == "SecretBody('dev/tls')"
        and body["tls_certificate"]["private_key"]["inline_string"] == "key"
    )
    resources = [(kind, each) for kind, named in snapshot.resources.items() for each in named.values()]
    with pytest.raises(BrokenSnapshotError, match="dev/tls"):
        seal_snapshot([each for each in resources if each[1].name != OWN])


def test_the_plan_says_which_and_why() -> None:
    plan: RoutePlan = plan_routes(make_state({OWN: ""}, {OWN: PLAIN}))
    host = next(each for each in plan.hosts if each.host == HOST)
    assert {name: str(each) for name, each in host.certificates.items()} == {
        HOST: "",
        "amy.s.web.test": "the certificate of the Secret dev/tls is not for this host",
        "amyx.s.web.test": "the certificate of the Secret dev/tls is not for this host",
    }
