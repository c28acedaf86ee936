"""CustomResourceDefinitions: one that is deleted takes its objects with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from alcove.embedded.controllers.actions import NOTHING, Plan, delete_of
from alcove.embedded.controllers.driver import Controller
from alcove.embedded.controllers.ownership import without_finalizer
from alcove.embedded.objects import GroupResource, Object, ObjectKey, WatchEvent, metadata
from alcove.embedded.ports import ClusterReader

DEFINITIONS = GroupResource("customresourcedefinitions.apiextensions.k8s.io")
FINALIZER = "customresourcecleanup.apiextensions.k8s.io"


def definitions(api: ClusterReader) -> Controller:
    """Give the controller that clears up behind deleted CustomResourceDefinitions."""

    def keys(event: WatchEvent) -> Iterable[ObjectKey]:
        if event.resource == DEFINITIONS:
            return (ObjectKey(DEFINITIONS, "", metadata(event.object)["name"]),)
        # A definition is named like the resource that it defines.
        if event.type != "DELETED" or api.get(DEFINITIONS, "", event.resource) is None:
            return ()
        return (ObjectKey(DEFINITIONS, "", event.resource),)

    def plan(key: ObjectKey, now: float) -> Plan:
        definition = api.get(*key)
        if definition is None:
            return NOTHING
        return plan_definition(definition, api.list(GroupResource(key.name)))

    return Controller("customresource-cleanup-controller", (), keys, plan)


def plan_definition(definition: Object, items: Sequence[Object]) -> Plan:
    """Delete the objects of a definition that is to go; the API's finalizer holds it until they are gone."""
    meta = metadata(definition)
    if "deletionTimestamp" not in meta or FINALIZER not in (meta.get("finalizers") or ()):
        return NOTHING
    if not items:
        return Plan([without_finalizer(DEFINITIONS, definition, FINALIZER)])
    resource = GroupResource(meta["name"])
    return Plan([delete_of(resource, one) for one in items if "deletionTimestamp" not in metadata(one)])
