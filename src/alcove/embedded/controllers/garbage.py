"""Garbage collection by owner references: in the background, in the foreground, or not at all (orphans).

An index of who names whom as owner, by uid, is kept from the watch of every resource. Whether an owner
lives is always asked of the API, whose memory is never behind.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from alcove.embedded.controllers.actions import NOTHING, Action, Notice, Plan, Tell, delete_of
from alcove.embedded.controllers.driver import Controller
from alcove.embedded.controllers.ownership import release, without_finalizer
from alcove.embedded.objects import GroupResource, Object, ObjectKey, WatchEvent, metadata
from alcove.embedded.ports import Catalog, ClusterReader

Reference = dict[str, Any]
"""An entry of ``metadata.ownerReferences``."""

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"

_REMEMBERED_GONE = 4096


class OwnerIndex:
    """Which objects name an owner of a given uid, and which owners were seen to go."""

    def __init__(self) -> None:
        """Begin empty."""
        self._references: dict[ObjectKey, Sequence[Reference]] = {}
        self._dependents: dict[str, set[ObjectKey]] = {}
        self._gone: OrderedDict[str, None] = OrderedDict()

    def observe(self, key: ObjectKey, references: Sequence[Reference]) -> Sequence[Reference]:
        """Note the references that an object has now; give those that it had."""
        before = self._references.pop(key, ())
        if references:
            self._references[key] = references
        if references != before:
            for reference in before:
                self._forget(str(reference.get("uid")), key)
            for reference in references:
                self._dependents.setdefault(str(reference.get("uid")), set()).add(key)
        return before

    def _forget(self, uid: str, key: ObjectKey) -> None:
        if (keys := self._dependents.get(uid)) is not None:
            keys.discard(key)
            if not keys:
                del self._dependents[uid]

    def dependents(self, uid: str) -> Sequence[ObjectKey]:
        """Give the objects that name this owner, in order."""
        return sorted(self._dependents.get(uid, ()))

    def bury(self, uid: str) -> None:
        """Note that an owner is gone: its kind may be gone, too, when its dependents are looked at."""
        self._gone[uid] = None
        if len(self._gone) > _REMEMBERED_GONE:
            self._gone.popitem(last=False)

    def is_gone(self, uid: str) -> bool:
        """Whether the owner was seen to go."""
        return uid in self._gone


def garbage(api: ClusterReader, catalog: Catalog) -> Controller:
    """Give the garbage collector."""
    index = OwnerIndex()

    def resolve(reference: Reference, namespace: str) -> Owner:
        if index.is_gone(str(reference.get("uid"))):
            return Owner("absent")
        return _resolve(api, catalog, reference, namespace)

    def plan(key: ObjectKey, now: float) -> Plan:
        if (item := api.get(*key)) is None:
            return NOTHING
        found = [(one, api.get(*one)) for one in index.dependents(metadata(item)["uid"])]
        dependents = [(one.resource, dependent) for one, dependent in found if dependent is not None]
        return plan_garbage(key.resource, item, dependents=dependents, resolve=resolve)

    return Controller(
        "garbage-collector-controller", (), lambda event: _keys(api, catalog, index, event), plan
    )


def _keys(api: ClusterReader, catalog: Catalog, index: OwnerIndex, event: WatchEvent) -> Iterable[ObjectKey]:
    meta = metadata(event.object)
    key = ObjectKey(event.resource, meta.get("namespace", ""), meta["name"])
    gone = event.type == "DELETED"
    references = () if gone else meta.get("ownerReferences") or ()
    before = index.observe(key, references)
    found = list(index.dependents(meta["uid"])) if gone or _is_waiting(event.object) else []
    if gone and found:
        index.bury(meta["uid"])
    if not gone and (_is_waiting(event.object) or (references and references != before)):
        found.append(key)
    if before and (gone or references != before):
        found += _waiting_owners(api, catalog, key, before)
    return found


def _is_waiting(item: Object) -> bool:
    meta = metadata(item)
    return "deletionTimestamp" in meta and not {FOREGROUND, ORPHAN}.isdisjoint(meta.get("finalizers") or ())


def _waiting_owners(
    api: ClusterReader, catalog: Catalog, key: ObjectKey, references: Iterable[Reference]
) -> list[ObjectKey]:
    """Give the owners that wait for a dependent like this to be gone."""
    found = []
    for reference in references:
        owner = _owner_key(catalog, reference, key.namespace)
        item = api.get(*owner) if owner else None
        if owner and item and _is_waiting(item):
            found.append(owner)
    return found


def _owner_key(catalog: Catalog, reference: Reference, namespace: str) -> ObjectKey | None:
    group, _, version = str(reference.get("apiVersion", "")).rpartition("/")
    kind = catalog.for_kind(group, version, str(reference.get("kind", "")))
    if kind is None or (kind.namespaced and not namespace):
        return None
    return ObjectKey(kind.resource, namespace if kind.namespaced else "", str(reference.get("name", "")))


@dataclass(frozen=True, slots=True)
class Owner:
    """What became of an owner."""

    state: str
    """``alive``, ``waiting`` (in foreground deletion), ``absent``, or ``unknown`` (no such kind here)."""
    elsewhere: bool = False
    """It lives in another namespace, from which it cannot own."""


def _resolve(api: ClusterReader, catalog: Catalog, reference: Reference, namespace: str) -> Owner:
    key = _owner_key(catalog, reference, namespace)
    if key is None:
        group, _, version = str(reference.get("apiVersion", "")).rpartition("/")
        known = catalog.for_kind(group, version, str(reference.get("kind", "")))
        return Owner("unknown", elsewhere=known is not None)
    uid = reference.get("uid")
    item = api.get(*key)
    if item is None or metadata(item)["uid"] != uid:
        others = api.list(key.resource) if key.namespace and item is None else ()
        return Owner("absent", any(metadata(one)["uid"] == uid for one in others))
    meta = metadata(item)
    waits = "deletionTimestamp" in meta and FOREGROUND in (meta.get("finalizers") or ())
    return Owner("waiting" if waits else "alive")


def plan_garbage(
    resource: GroupResource,
    item: Object,
    *,
    dependents: Sequence[tuple[GroupResource, Object]],
    resolve: Callable[[Reference, str], Owner],
) -> Plan:
    """Decide about one object: as an owner that waits for its dependents, or as a dependent of its owners."""
    meta = metadata(item)
    finalizers = meta.get("finalizers") or ()
    if "deletionTimestamp" in meta:
        if ORPHAN in finalizers:
            freed = [release(one, dependent, meta["uid"]) for one, dependent in dependents]
            return Plan([*freed, without_finalizer(resource, item, ORPHAN)])
        if FOREGROUND in finalizers:
            return _plan_foreground(resource, item, dependents)
        return NOTHING
    return _plan_dependent(resource, item, has_dependents=bool(dependents), resolve=resolve)


def _plan_foreground(
    resource: GroupResource, item: Object, dependents: Sequence[tuple[GroupResource, Object]]
) -> Plan:
    # The dependents themselves decide about their deletion: they may have other owners.
    uid = metadata(item)["uid"]
    if any(_blocks(dependent, uid) for _, dependent in dependents):
        return NOTHING
    return Plan([without_finalizer(resource, item, FOREGROUND)])


def _blocks(dependent: Object, uid: str) -> bool:
    references = metadata(dependent).get("ownerReferences") or ()
    return any(one.get("uid") == uid and one.get("blockOwnerDeletion") for one in references)


def _plan_dependent(
    resource: GroupResource,
    item: Object,
    *,
    has_dependents: bool,
    resolve: Callable[[Reference, str], Owner],
) -> Plan:
    meta = metadata(item)
    references = meta.get("ownerReferences") or []
    owners = [(one, resolve(one, meta.get("namespace", ""))) for one in references]
    actions: list[Action] = [Tell(_misplaced(item, one)) for one, owner in owners if owner.elsewhere]
    if not references:
        return NOTHING
    states = {owner.state for _, owner in owners}
    dead = [str(one.get("uid")) for one, owner in owners if owner.state in ("absent", "waiting")]
    if states & {"alive", "unknown"}:
        if dead and "alive" in states:
            actions.append(release(resource, item, *dead))
        return Plan(actions)
    policy = "Foreground" if "waiting" in states and has_dependents else "Background"
    finalizers = meta.get("finalizers") or ()
    if ORPHAN in finalizers:
        policy = "Orphan"
    elif FOREGROUND in finalizers:
        policy = "Foreground"
    return Plan([*actions, delete_of(resource, item, propagation=policy)])


def _misplaced(item: Object, reference: Reference) -> Notice:
    namespace = metadata(item).get("namespace", "")
    shown = ", ".join(f"{key}: {reference.get(key)}" for key in ("apiVersion", "kind", "name", "uid"))
    text = f'ownerRef [{shown}] does not exist in namespace "{namespace}"'
    return Notice(item, "OwnerRefInvalidNamespace", text, "Warning")
