"""Whatever happens in whatever order: the proxy ends with the snapshot, and silence follows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.xds.proxies import TYPES, Link, Proxy, snapshot

from alcove.xds.resources import CLUSTER, LISTENER, ROUTES, Snapshot

NAMES = ("a", "b", "c")
entries = st.tuples(st.sampled_from(TYPES), st.sampled_from(NAMES), st.sampled_from(("1", "2", "3")))
snapshots = st.lists(entries, max_size=8, unique_by=lambda e: e[:2]).map(lambda e: snapshot(*e))
changes = st.tuples(
    st.sampled_from(("subscribe", "unsubscribe")), st.sampled_from(TYPES), st.sampled_from((*NAMES, "*"))
)
steps = st.lists(
    st.one_of(
        st.sampled_from(("request", "speak", "response", "reconnect")),
        snapshots,
        changes,
    ),
    max_size=60,
)


def play(link: Link, script: list[object]) -> Link:
    """Carry out the steps; give the link that is up in the end."""
    for step in script:
        match step:
            case "request":
                link.deliver_request()
            case "speak":
                link.speak()
            case "response":
                link.deliver_response()
            case "reconnect":
                latest, link = link.stream.snapshot, Link(link.proxy)
                if latest is not None:
                    link.stream.offer(latest)
            case Snapshot():
                link.stream.offer(step)
            case ("subscribe", str(url), str(name)):
                link.requests.append(link.proxy.subscribe(url, name))
            case ("unsubscribe", str(url), str(name)) if _is_subscribed(link.proxy, url, name):
                link.requests.append(link.proxy.unsubscribe(url, name))
            case _:
                pass
    return link


def _is_subscribed(proxy: Proxy, url: str, name: str) -> bool:
    return url in proxy.wildcards if name == "*" else name in proxy.names.get(url, ())


@given(steps, snapshots)
def test_the_proxy_ends_with_the_snapshot(script: list[object], truth: Snapshot) -> None:
    link = play(Link(Proxy()), script)
    link.stream.offer(truth)
    link.run()
    for url in TYPES:
        assert link.proxy.holds.get(url, {}) == link.proxy.expects(url, truth)


@given(steps, snapshots)
def test_nothing_is_said_when_nothing_changed(script: list[object], truth: Snapshot) -> None:
    link = play(Link(Proxy()), script)
    link.stream.offer(truth)
    link.run()
    sent = len(link.sent)
    same = Snapshot(each for url in truth for each in truth[url].values())
    link.stream.offer(same)
    link.run()
    assert len(link.sent) == sent
    assert link.stream.is_settled or not link.proxy.connect()


@given(steps, snapshots)
def test_a_proxy_that_comes_back_is_sent_only_differences(script: list[object], truth: Snapshot) -> None:
    first = play(Link(Proxy()), script)
    first.stream.offer(truth)
    first.run()
    again = Link(first.proxy)
    again.stream.offer(truth)
    again.run()
    # Absence is not presented, so a name that does not exist is answered again, and so is an empty wildcard.
    assert not [r for response in again.sent for r in response.resources]
    assert not [
        n for response in again.sent for n in response.removed if n in truth.of_type(response.type_url)
    ]


@given(steps, snapshots, st.frozensets(st.tuples(st.sampled_from(NAMES), st.sampled_from(("1", "2", "3")))))
def test_bad_resources_hold_no_others_back(
    script: list[object], truth: Snapshot, bad: frozenset[tuple[str, str]]
) -> None:
    link = play(Link(Proxy(bad=bad)), script)
    link.stream.offer(truth)
    link.run()
    for url in TYPES:
        expected = link.proxy.expects(url, truth)
        good = {name for name, version in expected.items() if (name, version) not in bad}
        held = link.proxy.holds.get(url, {})
        assert {name: held.get(name) for name in good} == {name: expected[name] for name in good}
        assert held.keys() <= expected.keys()


@given(steps)
def test_one_response_per_type_is_outstanding(script: list[object]) -> None:
    link = play(Link(Proxy()), script)
    link.speak()
    under_way = [response.type_url for response in link.responses]
    assert len(under_way) == len(set(under_way))


references = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(NAMES), max_size=3)


def _consistent(routes: dict[str, str]) -> Snapshot:
    """Make routes whose version is the cluster they lead to, those clusters, and their listeners."""
    return snapshot(
        *((ROUTES, name, cluster) for name, cluster in routes.items()),
        *((LISTENER, name, "1") for name in routes),
        *((CLUSTER, cluster, "1") for cluster in set(routes.values())),
    )


@given(
    st.lists(
        st.one_of(
            references.map(_consistent),
            st.sampled_from(("request", "speak", "response", "reconnect")),
        ),
        max_size=60,
    )
)
def test_no_route_ever_leads_to_a_missing_cluster(script: list[object]) -> None:
    link = Link(Proxy(wildcards={CLUSTER, LISTENER, ROUTES}))
    for step in script:
        link = play(link, [step])
        holds = link.proxy.holds
        assert set(holds.get(ROUTES, {}).values()) <= holds.get(CLUSTER, {}).keys()
        assert holds.get(ROUTES, {}).keys() <= holds.get(LISTENER, {}).keys()
