"""Random and hand-made worlds for the rules of spaces."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st

from alcove.model import Service, ServiceName, Space, SpaceName
from alcove.spaces.resolve import Services
from alcove.spaces.tree import SpaceTree, plan_tree

NAMES = [SpaceName(letter) for letter in "abcdef"]
SERVICES = [ServiceName(name) for name in ("web", "api", "db")]


def make_tree(**parents: str) -> SpaceTree:
    """Give a tree; an empty parent makes a root."""
    return plan_tree(
        Space(SpaceName(name), SpaceName(parent) if parent else None) for name, parent in parents.items()
    )


def make_services(**spaces: str) -> Services:
    """Give the services of each space, as words."""
    return {
        (SpaceName(space), ServiceName(name)): Service(SpaceName(space), ServiceName(name), ("10.0.0.1",))
        for space, names in spaces.items()
        for name in names.split()
    }


any_spaces: st.SearchStrategy[list[Space]] = st.dictionaries(
    st.sampled_from(NAMES), st.none() | st.sampled_from([*NAMES, SpaceName("gone")]), max_size=len(NAMES)
).map(lambda parents: [Space(name, parent) for name, parent in parents.items()])

any_services: st.SearchStrategy[Services] = st.sets(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(SERVICES))
).map(lambda keys: {key: Service(key[0], key[1], ("10.0.0.1",)) for key in keys})

Parents = Mapping[str, str]
