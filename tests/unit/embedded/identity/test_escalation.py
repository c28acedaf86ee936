from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from alcove.embedded.faults import ApiError
from alcove.embedded.identity.bootstrap import parse_lines
from alcove.embedded.identity.escalation import EscalationGuard
from alcove.embedded.objects import Object, ResourceType
from alcove.embedded.ports import AdmissionRequest, UserInfo

if TYPE_CHECKING:
    from tests.unit.embedded.identity.conftest import Policy

GROUP = "rbac.authorization.k8s.io"
JANE = UserInfo("jane", ("system:authenticated",))
AS_JANE = {"kind": "User", "name": "jane"}


def write(kind: str, item: Object, *, old: Object | None = None, user: UserInfo = JANE) -> AdmissionRequest:
    namespace = "" if kind.startswith("Cluster") else "dev"
    plural = f"{kind.lower()}s"
    resource_type = ResourceType(GROUP, "v1", kind, plural, kind.lower(), bool(namespace), ())
    operation = "CREATE" if old is None else "UPDATE"
    return AdmissionRequest(operation, resource_type, "", namespace, "new", item, old, user)


def role(*lines: str) -> Object:
    return {"metadata": {"name": "new"}, "rules": parse_lines(lines)}


def binding(name: str, kind: str = "ClusterRole") -> Object:
    return {"metadata": {"name": "new"}, "roleRef": {"kind": kind, "name": name}, "subjects": [AS_JANE]}


def refusal(policy: Policy, request: AdmissionRequest) -> str:
    try:
        EscalationGuard(policy.authorizer, policy.cluster)(request)
    except ApiError as error:
        assert error.code == 403
        return error.message
    return ""


def test_a_role_with_more_rights_than_ones_own_is_refused(policy: Policy) -> None:
    policy.bind("edit", AS_JANE, namespace="dev")
    assert refusal(policy, write("Role", role("core | pods | get delete"))) == ""
    assert refusal(policy, write("Role", role("core | nodes pods | get"))) == (
        'roles.rbac.authorization.k8s.io "new" is forbidden: user "jane" (groups=["system:authenticated"]) '
        "is attempting to grant RBAC permissions not currently held:\n"
        '{APIGroups:[""], Resources:["nodes"], Verbs:["get"]}'
    )


def test_rights_in_a_namespace_do_not_make_a_cluster_role(policy: Policy) -> None:
    policy.bind("edit", AS_JANE, namespace="dev")
    assert refusal(policy, write("ClusterRole", role("core | pods | get")))


def test_the_verb_escalate_allows_it(policy: Policy) -> None:
    policy.role("escalator", f"{GROUP} | roles | escalate")
    policy.bind("escalator", AS_JANE, namespace="dev")
    assert refusal(policy, write("Role", role("* | * | *"))) == ""


@pytest.mark.parametrize(("bound", "allowed"), [("view", True), ("edit", True), ("cluster-admin", False)])
def test_only_roles_that_one_holds_can_be_bound(policy: Policy, bound: str, allowed: bool) -> None:
    policy.bind("edit", AS_JANE, namespace="dev")
    assert (refusal(policy, write("RoleBinding", binding(bound))) == "") == allowed


def test_the_verb_bind_allows_it(policy: Policy) -> None:
    policy.role("binder", f"{GROUP} | clusterroles | bind")
    policy.bind("binder", AS_JANE)
    assert refusal(policy, write("ClusterRoleBinding", binding("cluster-admin"))) == ""


def test_a_role_that_does_not_exist_cannot_be_bound(policy: Policy) -> None:
    with pytest.raises(ApiError, match="not found"):
        EscalationGuard(policy.authorizer, policy.cluster)(write("RoleBinding", binding("x", "Role")))


def test_gathering_roles_needs_everything(policy: Policy) -> None:
    policy.role("reader", "* | * | get")
    policy.bind("reader", AS_JANE)
    item = role() | {"aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}}
    assert "cluster-admin privileges" in refusal(policy, write("ClusterRole", item))


@pytest.mark.parametrize(
    ("changed", "allowed"),
    [({"finalizers": ["x"]}, True), ({"resourceVersion": "7"}, True), ({"labels": {"gather": "me"}}, False)],
)
def test_garbage_can_be_collected_but_labels_are_grants(
    policy: Policy, changed: Object, allowed: bool
) -> None:
    old = role("core | nodes | get")
    new = old | {"metadata": {"name": "new", **changed}}
    assert (refusal(policy, write("ClusterRole", new, old=old)) == "") == allowed


def test_masters_are_not_asked(policy: Policy) -> None:
    root = UserInfo("root", ("system:masters",))
    assert refusal(policy, write("ClusterRole", role("* | * | *"), user=root)) == ""
