"""Whatever a cluster holds, there is a state, and routes can be planned for it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.app.observation.objects import FAMILY, endpoint_slice, namespace, port, service

from alcove.app.observation.reports import Report
from alcove.app.observation.state import ClusterObjects, Memory, observe_state
from alcove.model import Protocol, SecretName, ServiceName, SpaceName, TlsHost
from alcove.routing.plan import plan_routes

pytestmark = pytest.mark.timeout(300)  # the deep profile makes thousands of clusters

FIELDS = [field.name for field in dataclasses.fields(ClusterObjects) if not field.kw_only]
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-1, 70000)
    | st.floats()
    | st.sampled_from(
        ["", "web", "dev", "amy", "10.96.0.1", "fd00::1", "None", "true", "http=tcp", "a.test", "/"]
    )
    | st.text(max_size=4)
)
any_json = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)


def damaged(value: Any) -> st.SearchStrategy[Any]:
    """Give a document with any of its parts replaced by anything."""
    if isinstance(value, dict) and value:
        whole: st.SearchStrategy[Any] = st.fixed_dictionaries(
            {key: damaged(each) for key, each in value.items()}
        )
    elif isinstance(value, list):
        whole = st.tuples(*map(damaged, value)).map(list)
    else:
        whole = st.just(value)
    return st.integers(0, 11).flatmap(lambda dice: whole if dice else any_json)


@given(st.builds(ClusterObjects, **{name: st.lists(any_json, max_size=4) for name in FIELDS}))
def test_any_json_makes_a_state(objects: ClusterObjects) -> None:
    state, reports = observe_state(objects)
    plan_routes(state)
    assert list(reports) == sorted(set(reports))


@given(
    st.builds(ClusterObjects, **{name: damaged(getattr(FAMILY, name)) for name in FIELDS}).filter(
        lambda made: all(isinstance(getattr(made, name), list) for name in FIELDS)
    )
)
def test_damaged_objects_make_a_state_and_leave_the_rest(objects: ClusterObjects) -> None:
    state, reports = observe_state(objects)
    plan_routes(state)
    whole, _ = observe_state(FAMILY)
    for item in (item for item in objects.services if item in FAMILY.services):
        meta = item["metadata"]  # type: ignore[index]  # it is one of ours, unharmed
        key = SpaceName(meta["namespace"]), ServiceName(meta["name"])
        assert state.services[key].addresses == whole.services[key].addresses
    assert all(report.why for report in reports)


@given(st.data())
def test_the_order_of_objects_does_not_matter(data: st.DataObject) -> None:
    shuffled: dict[str, Any] = {name: data.draw(st.permutations(getattr(FAMILY, name))) for name in FIELDS}
    assert observe_state(ClusterObjects(**shuffled)) == observe_state(FAMILY)


def test_a_family_is_seen_as_it_is() -> None:
    state, reports = observe_state(FAMILY)
    assert not reports
    assert {name: space.parent for name, space in state.spaces.items()} == {
        "dev": None,
        "amy": "dev",
        "bob": "dev",
        "prod": None,
    }
    web = state.services[SpaceName("dev"), ServiceName("web")]
    assert [(each.number, each.target, each.protocol) for each in web.ports] == [
        (80, 8080, Protocol.HTTP),
        (6379, 6379, Protocol.TCP),
    ]
    assert state.spaces[SpaceName("amy")].aliases["10.96.0.99"].service == "web"
    assert len(state.entries) == 3
    assert state.tls == {TlsHost(SpaceName("dev"), "dev.web.test", SecretName("dev/web-tls"))}
    assert state.ranges == {"10.1.0.0/24", "10.96.0.0/16", "fd00::/108"}


def test_a_report_says_what_is_meant() -> None:
    broken = ClusterObjects(
        namespaces=[namespace("dev", aliases="x"), 7], services=[service("web.dev", address="")]
    )
    _, reports = observe_state(broken)
    assert reports == (
        Report("Namespace", "", "", "is no object"),
        Report("Namespace", "", "dev", "alcove.dev/aliases is no JSON object"),
        Report("Service", "dev", "web", "it has no cluster address and is not headless"),
    )
    assert [str(each) for each in reports][1:] == [
        "Namespace dev: alcove.dev/aliases is no JSON object",
        "Service dev/web: it has no cluster address and is not headless",
    ]


def test_a_memory_saves_reading_and_changes_nothing() -> None:
    broken = namespace("odd")
    broken["metadata"]["labels"]["azds.io/parent-space"] = 7
    objects = ClusterObjects(
        namespaces=[namespace("dev"), broken, 3],
        services=[service("web.dev", port(80), address="10.96.0.1")],
        endpoint_slices=[endpoint_slice("web.dev", "10.1.0.1", ports={"": 8080})],
    )
    memory = Memory()
    fresh = observe_state(objects)
    assert observe_state(objects, memory) == fresh
    assert observe_state(objects, memory) == fresh
    slices = [endpoint_slice("web.dev", "10.1.0.2", ports={"": 9090})]
    moved = dataclasses.replace(objects, endpoint_slices=slices)
    assert observe_state(moved, memory) == observe_state(moved) != fresh
    assert observe_state(ClusterObjects(), memory) == observe_state(ClusterObjects())


def test_a_service_whose_slices_are_on_their_way_does_not_count_yet() -> None:
    made = service("web.dev", port(80), address="10.96.0.1", selector={"app": "web"})
    objects = ClusterObjects(namespaces=[namespace("dev")], services=[made])
    key = (SpaceName("dev"), ServiceName("web"))
    assert key not in observe_state(objects)[0].services
    nobody = dataclasses.replace(objects, endpoint_slices=[endpoint_slice("web.dev")])
    assert observe_state(nobody)[0].services[key].ready == ()
    # Whoever may not see slices cannot tell.
    assert key in observe_state(dataclasses.replace(objects, slices_seen=False))[0].services
    by_hand = service("web.dev", port(80), address="10.96.0.1")
    assert key in observe_state(dataclasses.replace(objects, services=[by_hand]))[0].services
    outside = service("web.dev", selector={"app": "web"}, type="ExternalName", externalName="a.test")
    assert key in observe_state(dataclasses.replace(objects, services=[outside]))[0].services
