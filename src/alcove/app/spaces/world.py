"""The namespaces of a cluster as one user sees them, and the tree of spaces that they make."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from alcove import errors
from alcove.admission import facts
from alcove.admission.markers import PARENT_LABEL, SPACE_LABEL, labels_of, mapping
from alcove.app.spaces.paths import SpacePath
from alcove.kube.client import Object
from alcove.model import Space, SpaceName
from alcove.spaces.tree import SpaceTree, plan_tree


@dataclass(frozen=True, slots=True)
class World:
    """What is known; made by ``make_world``."""

    namespaces: Mapping[str, Object]
    """Every namespace that was seen, by name."""
    hidden: frozenset[str] = frozenset()
    """Names that were asked for and may not be seen: whether they exist is not known."""
    complete: bool = True
    """Whether nothing but ``namespaces`` exists; if not, children and other spaces may be missing."""
    tree: SpaceTree = field(default_factory=lambda: plan_tree(()))
    """The spaces; a hidden parent is taken for a space and a root."""

    @property
    def spaces(self) -> tuple[SpaceName, ...]:
        """The spaces that were seen, by path."""
        seen = (name for name in self.tree.parents if name not in self.hidden)
        return tuple(sorted(seen, key=lambda name: self.tree.path(name).split("/")))

    def is_space(self, name: str) -> bool:
        """Tell whether a namespace was seen that is a space."""
        return SpaceName(name) in self.tree.parents and name not in self.hidden

    def labelled_parent(self, name: str) -> SpaceName | None:
        """Give the parent that a namespace names, whether or not it counts."""
        return parent_of(self.namespaces.get(name, {}))

    def ending(self, name: str) -> bool:
        """Tell whether a namespace is being deleted."""
        return "deletionTimestamp" in mapping(self.namespaces.get(name, {}), "metadata")

    def mesh(self, name: str) -> str:
        """Give the service mesh that injects into a space's pods, empty for none."""
        found = facts.observe_spaces([self.namespaces[name]]).get(name)
        return found.mesh if found else ""

    def unseen_root(self, name: SpaceName) -> SpaceName | None:
        """Give the ancestor above which nothing is known, None when the whole path is."""
        root = self.tree.root(name)
        return root if root in self.hidden else None


def make_world(namespaces: Iterable[Object], *, hidden: Iterable[str] = (), complete: bool = True) -> World:
    """Make the world of what was seen; the order does not matter."""
    seen = {str(mapping(one, "metadata").get("name", "")): one for one in namespaces}
    veiled = frozenset(hidden) - seen.keys()
    labelled = {
        SpaceName(name): parent_of(one)
        for name, one in seen.items()
        if labels_of(one).get(SPACE_LABEL) == "true"
    }
    assumed = {SpaceName(name): None for name in veiled if name in labelled.values()}
    tree = plan_tree(Space(name, parent) for name, parent in {**assumed, **labelled}.items())
    return World(seen, veiled, complete, tree)


def with_namespace(world: World, namespace: Object) -> World:
    """Give the world as it will be with a namespace made or changed."""
    name = str(mapping(namespace, "metadata").get("name", ""))
    others = {**world.namespaces, name: namespace}
    return make_world(others.values(), hidden=world.hidden, complete=world.complete)


def without_space(world: World, name: str) -> World:
    """Give the world as it will be once a space is no longer there."""
    others = [one for other, one in world.namespaces.items() if other != name]
    return make_world(others, hidden=world.hidden, complete=world.complete)


def locate(world: World, path: SpacePath) -> SpaceName:
    """Give the space that a user means.

    Raises:
        ConflictError: there is none, it may not be seen, or it is somewhere else in the tree.
    """
    if not world.is_space(path.name):
        raise _no_space(world, path)
    check_place(world, path)
    return path.name


def check_place(world: World, path: SpacePath) -> None:
    """Refuse a path that does not agree with the tree; the upper end of a path may be left out.

    Raises:
        ConflictError: with the real path.
    """
    real, written = world.tree.path(path.name), str(path)
    known = f"/{real}".endswith(f"/{written}")
    beyond = world.unseen_root(path.name) is not None and f"/{written}".endswith(f"/{real}")
    if not known and not beyond:
        raise errors.ConflictError(
            f"there is no space {written!r}",
            cause=f"the path of {str(path.name)!r} is {real!r}",
            hint=f"write {real!r}, or just {str(path.name)!r}",
        )


def parent_of(namespace: Mapping[str, object]) -> SpaceName | None:
    """Give the parent that a namespace names."""
    named = labels_of(namespace).get(PARENT_LABEL)
    return SpaceName(named) if named else None


def _no_space(world: World, path: SpacePath) -> errors.ConflictError:
    name = str(path.name)
    if name in world.hidden:
        return errors.ConflictError(
            f"you may not see the namespace {name!r}",
            cause="whether it exists and is a space is not known",
            hint=f"ask its owner: kubectl create rolebinding YOU --clusterrole=admin --user=YOU -n {name}",
        )
    if name in world.namespaces:
        return errors.ConflictError(
            f"the namespace {name!r} is no space", hint=f"make it one: alcove space create {path}"
        )
    near = difflib.get_close_matches(name, map(str, world.spaces), n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"make it: alcove space create {path}"
    return errors.ConflictError(f"there is no space {name!r}", hint=hint)
