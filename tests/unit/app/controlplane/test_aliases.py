from __future__ import annotations

import json

from alcove.app.controlplane.aliases import MOST_REMOVED, apply_aliases, plan_aliases
from alcove.app.observation.spaces import ALIASES_ANNOTATION, parse_aliases
from alcove.kube import resources
from alcove.kube.fake import FakeKubeClient
from alcove.model import Alias, ClusterState, Port, Service, ServiceName, Space, SpaceName

DEV, AMY = SpaceName("dev"), SpaceName("amy")
WEB = ServiceName("web")
PORTS = (Port(80, 8080, "http"),)


def state(services: list[Service], aliases: dict[str, Alias] | None = None) -> ClusterState:
    return ClusterState(
        {DEV: Space(DEV), AMY: Space(AMY, DEV, aliases or {})},
        {(each.space, each.name): each for each in services},
    )


def read(text: str) -> dict[str, Alias]:
    return dict(parse_aliases(text, lambda why: (_ for _ in ()).throw(AssertionError(why))))


def test_addresses_are_written_down_while_their_services_exist() -> None:
    planned = plan_aliases(state([Service(AMY, WEB, ("10.96.0.7",), PORTS)]))
    assert planned.keys() == {AMY}
    assert read(planned[AMY]) == {"10.96.0.7": Alias(WEB, PORTS)}


def test_what_is_written_already_is_not_written_again() -> None:
    existing = {"10.96.0.7": Alias(WEB, PORTS)}
    assert plan_aliases(state([Service(AMY, WEB, ("10.96.0.7",), PORTS)], existing)) == {}


def test_the_address_of_a_removed_service_is_kept_until_another_service_takes_it() -> None:
    existing = {"10.96.0.7": Alias(WEB, PORTS)}
    assert plan_aliases(state([], existing)) == {}
    taken = state([Service(DEV, ServiceName("other"), ("10.96.0.7",), PORTS)], existing)
    assert read(plan_aliases(taken)[AMY]) == {}


def test_a_space_alone_needs_none() -> None:
    alone = ClusterState({DEV: Space(DEV)}, {(DEV, WEB): Service(DEV, WEB, ("10.96.0.7",), PORTS)})
    assert plan_aliases(alone) == {}


def test_only_so_many_removed_ones_are_remembered() -> None:
    many = {f"10.97.{at // 250}.{at % 250}": Alias(WEB) for at in range(MOST_REMOVED + 50)}
    assert len(read(plan_aliases(state([], many))[AMY])) == MOST_REMOVED


def test_a_record_that_would_be_too_long_has_no_ports() -> None:
    services = [
        Service(AMY, ServiceName(f"service{at}"), (f"10.98.{at // 250}.{at % 250}",), PORTS)
        for at in range(2000)
    ]
    text = plan_aliases(state(services))[AMY]
    assert len(text) < 256 << 10
    assert json.loads(text)["10.98.0.1"] == {"service": "service1"}


async def test_they_are_annotations_of_the_namespace() -> None:
    client = FakeKubeClient()
    await client.create(resources.NAMESPACES, {"metadata": {"name": "amy", "annotations": {"a": "b"}}})
    await apply_aliases(client, {AMY: "{}"})
    found = await client.get(resources.NAMESPACES, "amy")
    assert found["metadata"]["annotations"] == {"a": "b", ALIASES_ANNOTATION: "{}"}


def test_what_changes_during_a_roll_out_is_not_written() -> None:
    moving = (Port(80, 8080, "http", differs=True),)
    existing = {"10.96.0.7": Alias(WEB, PORTS)}
    assert plan_aliases(state([Service(AMY, WEB, ("10.96.0.7",), moving)], existing)) == {}
