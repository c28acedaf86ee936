"""Who answers a request, and why: by the table that the proxies are held to, and by every way to spell it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.feature.routing import states
from tests.feature.routing.states import Case
from tests.feature.routing.walks import PORTS
from tests.unit.app.observation.objects import (
    FAMILY,
    endpoint_slice,
    ingress,
    port,
    rule,
    service,
    session_pod,
)

from alcove.app.observation.explain import explain_route
from alcove.app.observation.explanations import Caller, Explanation, Question
from alcove.app.observation.state import observe_state
from alcove.errors import AlcoveError, ConflictError, UsageError
from alcove.model import ClusterState, SpaceName
from alcove.routing.choices import MOST_INSTANCES, Target
from alcove.routing.plan import plan_routes

STATES, CASES = states.load()


@cache
def family() -> ClusterState:
    return observe_state(FAMILY)[0]


def explain(url: str, source: str = "", *headers: str, state: ClusterState | None = None) -> Explanation:
    """Explain a request of a pod of the space ``source``; headers are written ``NAME=VALUE``."""
    pairs = tuple((name, value) for name, _, value in (each.partition("=") for each in headers))
    caller = Caller(SpaceName(source), "web-1") if source else None
    return explain_route(state or family(), Question(url, pairs, caller))


def url_of(case: Case) -> str:
    service_name, _, space = case.to.partition(".")
    number = PORTS[case.protocol]
    if service_name == states.HEADLESS:
        target = next(each.target for each in states.PORTS_OF_ALL if each.number == number)
        return f"http://{states.pod_address(space)}:{target}"
    return f"http://{states.cluster_address(space, service_name)}:{number}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join([case.state, case.caller, case.to]))
def test_the_table_of_decisions_is_explained(case: Case) -> None:
    headers = {**case.headers, "Host": f"{case.to}.svc"}
    source = "" if case.caller == states.OUTSIDE else case.caller
    found = explain(
        url_of(case),
        source,
        *(f"{name}={value}" for name, value in headers.items()),
        state=STATES[case.state],
    )
    assert (found.answer or "-") == case.answer
    if case.protocol == "tcp":
        assert found.reason == "NOT_HTTP" and found.key is None
    else:
        assert (found.reason, found.key or "") == (case.reason, case.key)
    assert bool(found.sockets) == (found.answer is not None) == (found.port is not None)
    assert found.why and found.lines()["because"] == found.document()["why"]


@pytest.mark.parametrize(
    ("url", "source", "expected"),
    [
        ("http://web", "dev", "web dev -> dev NO_KEY 10.96.0.1:80"),
        ("web", "amy", "web dev -> dev INHERITED 10.96.0.1:80"),
        ("http://api.dev", "amy", "api dev -> amy OVERRIDDEN 10.1.0.12:8001"),
        ("http://api.dev:7070", "amy", "api dev -> - NO_PORT -"),
        ("http://api:8000/x?y#z", "amy", "api amy -> amy OWN 10.1.0.12:8001"),
        ("http://API.Dev.", "", "api dev -> dev NO_KEY 10.96.0.2:80"),
        ("http://api.dev.svc:7070", "bob", "api dev -> dev INHERITED 10.96.0.2:7070"),
        ("http://api.dev.svc.cluster.local", "", "api dev -> dev NO_KEY 10.96.0.2:80"),
        ("ws://api.dev.svc.cluster.local.:80", "", "api dev -> dev NO_KEY 10.96.0.2:80"),
        ("http://[fd00::2]", "bob", "api dev -> dev INHERITED [fd00::2]:80"),
        ("http://[FD00:0::12]:8000", "", "api amy -> amy NO_KEY [fd00::12]:8000"),
        ("http://10.96.0.99", "amy", "web amy -> dev FALLEN_BACK 10.1.0.1:8080"),
        ("http://10.96.0.99", "", "web amy -> dev FALLEN_BACK 10.1.0.1:8080"),
        ("http://peers.dev:8080", "", "peers dev -> dev NO_KEY 10.1.0.5:8080,10.1.0.6:8080"),
        ("http://10.1.0.6:8080", "", "peers dev -> dev NO_KEY 10.1.0.6:8080"),
        ("http://peers.dev:8080", "amy", "peers dev -> - NO_INSTANCE -"),
        ("http://web.plain", "amy", "web plain -> plain UNRELATED 10.96.0.30:80"),
        ("https://web.dev:80", "amy", "web dev -> dev NOT_HTTP 10.96.0.1:80"),
        ("redis://web.dev:6379", "amy", "web dev -> dev NOT_HTTP 10.96.0.1:6379"),
        ("http://out.dev", "amy", "out dev -> dev EXTERNAL_NAME -"),
        ("http://dev.web.test/x", "", "web dev -> dev NO_KEY 10.1.0.1:8080"),
        ("https://dev.web.test/api/x", "", "api dev -> dev NO_KEY 10.1.0.2:8080"),
        ("http://dev.web.test/apix", "", "web dev -> dev NO_KEY 10.1.0.1:8080"),
        ("http://amy.s.dev.web.test", "", "web dev -> dev INHERITED 10.1.0.1:8080"),
        ("http://amy.s.dev.web.test/api", "", "api dev -> amy OVERRIDDEN 10.1.0.12:8001"),
    ],
)
def test_every_spelling_stands_for_its_service(url: str, source: str, expected: str) -> None:
    found = explain(url, source)
    sockets = ",".join(found.sockets) or "-"
    told = f"{found.service} {found.addressed} -> {found.answer or '-'} {found.reason} {sockets}"
    assert told == expected


@pytest.mark.parametrize(
    ("source", "headers", "key", "carrier"),
    [
        ("", [], None, ""),
        ("dev", [], None, ""),
        ("amy", [], "amy", "caller's space"),
        ("amy", ["azds-route-as=bob"], "bob", "azds-route-as"),
        ("amy", ["Kubernetes-Route-As=bob", "baggage=azds-route-as=dev"], "bob", "kubernetes-route-as"),
        ("", ["baggage=x=1,azds-route-as=amy"], "amy", "baggage"),
        ("amy", ["azds-route-as="], "amy", "caller's space"),
    ],
)
def test_the_key_is_told_with_its_carrier(
    source: str, headers: list[str], key: str | None, carrier: str
) -> None:
    found = explain("http://web.dev", source, *headers)
    assert (found.key, found.carrier) == (key, carrier)


def test_an_entrys_key_is_its_prefix_unless_the_request_brings_one() -> None:
    assert explain("http://amy.s.dev.web.test").carrier == "entry host"
    found = explain("http://amy.s.dev.web.test", "", "azds-route-as=bob")
    assert (found.key, found.chain) == ("bob", ("bob", "dev"))


@pytest.mark.parametrize(
    ("url", "source", "kind", "told"),
    [
        ("http://nosuch.dev", "", ConflictError, "did you mean"),
        ("http://qqqqqqqq.qqqq.qqqqqqqqqqqq", "", ConflictError, "kubectl get services"),
        ("http://web.amy", "", ConflictError, "web.dev"),
        ("http://web", "", ConflictError, "web.dev, or who asks: --from SPACE/POD"),
        ("http://10.9.9.9", "", ConflictError, "no Service"),
        ("http://10.96.0.1:81", "", ConflictError, "its ports: 6379, 80"),
        ("http://web.dev:81", "", ConflictError, "its ports: 80, 6379"),
        ("http://peers.dev", "", ConflictError, "its ports: 8080"),
        ("http://prod.s.dev.web.test", "", ConflictError, "amy, bob"),
        ("http://plain.test", "", ConflictError, "kubectl"),
        ("http://web.dev", "plain", ConflictError, "alcove space create plain"),
        ("http://web.dev", "ammy", ConflictError, "did you mean 'amy'?"),
        ("http://", "", UsageError, "http://web.dev"),
        ("http://web.dev:99999", "", UsageError, "http://web.dev"),
        ("http://[::", "", UsageError, "http://web.dev"),
        ("redis://web.dev", "", UsageError, "http://web.dev"),
    ],
)
def test_what_leads_nowhere_is_an_error_that_says_what_to_do(
    url: str, source: str, kind: type[AlcoveError], told: str
) -> None:
    with pytest.raises(kind) as caught:
        explain(url, source)
    assert told in caught.value.hint


def test_a_host_without_a_rule_for_the_path_is_told() -> None:
    objects = replace(
        FAMILY, ingresses=[ingress("dev", rule("dev.web.test", ("/a", "web", 80), kind="Exact"))]
    )
    state, _ = observe_state(objects)
    assert explain("http://dev.web.test/a", state=state).answer == "dev"
    with pytest.raises(ConflictError, match="no rule of dev"):
        explain("http://dev.web.test/a/b", state=state)


def test_an_address_of_several_services_needs_a_name() -> None:
    twin = service("twin.dev", port(80, targetPort=8080))
    shared = endpoint_slice("twin.dev", "10.1.0.5", ports={"": 8080})
    state, _ = observe_state(
        replace(
            FAMILY,
            services=[*FAMILY.services, twin],
            endpoint_slices=[*FAMILY.endpoint_slices, shared],
        )
    )
    assert explain("http://10.1.0.5:8080", "", "host=twin.dev:8080", state=state).service == "twin"
    with pytest.raises(ConflictError, match="several Services share"):
        explain("http://10.1.0.5:8080", state=state)


def scaled(*instances: str, **ports: int) -> ClusterState:
    """Give the family in which api of amy has these instances; ``!`` before one that is not ready."""
    kept = [each for each in FAMILY.endpoint_slices if each["metadata"]["namespace"] != "amy"]  # type: ignore[index]  # they are objects
    more = [endpoint_slice("api.amy", *instances, ports=ports or {"http": 8001})]
    return observe_state(replace(FAMILY, endpoint_slices=[*kept, *more]))[0]


@pytest.mark.parametrize("url", ["http://api.dev", "http://api.amy:8000", "http://10.96.0.12:8000"])
def test_a_few_instances_are_named_and_the_others_counted(url: str) -> None:
    found = explain(url, "amy", state=scaled(*(f"10.1.0.{at}" for at in range(10, 17)), "10.1.0.20!"))
    assert found.document()["sockets"] == [f"10.1.0.{at}:8001" for at in range(10, 17)]
    assert found.document()["port"] == 8000 and found.document()["target"] == 8001
    told = "10.1.0.10:8001, 10.1.0.11:8001, 10.1.0.12:8001, 10.1.0.13:8001 and 3 more"
    assert found.lines()["reached at"] == told


@pytest.mark.parametrize("url", ["http://api.dev", "http://api.amy:8000", "http://10.96.0.12:8000"])
def test_many_instances_are_reached_by_the_clusters_address(url: str) -> None:
    many = (f"10.1.0.{at}" for at in range(10, 11 + MOST_INSTANCES))
    found = explain(url, "amy", state=scaled(*many))
    assert (found.sockets, found.port and found.port.number) == (("10.96.0.12:8000",), 8000)


@pytest.mark.parametrize("url", ["http://api.dev", "http://api.amy:8000", "http://10.96.0.12:8000"])
def test_a_version_without_a_ready_instance_is_told(url: str) -> None:
    found = explain(url, "amy", state=scaled("10.1.0.12!"))
    assert (found.answer, found.reason, found.sockets) == (None, "NO_INSTANCE", ())
    assert found.why == "api of amy should answer, but it has no ready instance"


def test_a_named_target_port_is_the_one_that_the_instances_say() -> None:
    named = service("web.bob", port(80, "http", targetPort="web"), address="10.96.0.40")
    at = endpoint_slice("web.bob", "10.1.0.40", ports={"http": 3000})
    state, _ = observe_state(
        replace(FAMILY, services=[*FAMILY.services, named], endpoint_slices=[*FAMILY.endpoint_slices, at])
    )
    found = explain("http://web.dev", "bob", state=state)
    assert (found.sockets, found.document()["target"]) == (("10.1.0.40:3000",), 3000)


def test_a_pod_without_a_proxy_is_told_so() -> None:
    bare = Caller(SpaceName("amy"), "web-1", proxied=False)
    assert "web-1 has no proxy" in explain_route(family(), Question("web", caller=bare)).lines()["note"]
    keyed = Question("web", (("azds-route-as", "amy"),), bare)
    assert not explain_route(family(), keyed).notes


@pytest.mark.parametrize("name", list(STATES))
def test_what_the_plan_does_is_what_is_explained(name: str) -> None:
    state = STATES[name]
    for destination in plan_routes(state).destinations:
        (claim,) = destination.claims
        for key in [*state.spaces, "nosuch"]:
            outcome = claim.by_key.get(key, claim.otherwise)  # type: ignore[call-overload]  # a space is a key
            try:
                found = explain(f"http://{destination.socket}", "", f"azds-route-as={key}", state=state)
            except ConflictError:
                raise AssertionError(destination) from None
            if found.reason == "NOT_HTTP":
                continue
            if outcome is None:
                assert (found.addressed, found.sockets) == (found.answer, (destination.socket,))
            else:
                assert found.sockets == (outcome.sockets if isinstance(outcome, Target) else ())


@pytest.mark.parametrize("key", ["", "amy", "bob", "prod", "nosuch"])
def test_what_the_gateway_does_is_what_is_explained(key: str) -> None:
    own = ingress("amy", rule("dev.web.test", ("/", "api", 8000)))
    state, _ = observe_state(replace(FAMILY, ingresses=[*FAMILY.ingresses, own]))
    (host,) = plan_routes(state).hosts
    for rule_seen in dict(host.views).get(key, host.paths):  # type: ignore[call-overload]  # a text is a key
        headers = [f"azds-route-as={key}"] if key else []
        found = explain(f"http://dev.web.test{rule_seen.path}", "", *headers, state=state)
        outcome = rule_seen.outcome
        assert found.service == outcome.service
        assert found.sockets == (outcome.sockets if isinstance(outcome, Target) else ())


@given(st.text(max_size=30), st.sampled_from(["", "amy", "dev"]))
def test_any_url_is_explained_or_refused(url: str, source: str) -> None:
    try:
        assert explain(url, source).why
    except AlcoveError as error:
        assert error.hint


def claimed(*entries: tuple[str, str]) -> ClusterState:
    """Give the family with rules for other hosts: each by its space and host."""
    items = [ingress(space, rule(host, ("/", "web", "http"))) for space, host in entries]
    for at, item in enumerate(items):
        item["metadata"]["name"] = f"entry-{at}"
    services = [*FAMILY.services, service("web.prod", port(80, "http"), address="10.96.0.50")]
    slices = [*FAMILY.endpoint_slices, endpoint_slice("web.prod", "10.1.0.50", ports={"http": 8080})]
    return observe_state(replace(FAMILY, ingresses=items, services=services, endpoint_slices=slices))[0]


@pytest.mark.parametrize(
    ("url", "addressed", "key", "answer"),
    [
        ("http://x.test", "dev", None, "dev"),
        ("http://prod.s.x.test", "prod", "prod", "prod"),
        ("http://amy.s.x.test", "amy", "amy", "dev"),
    ],
)
def test_hosts_that_several_spaces_name_are_explained(
    url: str, addressed: str, key: str | None, answer: str
) -> None:
    state = claimed(("dev", "x.test"), ("prod", "x.test"), ("amy", "amy.s.x.test"))
    found = explain(url, state=state)
    assert (found.addressed, found.key, found.answer) == (addressed, key, answer)


def test_a_host_that_only_a_child_has_is_explained() -> None:
    found = explain("http://bob.s.x.test", state=claimed(("bob", "bob.s.x.test")))
    assert (found.addressed, found.answer) == ("bob", "dev")
    with pytest.raises(ConflictError, match="nothing in the cluster is called"):
        explain("http://x.test", state=claimed(("bob", "bob.s.x.test")))


def test_a_service_that_somebody_works_on_is_reached_at_its_instances() -> None:
    slices = [endpoint_slice("web.dev", "!10.1.0.1", ports={"http": 8080, "redis": 6379})]
    others = [one for one in FAMILY.endpoint_slices if one != FAMILY.endpoint_slices[0]]
    worked = replace(
        FAMILY, endpoint_slices=[*others, *slices], session_pods=[session_pod("dev", "10.1.0.1")]
    )
    found = explain("http://web.dev", "dev", state=observe_state(worked)[0])
    assert (found.answer, found.sockets) == ("dev", ("10.1.0.1:8080",))
