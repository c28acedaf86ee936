"""Prefixed copies of Ingresses whose class is another controller's: plans, and nothing but plans.

Every Ingress of a space gets a copy for each space below, beside it in its own namespace, where its Services
are: the copy leads to the same Services by hosts with the space's prefix, and the proxy at the destination
derives the route key from the host. A copy belongs to its original (owner reference) and goes with it.

What a copy should be is a function of the originals and the tree. It is written when it is not there, when it
was made of something else (a digest in an annotation says of what) or when its spec was changed by others.
What other controllers write into a copy's annotations stays until the copy is written anew.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from alcove.admission.markers import Object, mapping
from alcove.app.gateway import naming
from alcove.app.gateway.bodies import is_copy, is_current, is_ending, render_copy, render_patch
from alcove.app.gateway.prefixing import UnfitError, prefix_annotations, prefix_spec
from alcove.app.observation.entries import CLASSES, find_class
from alcove.app.observation.reports import Complain, Report, Reporter, text
from alcove.kube.client import object_key
from alcove.model import SpaceName
from alcove.spaces.tree import SpaceTree


@dataclass(frozen=True, slots=True)
class CopyAction:
    """One write to an Ingress that is a copy."""

    verb: Literal["create", "patch", "delete"]
    namespace: str
    name: str
    body: Object | None = None
    """The object to create, or the merge patch."""
    uid: str = ""
    """The copy that was meant, when another object of its name must not be deleted."""


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """What to do, and what is not copied and why."""

    actions: tuple[CopyAction, ...] = ()
    reports: tuple[Report, ...] = ()


@dataclass(frozen=True, slots=True)
class _Draft:
    """A copy that should exist; it has no name yet."""

    original: Object
    space: SpaceName
    spec: Object


@dataclass(frozen=True, slots=True)
class _Hosts:
    """Who has which host by itself, as ``NAMESPACE/NAME``."""

    tree: SpaceTree
    every: dict[str, str]
    foreign: Mapping[SpaceName, Mapping[str, str]]
    """Of the Ingresses that have copies, by space."""

    def claimed(self, home: SpaceName, space: SpaceName) -> Mapping[str, str]:
        """Give the hosts that the copy for ``space`` of an Ingress of ``home`` must not have.

        Those that an Ingress has by itself, and those that come from an Ingress of a space that is nearer.
        """
        chain = self.tree.chain(space)
        nearer = {
            f"{space}.s.{host}": name
            for each in reversed(chain[1 : chain.index(home)])
            for host, name in self.foreign.get(each, {}).items()
        }
        return ChainMap(nearer, self.every) if nearer else self.every


def plan_copies(ingresses: Iterable[object], tree: SpaceTree) -> CopyPlan:
    """Plan what makes the copies as they should be; the order of the Ingresses does not matter.

    Args:
        ingresses: All that the cluster has, copies among them.
        tree: The spaces.
    """
    known = sorted((each for each in ingresses if isinstance(each, dict)), key=object_key)
    existing = {object_key(each): each for each in known if is_copy(each)}
    originals = [each for each in known if not is_copy(each) and object_key(each)[0] in tree.parents]
    reporter, hosts = Reporter(), _observe_hosts(originals, tree)
    drafts = [
        draft
        for original in originals
        if _is_foreign(original)
        for draft in _draft_all(original, hosts, reporter.about("Ingress", original))
    ]
    wanted = _named(drafts, {object_key(each) for each in known if not is_copy(each)})
    actions = [*_missing(wanted, existing), *_superfluous(wanted, existing)]
    return CopyPlan(tuple(sorted(actions, key=_order)), reporter.reports)


def _is_foreign(item: Object) -> bool:
    return find_class(item) not in CLASSES and not is_ending(item)


def _observe_hosts(originals: Sequence[Object], tree: SpaceTree) -> _Hosts:
    every: dict[str, str] = {}
    foreign: dict[SpaceName, dict[str, str]] = {}
    for item in originals:
        rules = mapping(item, "spec").get("rules")
        for rule in rules if isinstance(rules, list) else ():
            host = text(rule.get("host")).lower() if isinstance(rule, dict) else ""
            if host:
                every.setdefault(host, "/".join(object_key(item)))
                if _is_foreign(item):
                    space = foreign.setdefault(SpaceName(object_key(item)[0]), {})
                    space.setdefault(host, "/".join(object_key(item)))
    return _Hosts(tree, every, foreign)


def _draft_all(original: Object, hosts: _Hosts, complain: Complain) -> Iterator[_Draft]:
    home = SpaceName(object_key(original)[0])
    for space in hosts.tree.descendants(home):
        try:
            spec = prefix_spec(original, space, hosts.claimed(home, space), complain)
        except UnfitError as error:
            complain(str(error))
            return
        if spec.get("rules"):
            yield _Draft(original, space, spec)


def _named(drafts: Sequence[_Draft], taken: set[tuple[str, str]]) -> Mapping[tuple[str, str], Object]:
    """Give the copies by namespace and name; where two would have one name, both have a digest in it."""
    plain: dict[tuple[str, str], list[_Draft]] = {}
    for draft in drafts:
        namespace, name = object_key(draft.original)
        plain.setdefault((namespace, naming.name_copy(name, draft.space)), []).append(draft)
    found: dict[tuple[str, str], Object] = {}
    for (namespace, short), same in plain.items():
        distinct = len(same) > 1 or (namespace, short) in taken
        for draft in same:
            original, space = draft.original, draft.space
            name = naming.name_copy(object_key(original)[1], space, distinct=distinct)
            content = prefix_annotations(original, space), draft.spec
            found[namespace, name] = render_copy(original, name, space, content)
    return found


def _missing(
    wanted: Mapping[tuple[str, str], Object], existing: Mapping[tuple[str, str], Object]
) -> Iterator[CopyAction]:
    for key, made in wanted.items():
        found = existing.get(key)
        if found is None:
            yield CopyAction("create", *key, body=made)
        elif not is_ending(found) and not is_current(made, found):
            yield CopyAction("patch", *key, body=render_patch(made, found))


def _superfluous(
    wanted: Mapping[tuple[str, str], Object], existing: Mapping[tuple[str, str], Object]
) -> Iterator[CopyAction]:
    for key, found in existing.items():
        if key not in wanted and not is_ending(found):
            yield CopyAction("delete", *key, uid=text(mapping(found, "metadata").get("uid")))


def _order(action: CopyAction) -> tuple[bool, str, str]:
    """Deletions come first: a host must not be in two Ingresses, not even for a moment."""
    return (action.verb != "delete", action.namespace, action.name)
