"""Nobody grants what they do not hold: the check of every write to roles and bindings.

Who holds the verb ``escalate`` on a role, or ``bind`` on the role of a binding, may all the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from alcove.embedded import faults
from alcove.embedded.identity import rbac, users
from alcove.embedded.identity.rules import EVERYTHING, Rule, describe_rule, missing_rules, parse_rules, quoted
from alcove.embedded.objects import Object, metadata
from alcove.embedded.ports import AdmissionRequest, Attributes, ClusterReader, UserInfo

_BINDINGS = ("rolebindings", "clusterrolebindings")
_ROLES = ("roles", "clusterroles")
_COLLECTION_FIELDS = ("ownerReferences", "finalizers", "resourceVersion", "generation", "managedFields")


class EscalationGuard:
    """Refuses writes that would give more than the writer has."""

    def __init__(self, authorizer: rbac.RbacAuthorizer, reader: ClusterReader) -> None:
        """Compare with the rules that ``authorizer`` knows; find bound roles through ``reader``."""
        self._authorizer = authorizer
        self._reader = reader

    def __call__(self, request: AdmissionRequest) -> None:
        """Check one write; anything but creates and updates of RBAC objects passes.

        Raises:
            ApiError: 403 with the rights that are missing; 404 when a binding's role does not exist.
        """
        kind, item = request.resource_type, request.object
        if kind.group != rbac.GROUP or item is None or request.operation not in ("CREATE", "UPDATE"):
            return
        if users.MASTERS in request.user.groups or not _changed(item, request.old):
            return
        if kind.plural in _ROLES:
            self._check_role(request, item)
        elif kind.plural in _BINDINGS:
            self._check_binding(request, item)

    def _check_role(self, request: AdmissionRequest, role: Object) -> None:
        if self._may(request, "escalate", request.resource_type.plural, request.name):
            return
        resource = request.resource_type.resource
        missing = self._missing(request.user, request.namespace, parse_rules(role.get("rules")))
        if missing:
            raise faults.forbidden(resource, request.name, _attempt(request.user, missing))
        gathers = role.get("aggregationRule") or (request.old or {}).get("aggregationRule")
        if gathers and self._missing(request.user, request.namespace, EVERYTHING):
            why = "must have cluster-admin privileges to use the aggregationRule"
            raise faults.forbidden(resource, request.name, why)

    def _check_binding(self, request: AdmissionRequest, binding: Object) -> None:
        reference = binding.get("roleRef") or {}
        kind, name = reference.get("kind", ""), reference.get("name", "")
        if self._may(request, "bind", "roles" if kind == "Role" else "clusterroles", name):
            return
        granted = rbac.role_rules(self._reader, kind, request.namespace, name)
        missing = self._missing(request.user, request.namespace, granted)
        if missing:
            resource = request.resource_type.resource
            raise faults.forbidden(resource, request.name, _attempt(request.user, missing))

    def _may(self, request: AdmissionRequest, verb: str, plural: str, name: str) -> bool:
        asked = Attributes(
            user=request.user,
            verb=verb,
            group=rbac.GROUP,
            version="v1",
            resource=plural,
            namespace=request.namespace,
            name=name,
        )
        return self._authorizer.authorize(asked).allowed

    def _missing(self, user: UserInfo, namespace: str, wanted: Sequence[Rule]) -> list[Rule]:
        return missing_rules(self._authorizer.rules_for(user, namespace), wanted)


def _changed(item: Object, old: Object | None) -> bool:
    """Tell whether a write changes more than what the garbage collector must be able to.

    Labels count: by them a role is gathered into others.
    """
    return old is None or _without_collection(item) != _without_collection(old)


def _without_collection(item: Object) -> Object:
    kept = {key: value for key, value in metadata(item).items() if key not in _COLLECTION_FIELDS}
    return item | {"metadata": kept}


def _attempt(user: UserInfo, missing: Sequence[Rule]) -> str:
    told = "\n".join(sorted({describe_rule(rule) for rule in missing}))
    return (
        f'user "{user.name}" (groups={quoted(user.groups)}) is attempting to grant RBAC permissions '
        f"not currently held:\n{told}"
    )
