from __future__ import annotations

from typing import Any

import pytest
from tests.unit.embedded.admission.conftest import POD, Webhooks, allow, write

from alcove.embedded.admission.matching import MUTATING, matching_webhooks, rule_matches
from alcove.embedded.faults import ApiError
from alcove.embedded.objects import Object, ResourceType

DEPLOYMENT = ResourceType("apps", "v1", "Deployment", "deployments", "deployment", True, ())
NODE = ResourceType("", "v1", "Node", "nodes", "node", False, ())
NAMESPACE = ResourceType("", "v1", "Namespace", "namespaces", "namespace", False, ())
WIDGET = ResourceType("acme.io", "v2", "Widget", "widgets", "widget", True, (), custom=True)
CONFIGURATION = ResourceType(
    "admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration", "m", "m", False, ()
)


def rule(**changed: Any) -> Object:
    return {
        "operations": ["CREATE"],
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "resources": ["pods"],
        **changed,
    }


@pytest.mark.parametrize(
    ("changed", "resource_type", "subresource", "matches"),
    [
        ({}, POD, "", True),
        ({"operations": ["UPDATE"]}, POD, "", False),
        ({"operations": ["UPDATE", "*"]}, POD, "", True),
        ({"operations": []}, POD, "", False),
        ({"apiGroups": ["apps"]}, POD, "", False),
        ({"apiGroups": ["*"]}, POD, "", True),
        ({"apiVersions": ["v1beta1"]}, POD, "", False),
        ({"apiVersions": ["*"]}, POD, "", True),
        ({"apiGroups": ["apps"], "resources": ["deployments"]}, DEPLOYMENT, "", True),
        ({"resources": ["*"]}, POD, "", True),
        ({"resources": ["*"]}, POD, "status", False),
        ({"resources": ["pods"]}, POD, "status", False),
        ({"resources": ["pods/status"]}, POD, "status", True),
        ({"resources": ["pods/*"]}, POD, "status", True),
        ({"resources": ["pods/*"]}, POD, "", True),
        ({"resources": ["*/status"]}, POD, "status", True),
        ({"resources": ["*/status"]}, POD, "", False),
        ({"resources": ["*/*"]}, POD, "status", True),
        ({"scope": "Namespaced"}, POD, "", True),
        ({"scope": "Cluster"}, POD, "", False),
        ({"scope": "Cluster", "resources": ["nodes"]}, NODE, "", True),
        ({"scope": "Namespaced", "resources": ["nodes"]}, NODE, "", False),
        ({"scope": "Cluster", "resources": ["namespaces"]}, NAMESPACE, "", True),
    ],
)
def test_what_a_rule_matches(
    changed: Object, resource_type: ResourceType, subresource: str, matches: bool
) -> None:
    request = write(resource_type, subresource=subresource)
    assert rule_matches(rule(**changed), request, resource_type.version) == matches


def matched(webhooks: Webhooks, *request: Any, **more: Any) -> list[str]:
    return [hook.name for hook in matching_webhooks(MUTATING, write(*request, **more), webhooks.cluster)]


@pytest.mark.parametrize(("team", "matches"), [("a", True), ("b", False)])
def test_a_namespace_is_selected_by_its_labels(webhooks: Webhooks, team: str, matches: bool) -> None:
    webhooks.add("hook", allow(), namespaceSelector={"matchLabels": {"team": team}})
    assert bool(matched(webhooks, POD)) == matches


def test_a_namespace_is_selected_by_the_labels_it_is_about_to_have(webhooks: Webhooks) -> None:
    webhooks.add("hook", allow(), namespaceSelector={"matchLabels": {"team": "new"}})
    item = {"metadata": {"labels": {"team": "new"}}}
    assert matched(webhooks, NAMESPACE, item) == ["hook"]
    assert matched(webhooks, NAMESPACE) == []


def test_what_has_no_namespace_is_never_left_out_by_one(webhooks: Webhooks) -> None:
    webhooks.add("hook", allow(), namespaceSelector={"matchLabels": {"team": "x"}})
    assert matched(webhooks, NODE) == ["hook"]


def test_a_namespace_that_is_gone_is_an_error(webhooks: Webhooks) -> None:
    webhooks.add("hook", allow(), namespaceSelector={"matchLabels": {"team": "x"}})
    with pytest.raises(ApiError, match="not found"):
        matched(webhooks, POD, namespace="gone")


@pytest.mark.parametrize(
    ("new", "old", "matches"), [("yes", "no", True), ("no", "yes", True), ("no", "no", False)]
)
def test_an_object_is_selected_by_its_labels_before_or_after(
    webhooks: Webhooks, new: str, old: str, matches: bool
) -> None:
    webhooks.add("hook", allow(), objectSelector={"matchLabels": {"inject": "yes"}})
    items = [{"metadata": {"labels": {"inject": value}}} for value in (new, old)]
    assert bool(matched(webhooks, POD, items[0], old=items[1], operation="UPDATE")) == matches


def test_webhook_configurations_go_to_no_webhook(webhooks: Webhooks) -> None:
    webhooks.add("hook", allow())
    assert matched(webhooks, CONFIGURATION) == []


@pytest.mark.parametrize(("policy", "served", "asked"), [
    ("Equivalent", True, ["v1"]), ("Equivalent", False, []), ("Exact", True, [])
])  # fmt: skip
async def test_custom_objects_are_sent_in_the_version_the_webhook_knows(
    webhooks: Webhooks, policy: str, served: bool, asked: list[str]
) -> None:
    definition = {"metadata": {"name": "widgets.acme.io"}}
    versions = [{"name": "v2", "served": True}, {"name": "v1", "served": served}]
    webhooks.cluster.put(
        "customresourcedefinitions.apiextensions.k8s.io", definition | {"spec": {"versions": versions}}
    )
    rules = [rule(apiGroups=["acme.io"], resources=["widgets"])]
    patch = [{"op": "add", "path": "/metadata/name", "value": "x"}]
    webhooks.add("hook", allow(patch), rules=rules, matchPolicy=policy)
    changed = await webhooks.chain.mutate(write(WIDGET))
    assert [review["request"]["kind"]["version"] for _, review in webhooks.asked] == asked
    assert [review["request"]["object"]["apiVersion"] for _, review in webhooks.asked] == [
        f"acme.io/{version}" for version in asked
    ]
    assert changed is not None
    assert changed["apiVersion"] == "acme.io/v2"
