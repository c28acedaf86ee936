"""Plan after plan: what is used again is what would have been made anew."""

from __future__ import annotations

from hypothesis import given
from tests.unit.routing.worlds import any_name, any_state

from alcove.model import ClusterState, SpaceName
from alcove.routing.envoy.contents import Part, find_references, has_parts, hash_content
from alcove.routing.envoy.names import ROUTES_TYPE, ProxySettings
from alcove.routing.plan import plan_routes
from alcove.routing.snapshot import Compiler, GatewayNode, Node, PodNode, compile_snapshots


@given(any_state(), any_state(), any_name)
def test_a_compiler_that_has_seen_another_plan_gives_what_a_new_one_gives(
    before: ClusterState, after: ClusterState, space: SpaceName
) -> None:
    nodes: list[Node] = [PodNode(space), PodNode(space, ("10.1.0.0",)), GatewayNode()]
    compiler = Compiler(ProxySettings())
    compiler.compile(plan_routes(before), nodes)
    again = compiler.compile(plan_routes(after), nodes)
    assert again == compile_snapshots(plan_routes(after), nodes, ProxySettings())


@given(any_state(), any_name)
def test_the_same_plan_again_gives_the_same_resources(state: ClusterState, space: SpaceName) -> None:
    compiler, node = Compiler(ProxySettings()), PodNode(space, ("10.1.0.0",))
    first, again = (compiler.compile(plan_routes(state), [node])[node] for _ in range(2))
    assert first.resources[ROUTES_TYPE]["outbound"] is again.resources[ROUTES_TYPE]["outbound"]
    assert first.version == again.version


def test_a_part_counts_as_its_content_does() -> None:
    one, same, other = (Part({"a": {"cluster": name}}) for name in ("x", "x", "y"))
    assert one.version == same.version != other.version
    assert hash_content({"z": [one]}) == hash_content({"z": [same]}) != hash_content({"z": [other]})
    assert set(find_references({"z": [one, other]})) == {("clusters", "x"), ("clusters", "y")}
    assert has_parts({"z": [{"y": one}]})
    assert not has_parts({"z": [{"y": {}}], "x": "part"})
