"""The tree of spaces."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.spaces.worlds import any_spaces, make_tree

from alcove.model import Space, SpaceName
from alcove.spaces.tree import Fault, plan_tree


def test_a_chain_leads_from_a_space_to_its_root() -> None:
    tree = make_tree(a="", b="a", c="b", d="c", e="d")
    assert tree.chain(SpaceName("e")) == ("e", "d", "c", "b", "a")
    assert tree.path(SpaceName("c")) == "a/b/c"
    assert tree.descendants(SpaceName("b")) == ("c", "d", "e")
    assert tree.children(SpaceName("a")) == ("b",)
    assert tree.chain(SpaceName("nobody")) == ()


@pytest.mark.parametrize(
    ("parents", "faults"),
    [
        ({"a": "a"}, {"a": Fault.CYCLE}),
        ({"a": "b", "b": "a"}, {"a": Fault.CYCLE, "b": Fault.CYCLE}),
        ({"a": "b", "b": "a", "c": "a"}, {"a": Fault.CYCLE, "b": Fault.CYCLE}),
        ({"a": "gone"}, {"a": Fault.UNKNOWN_PARENT}),
        ({"a": "gone", "b": "a"}, {"a": Fault.UNKNOWN_PARENT}),
    ],
)
def test_a_parent_that_does_not_count_makes_a_root_and_is_told(
    parents: dict[str, str], faults: dict[str, Fault]
) -> None:
    tree = make_tree(**parents)
    assert tree.faults == faults
    assert all(tree.root(SpaceName(name)) == name for name in faults)


@given(any_spaces)
def test_every_chain_ends_at_a_root(spaces: list[Space]) -> None:
    tree = plan_tree(spaces)
    for name in tree.parents:
        chain = tree.chain(name)
        assert len(set(chain)) == len(chain)
        assert tree.parents[chain[-1]] is None


@given(any_spaces, st.randoms())
def test_the_order_of_the_spaces_does_not_matter(spaces: list[Space], source: random.Random) -> None:
    shuffled = list(spaces)
    source.shuffle(shuffled)
    assert plan_tree(shuffled) == plan_tree(spaces)
