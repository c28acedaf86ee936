"""The bytes put together by hand are what the generated code reads."""

from __future__ import annotations

from envoy.service.discovery.v3 import discovery_pb2
from hypothesis import given
from hypothesis import strategies as st

from alcove.xds.resources import Resource
from alcove.xds.stream import Response

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
bodies = st.binary(max_size=40) | st.integers(100, 70_000).map(bytes)
resources = st.builds(Resource, texts, texts, texts, bodies)


@given(texts, texts, texts, st.lists(resources, max_size=4), st.lists(texts, max_size=4))
def test_a_response_is_read_as_it_was_meant(
    type_url: str, nonce: str, version: str, entries: list[Resource], removed: list[str]
) -> None:
    response = Response(type_url, nonce, version, tuple(entries), tuple(removed))
    # Equal versions of a name promise equal bodies, which random resources do not keep.
    read = discovery_pb2.DeltaDiscoveryResponse.FromString(response.encode())
    assert (read.type_url, read.nonce, read.system_version_info) == (type_url, nonce, version)
    assert list(read.removed_resources) == removed
    assert [(r.resource.type_url, r.name, r.version) for r in read.resources] == [
        (r.type_url, r.name, r.version) for r in entries
    ]


@given(resources)
def test_bodies_arrive_whole(resource: Resource) -> None:
    response = discovery_pb2.DeltaDiscoveryResponse()
    response.MergeFromString(resource.head + resource.body)
    assert response.resources[0].resource.value == resource.body


def test_streams_that_are_told_the_same_share_the_bytes() -> None:
    def once() -> Response:
        return Response("t", "n", "", (Resource("t", "a", "1", b"body"),))

    assert once().encode() is once().encode()
