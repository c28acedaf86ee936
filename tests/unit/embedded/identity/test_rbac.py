from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.faults import ApiError
from alcove.embedded.identity.rbac import role_rules
from alcove.embedded.ports import Attributes, UserInfo

if TYPE_CHECKING:
    from tests.unit.embedded.identity.conftest import Policy

JANE = UserInfo("jane", ("devs", "system:authenticated"))
CI = UserInfo("system:serviceaccount:dev:ci", ("system:serviceaccounts:dev", "system:authenticated"))
AS_JANE = {"kind": "User", "name": "jane"}
AS_DEVS = {"kind": "Group", "name": "devs"}


def may(policy: Policy, user: UserInfo, verb: str, resource: str, **more: str) -> bool:
    resource, _, subresource = resource.partition("/")
    asked = Attributes(user, verb, resource=resource, subresource=subresource, **more)
    return policy.authorizer.authorize(asked).allowed


def test_nothing_is_allowed_at_first(policy: Policy) -> None:
    assert not may(policy, JANE, "get", "pods", namespace="dev")
    assert policy.authorizer.authorize(Attributes(JANE, "get", resource="pods")).reason == ""


def test_masters_may_do_everything(policy: Policy) -> None:
    assert may(policy, UserInfo("root", ("system:masters",)), "escalate", "clusterroles")


def test_a_grant_in_a_namespace_ends_at_its_border(policy: Policy) -> None:
    policy.role("reader", "core | pods | get")
    policy.bind("reader", AS_JANE, namespace="dev")
    assert may(policy, JANE, "get", "pods", namespace="dev")
    assert not may(policy, JANE, "get", "pods", namespace="prod")
    assert not may(policy, JANE, "get", "pods")


def test_a_grant_for_the_cluster_holds_everywhere(policy: Policy) -> None:
    policy.role("reader", "core | pods | get")
    policy.bind("reader", AS_DEVS)
    assert may(policy, JANE, "get", "pods", namespace="dev")
    assert may(policy, JANE, "get", "pods")


def test_the_reason_names_the_binding(policy: Policy) -> None:
    policy.role("reader", "core | pods | get")
    policy.bind("reader", AS_DEVS, namespace="dev")
    verdict = policy.authorizer.authorize(Attributes(JANE, "get", resource="pods", namespace="dev"))
    assert verdict.reason == (
        'RBAC: allowed by RoleBinding "binding-0/dev" of ClusterRole "reader" to Group "devs"'
    )


@pytest.mark.parametrize(
    ("subject", "allowed"),
    [
        ({"kind": "ServiceAccount", "name": "ci", "namespace": "dev"}, True),
        ({"kind": "ServiceAccount", "name": "ci"}, True),
        ({"kind": "ServiceAccount", "name": "ci", "namespace": "prod"}, False),
        ({"kind": "User", "name": "system:serviceaccount:dev:ci"}, True),
        ({"kind": "Group", "name": "system:serviceaccounts:dev"}, True),
        ({"kind": "Robot", "name": "ci"}, False),
        ({}, False),
    ],
)
def test_subjects_that_are_service_accounts(policy: Policy, subject: dict[str, str], allowed: bool) -> None:
    policy.role("reader", "core | pods | get", namespace="dev")
    policy.bind("reader", subject, namespace="dev", kind="Role")
    assert may(policy, CI, "get", "pods", namespace="dev") == allowed


def test_an_account_without_namespace_in_a_cluster_binding_is_nobody(policy: Policy) -> None:
    policy.bind("cluster-admin", {"kind": "ServiceAccount", "name": "ci"})
    assert not may(policy, CI, "get", "pods", namespace="dev")


def test_names_narrow_a_rule(policy: Policy) -> None:
    policy.put(
        {
            "kind": "ClusterRole",
            "metadata": {"name": "one"},
            "rules": [
                {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"], "resourceNames": ["mine"]}
            ],
        }
    )
    policy.bind("one", AS_JANE)
    assert may(policy, JANE, "get", "secrets", name="mine", namespace="dev")
    assert not may(policy, JANE, "get", "secrets", name="other", namespace="dev")
    assert not may(policy, JANE, "get", "secrets", namespace="dev")


def test_what_was_taken_away_is_gone_with_the_next_question(policy: Policy) -> None:
    policy.role("reader", "core | pods | get")
    policy.bind("reader", AS_JANE)
    assert may(policy, JANE, "get", "pods")
    policy.role("reader", "core | pods | list")
    assert not may(policy, JANE, "get", "pods")


def test_a_binding_to_a_missing_role_gives_nothing(policy: Policy) -> None:
    policy.bind("missing", AS_JANE)
    policy.bind("missing", AS_JANE, namespace="dev", kind="Role")
    policy.bind("missing", AS_JANE, namespace="dev", kind="Nonsense")
    assert not may(policy, JANE, "get", "pods", namespace="dev")


def test_urls_are_no_resources(policy: Policy) -> None:
    policy.role("metrics", "/metrics /debug/* | get")
    policy.bind("metrics", AS_JANE)
    asked = [
        Attributes(JANE, verb, path=path)
        for verb, path in (("get", "/metrics"), ("get", "/debug/x"), ("post", "/metrics"), ("get", "/other"))
    ]
    assert [policy.authorizer.authorize(one).allowed for one in asked] == [True, True, False, False]


@pytest.mark.parametrize(
    ("role", "verb", "resource", "group", "allowed"),
    [
        ("view", "get", "pods/log", "", True),
        ("view", "get", "secrets", "", False),
        ("view", "create", "pods/exec", "", False),
        ("edit", "get", "secrets", "", True),
        ("edit", "create", "pods/portforward", "", True),
        ("edit", "list", "deployments", "apps", True),
        ("edit", "create", "rolebindings", "rbac.authorization.k8s.io", False),
        ("admin", "create", "rolebindings", "rbac.authorization.k8s.io", True),
        ("admin", "patch", "ingresses", "networking.k8s.io", True),
        ("admin", "update", "resourcequotas", "", False),
        ("admin", "delete", "namespaces", "", False),
        ("cluster-admin", "delete", "nodes", "", True),
    ],
)
def test_the_default_roles(
    policy: Policy, role: str, verb: str, resource: str, group: str, allowed: bool
) -> None:
    policy.bind(role, AS_JANE, namespace="dev")
    assert may(policy, JANE, verb, resource, group=group, namespace="dev") == allowed


@pytest.mark.parametrize(
    ("groups", "path", "allowed"),
    [
        (("system:authenticated",), "/apis/apps/v1", True),
        (("system:authenticated",), "/openapi/v3", True),
        (("system:unauthenticated",), "/version", True),
        (("system:unauthenticated",), "/api", False),
        (("system:serviceaccounts",), "/openid/v1/jwks", True),
        (("system:authenticated",), "/metrics", False),
    ],
)
def test_what_everybody_may_read(policy: Policy, groups: tuple[str, ...], path: str, allowed: bool) -> None:
    assert policy.authorizer.authorize(Attributes(UserInfo("x", groups), "get", path=path)).allowed == allowed


def test_the_rules_of_a_missing_role_are_an_error(policy: Policy) -> None:
    with pytest.raises(ApiError, match='"x" not found'):
        role_rules(policy.cluster, "Role", "dev", "x")


NAMES = st.sampled_from(["jane", "joe", "devs", "ops"])
GRANTS = st.lists(st.tuples(st.sampled_from(["User", "Group"]), NAMES, st.sampled_from(["", "dev"])))


@given(
    grants=GRANTS, user=NAMES, groups=st.lists(NAMES, unique=True), namespace=st.sampled_from(["dev", "x"])
)
def test_a_user_may_exactly_what_some_binding_grants(
    grants: list[tuple[str, str, str]], user: str, groups: list[str], namespace: str
) -> None:
    from tests.unit.embedded.identity.conftest import Policy

    policy = Policy()
    policy.role("reader", "core | pods | get")
    for kind, name, where in grants:
        policy.bind("reader", {"kind": kind, "name": name}, namespace=where)
    granted = any(
        where in ("", namespace) and (name == user if kind == "User" else name in groups)
        for kind, name, where in grants
    )
    assert may(policy, UserInfo(user, tuple(groups)), "get", "pods", namespace=namespace) == granted
