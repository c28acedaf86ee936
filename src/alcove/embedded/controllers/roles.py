"""ClusterRoles that collect the rules of others (``aggregationRule``)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from alcove.embedded.controllers.actions import NOTHING, Plan, patch_of
from alcove.embedded.controllers.driver import Controller
from alcove.embedded.labels import selects
from alcove.embedded.objects import GroupResource, Object, ObjectKey, WatchEvent, labels_of, metadata
from alcove.embedded.ports import ClusterReader

CLUSTER_ROLES = GroupResource("clusterroles.rbac.authorization.k8s.io")


def cluster_roles(api: ClusterReader) -> Controller:
    """Give the controller that aggregates ClusterRoles."""

    def keys(event: WatchEvent) -> Iterable[ObjectKey]:
        return [
            ObjectKey(CLUSTER_ROLES, "", metadata(one)["name"])
            for one in api.list(CLUSTER_ROLES)
            if one.get("aggregationRule") and _collects(one, event.object)
        ]

    def plan(key: ObjectKey, now: float) -> Plan:
        role = api.get(*key)
        return NOTHING if role is None else plan_aggregation(role, api.list(CLUSTER_ROLES))

    return Controller("clusterrole-aggregation-controller", (CLUSTER_ROLES,), keys, plan)


def _collects(role: Object, other: Object) -> bool:
    selectors = role["aggregationRule"].get("clusterRoleSelectors") or ()
    itself = metadata(role)["name"] == metadata(other)["name"]
    return itself or any(selects(selector, labels_of(other)) for selector in selectors)


def plan_aggregation(role: Object, roles: Sequence[Object]) -> Plan:
    """Give the role the rules of those that it selects, each once, in the order of their names."""
    if not role.get("aggregationRule"):
        return NOTHING
    name = metadata(role)["name"]
    rules: list[Object] = []
    for other in sorted(roles, key=lambda one: str(metadata(one)["name"])):
        if metadata(other)["name"] != name and _collects(role, other):
            rules += [rule for rule in other.get("rules") or () if rule not in rules]
    if rules == (role.get("rules") or []):
        return NOTHING
    return Plan([patch_of(CLUSTER_ROLES, role, {"rules": rules})])
