"""Resources as bytes: what is put together from parts reads as what was encoded whole."""

from __future__ import annotations

from typing import Any

import pytest
from envoy.config.route.v3 import route_pb2
from google.protobuf import json_format
from hypothesis import given
from tests.unit.routing.worlds import any_name, any_state

from alcove.model import ClusterState, SpaceName
from alcove.routing.envoy.contents import Part
from alcove.routing.envoy.names import ROUTES_TYPE, ProxySettings
from alcove.routing.plan import plan_routes
from alcove.routing.snapshot import PodNode, compile_snapshots
from alcove.xds.encoding import Encoder
from alcove.xds.resources import CLUSTER

ENCODER = Encoder()


def whole(body: dict[str, Any]) -> Any:
    return json_format.ParseDict(body, route_pb2.RouteConfiguration())


@given(any_state(), any_name)
def test_routes_read_as_if_encoded_whole(state: ClusterState, space: SpaceName) -> None:
    node = PodNode(space, ("10.1.0.0",))
    snapshot = compile_snapshots(plan_routes(state), [node], ProxySettings())[node]
    for resource in snapshot.resources[ROUTES_TYPE].values():
        encoded = ENCODER.encode(ROUTES_TYPE, resource.name, resource.version, resource.body)
        assert route_pb2.RouteConfiguration.FromString(encoded.body) == whole(resource.body)


def test_a_part_is_encoded_once_and_kept_for_a_round() -> None:
    encoder = Encoder()
    first = Part(name="x", domains=["*"])
    encoded = encoder.encode(ROUTES_TYPE, "r", "1", {"name": "r", "virtual_hosts": [first, {"name": "y"}]})
    assert route_pb2.RouteConfiguration.FromString(encoded.body) == whole(
        {"name": "r", "virtual_hosts": [dict(first), {"name": "y"}]}
    )
    encoder.forget()
    # An equal version stands for an equal content: what was encoded is used, whatever else it says.
    first["name"] = "changed"
    again = encoder.encode(ROUTES_TYPE, "r", "2", {"name": "r", "virtual_hosts": [first]})
    assert route_pb2.RouteConfiguration.FromString(again.body).virtual_hosts[0].name == "x"


def test_what_is_not_of_the_type_raises() -> None:
    with pytest.raises(json_format.ParseError):
        ENCODER.encode(CLUSTER, "c", "1", {"name": "c", "nonsense": 1})
