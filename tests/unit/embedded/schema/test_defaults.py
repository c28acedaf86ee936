from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.unit.embedded.schema.samples import at, crd, pod, pod_with, service, thing, type_of, workload

from alcove.embedded.objects import Object
from alcove.embedded.schema import Catalog


def defaulted(catalog: Catalog, item: Object) -> Object:
    return catalog.default(type_of(catalog, item), item)


def first_container(item: Object) -> Object:
    found: Object = item["spec"]["containers"][0]
    return found


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.restartPolicy", "Always"),
        ("spec.dnsPolicy", "ClusterFirst"),
        ("spec.terminationGracePeriodSeconds", 30),
        ("spec.schedulerName", "default-scheduler"),
        ("spec.securityContext", {}),
        ("spec.enableServiceLinks", True),
    ],
)
def test_pods_get_their_defaults(builtin: Catalog, path: str, value: Any) -> None:
    assert at(defaulted(builtin, pod()), path) == value


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1.27", "IfNotPresent"),
        ("registry:5000/nginx", "Always"),
        ("registry:5000/nginx:1", "IfNotPresent"),
        ("nginx@sha256:abc", "IfNotPresent"),
    ],
)
def test_the_pull_policy_follows_the_tag(builtin: Catalog, image: str, policy: str) -> None:
    assert first_container(defaulted(builtin, pod_with(image=image)))["imagePullPolicy"] == policy


def test_probes_and_ports_of_containers_are_completed(builtin: Catalog) -> None:
    item = defaulted(
        builtin, pod_with(ports=[{"containerPort": 80}], livenessProbe={"httpGet": {"port": 80}})
    )
    container = first_container(item)
    assert container["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    assert container["livenessProbe"] == {
        "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }


def test_what_a_pod_does_not_request_is_its_limit(builtin: Catalog) -> None:
    resources = {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}
    container = first_container(defaulted(builtin, pod_with(resources=resources)))
    assert container["resources"]["requests"] == {"cpu": "500m", "memory": "1Gi"}


def test_templates_do_not_get_what_only_pods_get(builtin: Catalog) -> None:
    spec = defaulted(builtin, workload())["spec"]["template"]["spec"]
    assert spec["restartPolicy"] == "Always"
    assert "enableServiceLinks" not in spec


def test_ports_on_the_hosts_network_are_the_hosts(builtin: Catalog) -> None:
    item = pod_with(ports=[{"containerPort": 80}])
    item["spec"]["hostNetwork"] = True
    assert first_container(defaulted(builtin, item))["ports"][0]["hostPort"] == 80


@pytest.mark.parametrize(
    ("volume", "filled"),
    [
        ({"name": "a"}, {"name": "a", "emptyDir": {}}),
        (
            {"name": "a", "configMap": {"name": "c"}},
            {"name": "a", "configMap": {"name": "c", "defaultMode": 420}},
        ),
        ({"name": "a", "hostPath": {"path": "/x"}}, {"name": "a", "hostPath": {"path": "/x", "type": ""}}),
    ],
)
def test_volumes_are_completed(builtin: Catalog, volume: Object, filled: Object) -> None:
    assert defaulted(builtin, pod(volumes=[volume]))["spec"]["volumes"] == [filled]


@pytest.mark.parametrize(
    ("spec", "path", "value"),
    [
        ({}, "type", "ClusterIP"),
        ({}, "sessionAffinity", "None"),
        ({}, "ports", [{"port": 80, "protocol": "TCP", "targetPort": 80}]),
        ({}, "internalTrafficPolicy", "Cluster"),
        ({}, "externalTrafficPolicy", None),
        ({"type": "NodePort"}, "externalTrafficPolicy", "Cluster"),
        ({"type": "ExternalName"}, "internalTrafficPolicy", None),
        ({"type": "LoadBalancer"}, "allocateLoadBalancerNodePorts", True),
        ({"sessionAffinity": "ClientIP"}, "sessionAffinityConfig.clientIP.timeoutSeconds", 10800),
    ],
)
def test_services_get_their_defaults(builtin: Catalog, spec: Object, path: str, value: Any) -> None:
    assert at(defaulted(builtin, service(**spec)), f"spec.{path}") == value


@pytest.mark.parametrize(
    ("item", "path", "value"),
    [
        (workload(), "spec.replicas", 1),
        (workload(replicas=0), "spec.replicas", 0),
        (workload(), "spec.strategy.rollingUpdate.maxSurge", "25%"),
        (
            workload(strategy={"rollingUpdate": {"maxSurge": 1}}),
            "spec.strategy.rollingUpdate.maxUnavailable",
            "25%",
        ),
        (workload(strategy={"type": "Recreate"}), "spec.strategy.rollingUpdate", None),
        (workload("StatefulSet"), "spec.updateStrategy.rollingUpdate.partition", 0),
        (thing("Job", "batch/v1", spec={"template": {}}), "spec.completions", 1),
        (thing("Job", "batch/v1", spec={"template": {}, "parallelism": 2}), "spec.completions", None),
        (thing("Job", "batch/v1", spec={"template": {}}), "spec.backoffLimit", 6),
        (thing("Namespace"), "metadata.labels", {"kubernetes.io/metadata.name": "web"}),
        (thing("Secret"), "type", "Opaque"),
        (thing("Secret", stringData={"a": "b"}), "data.a", "Yg=="),
        (thing("Secret", stringData={"a": "b"}), "stringData", None),
        (thing("PersistentVolumeClaim", spec={}), "spec.volumeMode", "Filesystem"),
        (crd(), "spec.conversion.strategy", "None"),
        (
            thing("RoleBinding", "rbac.authorization.k8s.io/v1", roleRef={"kind": "Role", "name": "a"}),
            "roleRef.apiGroup",
            "rbac.authorization.k8s.io",
        ),
    ],
)
def test_other_kinds_get_their_defaults(builtin: Catalog, item: Object, path: str, value: Any) -> None:
    assert at(defaulted(builtin, item), path) == value


def test_webhooks_get_their_defaults(builtin: Catalog) -> None:
    kind = "MutatingWebhookConfiguration"
    hooks = [{"name": "a.b.c", "clientConfig": {"service": {"name": "a", "namespace": "b"}}}]
    [hook] = defaulted(builtin, thing(kind, "admissionregistration.k8s.io/v1", webhooks=hooks))["webhooks"]
    assert (hook["failurePolicy"], hook["timeoutSeconds"]) == ("Fail", 10)
    assert (hook["reinvocationPolicy"], hook["clientConfig"]["service"]["port"]) == ("Never", 443)
    assert hook["namespaceSelector"] == {}


@pytest.mark.parametrize(
    "item", [pod(), workload(), service(), thing("Secret", stringData={"a": "b"}), crd()]
)
def test_defaulting_leaves_the_given_object_alone_and_is_done_once(builtin: Catalog, item: Object) -> None:
    before = copy.deepcopy(item)
    once = defaulted(builtin, item)
    assert item == before
    assert defaulted(builtin, once) == once
