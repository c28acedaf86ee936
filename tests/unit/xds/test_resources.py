from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.xds.proxies import resource

from alcove.xds.resources import CLUSTER, ROUTES, Resource, Snapshot

entries = st.lists(
    st.builds(resource, st.sampled_from((CLUSTER, ROUTES)), st.text(max_size=3), st.text(max_size=3)),
    unique_by=lambda r: (r.type_url, r.name),
    max_size=6,
)


@given(entries, st.randoms())
def test_the_order_of_resources_does_not_matter(given: list[Resource], random: object) -> None:
    shuffled = sorted(given, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert Snapshot(given).version == Snapshot(shuffled).version
    assert Snapshot(given) == Snapshot(shuffled)


@given(entries, entries)
def test_equal_version_means_equal_content(one: list[Resource], other: list[Resource]) -> None:
    assert (Snapshot(one).version == Snapshot(other).version) == (Snapshot(one) == Snapshot(other))


def test_a_version_is_a_hash_of_the_body() -> None:
    same = {Resource.from_body(CLUSTER, "a", b"body").version for _ in range(2)}
    assert len(same) == 1
    assert Resource.from_body(CLUSTER, "a", b"other").version not in same


def test_a_snapshot_holds_a_name_once() -> None:
    with pytest.raises(ValueError, match="called 'a'"):
        Snapshot([resource(CLUSTER, "a"), resource(CLUSTER, "a", "2")])


def test_a_snapshot_is_a_mapping_of_types() -> None:
    snapshot = Snapshot([resource(CLUSTER, "a")])
    assert list(snapshot) == [CLUSTER]
    assert snapshot[CLUSTER]["a"].body == b"a@1"
    assert snapshot.of_type(ROUTES) == {}
    assert "Cluster: 1" in repr(snapshot)
