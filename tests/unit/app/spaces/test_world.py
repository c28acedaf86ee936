"""What is known of the tree, and which space a path means."""

from __future__ import annotations

import pytest
from tests.unit.app.spaces.worlds import FAMILY, namespace, world_of

from alcove.app.spaces.paths import parse_path
from alcove.app.spaces.world import locate
from alcove.errors import ConflictError


@pytest.mark.parametrize("text", ["alice", "team/alice", "dev/team/alice"])
def test_the_upper_end_of_a_path_may_be_left_out(text: str) -> None:
    assert locate(world_of(*FAMILY), parse_path(text)) == "alice"


@pytest.mark.parametrize(
    ("text", "message", "more"),
    [
        ("dev/alice", "no space 'dev/alice'", "'dev/team/alice'"),
        ("other/dev/team/alice", "no space 'other/dev/team/alice'", "'dev/team/alice'"),
        ("plain", "'plain' is no space", "alcove space create plain"),
        ("alise", "no space 'alise'", "did you mean 'alice'?"),
        ("zebra", "no space 'zebra'", "alcove space create zebra"),
    ],
)
def test_a_path_that_does_not_agree_is_refused_with_what_is_true(text: str, message: str, more: str) -> None:
    with pytest.raises(ConflictError) as caught:
        locate(world_of(*FAMILY), parse_path(text))
    assert message in caught.value.message and more in caught.value.cause + caught.value.hint


def test_spaces_are_listed_below_their_parents() -> None:
    spaces = [namespace("a-b"), namespace("a"), namespace("z", "a"), namespace("b", "a-b")]
    assert world_of(*spaces).spaces == ("a", "z", "a-b", "b")


def test_a_label_with_another_value_makes_no_space() -> None:
    item = namespace("dev")
    item["metadata"]["labels"]["azds.io/space"] = "false"
    assert not world_of(item).is_space("dev")


def test_a_hidden_parent_counts_as_one_whose_ancestors_are_not_known() -> None:
    world = world_of(namespace("alice", "team"), hidden=["team", "other"], complete=False)
    assert world.spaces == ("alice",) and not world.tree.faults
    assert world.tree.path(locate(world, parse_path("alice"))) == "team/alice"
    assert locate(world, parse_path("dev/team/alice")) == "alice"
    with pytest.raises(ConflictError):
        locate(world, parse_path("dev/alice"))


def test_a_hidden_namespace_is_neither_there_nor_absent() -> None:
    with pytest.raises(ConflictError, match="may not see") as caught:
        locate(world_of(hidden=["team"], complete=False), parse_path("team"))
    assert "not known" in caught.value.cause
