from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.charts.converting.table import TABLE, convert

LABELS = {"app": "web", "release": "r"}
POD = {"metadata": {"labels": LABELS}, "spec": {"containers": []}}


def item(api_version: str, kind: str, **content: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "web"}, **content}


def converted(old: dict[str, Any]) -> Any:
    before = copy.deepcopy(old)
    conversion = convert(old)
    assert old == before
    assert conversion.note
    assert conversion.object is not None
    assert convert(conversion.object) == (conversion.object, "")
    return conversion.object


@pytest.mark.parametrize("api_version", ["extensions/v1beta1", "apps/v1beta1", "apps/v1beta2"])
@pytest.mark.parametrize("kind", ["Deployment", "DaemonSet", "ReplicaSet", "StatefulSet"])
def test_workloads_select_the_labels_of_their_pods(api_version: str, kind: str) -> None:
    new = converted(item(api_version, kind, spec={"template": POD}))
    assert new["apiVersion"] == "apps/v1"
    assert new["spec"]["selector"] == {"matchLabels": LABELS}
    assert new["spec"]["template"] == POD
    assert ("serviceName" in new["spec"]) is (kind == "StatefulSet")


@pytest.mark.parametrize(
    "selector",
    [{"matchLabels": {"app": "web"}}, {"matchExpressions": [{"key": "app", "operator": "Exists"}]}],
)
def test_a_selector_that_is_there_stays(selector: dict[str, Any]) -> None:
    assert (
        converted(item("apps/v1beta2", "Deployment", spec={"selector": selector, "template": POD}))["spec"][
            "selector"
        ]
        == selector
    )


def test_a_selector_has_no_label_that_changes_with_the_revision() -> None:
    labels = {"app": "web", "chart": "web-0.1.0", "heritage": "Helm", "helm.sh/chart": "web-0.1.0"}
    new = converted(item("apps/v1beta1", "Deployment", spec={"template": {"metadata": {"labels": labels}}}))
    assert new["spec"]["selector"] == {"matchLabels": {"app": "web"}}
    only = {"metadata": {"labels": {"chart": "web-0.1.0"}}}
    alone = converted(item("apps/v1beta1", "Deployment", spec={"template": only}))
    assert alone["spec"]["selector"] == {"matchLabels": {"chart": "web-0.1.0"}}


def test_what_was_a_command_or_a_count_is_left_out() -> None:
    rolled = item("extensions/v1beta1", "Deployment", spec={"rollbackTo": {"revision": 1}, "template": POD})
    assert "rollbackTo" not in converted(rolled)["spec"]
    counted = item("extensions/v1beta1", "DaemonSet", spec={"templateGeneration": 2, "template": POD})
    assert "templateGeneration" not in converted(counted)["spec"]


@pytest.mark.parametrize(
    ("port", "expected"),
    [(80, {"number": 80}), ("80", {"number": 80}), ("http", {"name": "http"}), (None, {})],
)
@pytest.mark.parametrize("api_version", ["extensions/v1beta1", "networking.k8s.io/v1beta1"])
def test_an_ingress_names_service_and_port_apart(api_version: str, port: Any, expected: Any) -> None:
    backend = {"serviceName": "web", "servicePort": port}
    rules = [{"host": "h", "http": {"paths": [{"path": "/x", "backend": backend}]}}, {"host": "bare"}]
    new = converted(item(api_version, "Ingress", spec={"backend": backend, "rules": rules, "tls": [1]}))
    service = {"service": {"name": "web", "port": expected}}
    assert new["apiVersion"] == "networking.k8s.io/v1"
    assert new["spec"] == {
        "defaultBackend": service,
        "rules": [
            {
                "host": "h",
                "http": {"paths": [{"pathType": "ImplementationSpecific", "path": "/x", "backend": service}]},
            },
            {"host": "bare"},
        ],
        "tls": [1],
    }


def test_what_an_ingress_says_in_the_new_way_already_stays() -> None:
    resource = {"resource": {"kind": "Bucket", "name": "b"}}
    service = {"service": {"name": "web", "port": {"number": 80}}}
    paths = [
        {"path": "/", "pathType": "Exact", "backend": service},
        {"pathType": "Prefix", "backend": resource},
    ]
    old = item(
        "networking.k8s.io/v1beta1",
        "Ingress",
        spec={"ingressClassName": "c", "rules": [{"http": {"paths": paths}}]},
    )
    assert converted(old)["spec"] == old["spec"]


def test_the_class_of_an_ingress_stays_an_annotation() -> None:
    old = item("extensions/v1beta1", "Ingress", spec={})
    old["metadata"]["annotations"] = {"kubernetes.io/ingress.class": "traefik"}
    assert converted(old)["metadata"] == old["metadata"]


def test_a_network_policy_is_for_all_pods_unless_it_says_otherwise() -> None:
    assert converted(item("extensions/v1beta1", "NetworkPolicy", spec={}))["spec"] == {"podSelector": {}}
    some = {"podSelector": {"matchLabels": LABELS}, "ingress": [{}]}
    assert converted(item("extensions/v1beta1", "NetworkPolicy", spec=some))["spec"] == some


def test_a_budget_for_no_pods_does_not_become_one_for_all() -> None:
    old = item("policy/v1beta1", "PodDisruptionBudget", spec={"minAvailable": 1, "selector": {}})
    assert converted(old)["spec"] == {"minAvailable": 1}
    some = {"minAvailable": 1, "selector": {"matchLabels": LABELS}}
    assert converted(item("policy/v1beta1", "PodDisruptionBudget", spec=some))["spec"] == some


METRICS = [
    (
        {"type": "Resource", "resource": {"name": "cpu", "targetAverageUtilization": 80}},
        {
            "type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
        },
    ),
    (
        {"type": "Resource", "resource": {"name": "memory", "targetAverageValue": "1Gi"}},
        {
            "type": "Resource",
            "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}},
        },
    ),
    (
        {"type": "Pods", "pods": {"metricName": "rps", "targetAverageValue": "10", "selector": LABELS}},
        {
            "type": "Pods",
            "pods": {
                "metric": {"name": "rps", "selector": LABELS},
                "target": {"type": "AverageValue", "averageValue": "10"},
            },
        },
    ),
    (
        {
            "type": "Object",
            "object": {"metricName": "rps", "target": {"kind": "Service"}, "targetValue": "10"},
        },
        {
            "type": "Object",
            "object": {
                "describedObject": {"kind": "Service"},
                "metric": {"name": "rps"},
                "target": {"type": "Value", "value": "10"},
            },
        },
    ),
    (
        {
            "type": "External",
            "external": {"metricName": "q", "metricSelector": LABELS, "targetAverageValue": "5"},
        },
        {
            "type": "External",
            "external": {
                "metric": {"name": "q", "selector": LABELS},
                "target": {"type": "AverageValue", "averageValue": "5"},
            },
        },
    ),
    ({"type": "Unknown"}, {"type": "Unknown"}),
]


@pytest.mark.parametrize(("old", "new"), METRICS)
def test_metrics_of_autoscalers_have_targets(old: dict[str, Any], new: dict[str, Any]) -> None:
    scaler = item("autoscaling/v2beta1", "HorizontalPodAutoscaler", spec={"metrics": [old], "maxReplicas": 3})
    assert converted(scaler) == item(
        "autoscaling/v2", "HorizontalPodAutoscaler", spec={"metrics": [new], "maxReplicas": 3}
    )


@pytest.mark.parametrize("api_version", ["autoscaling/v1", "autoscaling/v2", "autoscaling/v2beta2"])
@pytest.mark.parametrize("target", ["extensions/v1beta1", "apps/v1beta1", "apps/v1beta2"])
def test_what_is_scaled_is_named_by_its_current_version(api_version: str, target: str) -> None:
    spec = {"scaleTargetRef": {"apiVersion": target, "kind": "Deployment", "name": "web"}}
    assert converted(item(api_version, "HorizontalPodAutoscaler", spec=spec))["spec"]["scaleTargetRef"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "web",
    }


@pytest.mark.parametrize(
    ("api_version", "kind", "expected"),
    [
        ("batch/v1beta1", "CronJob", "batch/v1"),
        ("batch/v2alpha1", "CronJob", "batch/v1"),
        ("autoscaling/v2beta2", "HorizontalPodAutoscaler", "autoscaling/v2"),
        ("rbac.authorization.k8s.io/v1beta1", "RoleBinding", "rbac.authorization.k8s.io/v1"),
        ("rbac.authorization.k8s.io/v1alpha1", "ClusterRole", "rbac.authorization.k8s.io/v1"),
        ("storage.k8s.io/v1beta1", "StorageClass", "storage.k8s.io/v1"),
        ("scheduling.k8s.io/v1beta1", "PriorityClass", "scheduling.k8s.io/v1"),
        ("networking.k8s.io/v1beta1", "IngressClass", "networking.k8s.io/v1"),
        ("coordination.k8s.io/v1beta1", "Lease", "coordination.k8s.io/v1"),
    ],
)
def test_some_only_have_another_version(api_version: str, kind: str, expected: str) -> None:
    content = {"spec": {"any": [1, {"a": None}]}, "rules": []}
    assert converted(item(api_version, kind, **content)) == item(expected, kind, **content)


def test_a_definition_says_for_each_version_what_it_said_for_all() -> None:
    schema = {"properties": {"spec": {"type": "object"}}}
    old = item(
        "apiextensions.k8s.io/v1beta1",
        "CustomResourceDefinition",
        spec={
            "group": "example.com",
            "names": {"kind": "Gadget"},
            "version": "v1",
            "preserveUnknownFields": False,
            "validation": {"openAPIV3Schema": schema},
            "subresources": {"status": {}},
            "additionalPrinterColumns": [{"name": "Age", "JSONPath": ".a", "type": "date"}],
        },
        status={"conditions": []},
    )
    assert converted(old) == item(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        spec={
            "group": "example.com",
            "names": {"kind": "Gadget"},
            "scope": "Cluster",
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [{"name": "Age", "jsonPath": ".a", "type": "date"}],
                    "schema": {"openAPIV3Schema": {"type": "object", **schema}},
                }
            ],
        },
    )


def test_a_definition_without_a_schema_keeps_accepting_everything() -> None:
    versions = [
        {"name": "v1", "served": True, "storage": True},
        {"name": "v2", "schema": {"openAPIV3Schema": {"type": "object"}}},
    ]
    spec = {
        "versions": versions,
        "scope": "Namespaced",
        "conversion": {"strategy": "Webhook", "webhookClientConfig": {"url": "u"}},
    }
    new = converted(item("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition", spec=spec))["spec"]
    accepting = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    assert [each["schema"]["openAPIV3Schema"] for each in new["versions"]] == [accepting, accepting]
    assert new["conversion"]["webhook"] == {
        "clientConfig": {"url": "u"},
        "conversionReviewVersions": ["v1beta1"],
    }


@pytest.mark.parametrize(
    ("effects", "expected"), [(None, "NoneOnDryRun"), ("Unknown", "NoneOnDryRun"), ("None", "None")]
)
def test_webhooks_keep_their_old_defaults(effects: str | None, expected: str) -> None:
    hook = {"name": "h", "timeoutSeconds": 5} | ({"sideEffects": effects} if effects else {})
    old = item("admissionregistration.k8s.io/v1beta1", "MutatingWebhookConfiguration", webhooks=[hook])
    assert converted(old)["webhooks"] == [
        {
            "name": "h",
            "failurePolicy": "Ignore",
            "matchPolicy": "Exact",
            "timeoutSeconds": 5,
            "admissionReviewVersions": ["v1beta1"],
            "sideEffects": expected,
        }
    ]


@pytest.mark.parametrize("api_version", ["policy/v1beta1", "extensions/v1beta1"])
def test_what_has_no_successor_is_left_out(api_version: str) -> None:
    conversion = convert(item(api_version, "PodSecurityPolicy"))
    assert conversion == (None, f"PodSecurityPolicy web: {api_version} has no successor, left out")


def test_the_items_of_a_list_are_converted() -> None:
    current = item("v1", "Service")
    old = [
        item("apps/v1beta2", "Deployment", spec={"template": POD}),
        item("policy/v1beta1", "PodSecurityPolicy"),
    ]
    conversion = convert({"apiVersion": "v1", "kind": "List", "items": [current, *old]})
    assert conversion.object is not None
    assert [each["apiVersion"] for each in conversion.object["items"]] == ["v1", "apps/v1"]
    assert conversion.note.count("\n") == 1
    same = {"apiVersion": "v1", "kind": "List", "items": [current, "broken"]}
    assert convert(same) == (same, "")


RETIRED = sorted(TABLE)
NAMES = st.sampled_from(
    [
        "spec",
        "metadata",
        "labels",
        "template",
        "selector",
        "rules",
        "http",
        "paths",
        "backend",
        "serviceName",
        "servicePort",
        "metrics",
        "resource",
        "type",
        "webhooks",
        "versions",
        "version",
        "validation",
        "schema",
        "items",
        "scaleTargetRef",
        "apiVersion",
        "additionalPrinterColumns",
    ]
)
CONTENT = st.recursive(
    st.none() | st.integers() | st.sampled_from(["Resource", "Object", "apps/v1beta1", "v1", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=20,
)
CURRENT = st.sampled_from(
    [
        ("apps/v1", "Deployment"),
        ("networking.k8s.io/v1", "Ingress"),
        ("v1", "Service"),
        ("policy/v1", "PodDisruptionBudget"),
        ("example.com/v1beta1", "Deployment"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ]
)


@given(CURRENT, st.dictionaries(NAMES, CONTENT, max_size=5))
def test_what_is_current_stays_as_it_is(known: tuple[str, str], content: dict[str, Any]) -> None:
    current = content | {"apiVersion": known[0], "kind": known[1]}
    conversion = convert(current)
    assert conversion.object is current
    assert conversion.note == ""


@given(st.sampled_from(RETIRED), st.dictionaries(NAMES, CONTENT, max_size=5))
def test_whatever_is_retired_becomes_current_and_stays_so(
    known: tuple[str, str], content: dict[str, Any]
) -> None:
    old = content | {"apiVersion": known[0], "kind": known[1]}
    before = copy.deepcopy(old)
    conversion = convert(old)
    assert old == before
    assert conversion.note
    if conversion.object is not None:
        assert (conversion.object["apiVersion"], known[1]) not in TABLE
        assert convert(conversion.object) == (conversion.object, "")
