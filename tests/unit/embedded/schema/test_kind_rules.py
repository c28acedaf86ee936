from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.embedded.schema.samples import pod, service, thing, type_of, workload

from alcove.embedded.objects import Object
from alcove.embedded.schema import Catalog

Complaints = Callable[..., list[str]]


def ingress(**path: Any) -> Object:
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    rule = {"http": {"paths": [{"backend": backend, "path": "/", "pathType": "Prefix", **path}]}}
    return thing("Ingress", "networking.k8s.io/v1", spec={"rules": [rule]})


def role(**rule: Any) -> Object:
    whole = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"], **rule}
    return thing("Role", "rbac.authorization.k8s.io/v1", rules=[whole])


def binding(name: str = "r", kind: str = "User") -> Object:
    return thing(
        "RoleBinding",
        "rbac.authorization.k8s.io/v1",
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        subjects=[{"kind": kind, "name": "u"}],
    )


def job(**spec: Any) -> Object:
    template = {"spec": {"containers": [{"name": "a", "image": "b"}], "restartPolicy": "Never"}}
    return thing("Job", "batch/v1", spec={"template": template, **spec})


def claim(**spec: Any) -> Object:
    whole = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **spec}
    return thing("PersistentVolumeClaim", spec=whole)


def webhooks(**hook: Any) -> Object:
    whole = {
        "name": "a.example.com",
        "clientConfig": {"url": "https://a"},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        **hook,
    }
    return thing("ValidatingWebhookConfiguration", "admissionregistration.k8s.io/v1", webhooks=[whole])


@pytest.mark.parametrize(
    "item",
    [
        pod(),
        workload(),
        workload("StatefulSet"),
        workload("ReplicaSet"),
        job(),
        service(),
        service(clusterIP="None", ports=[]),
        service(type="ExternalName", externalName="example.com", ports=[]),
        thing("ConfigMap", data={"a.b": "c"}),
        thing("Secret", data={"a": "Yg=="}),
        ingress(),
        role(),
        {**role(nonResourceURLs=["/healthz"], apiGroups=[], resources=[]), "kind": "ClusterRole"},
        binding(),
        claim(),
        webhooks(),
        thing("Lease", "coordination.k8s.io/v1", spec={"leaseDurationSeconds": 15}),
        thing("Namespace"),
        thing("ServiceAccount"),
    ],
)
def test_objects_in_order_are_accepted(complaints: Complaints, item: Object) -> None:
    assert complaints(item) == []
    assert complaints(item, copy.deepcopy(item)) == []


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (
            thing("Deployment", "apps/v1"),
            [
                "spec.template.spec.containers: Required value",
                "spec.selector: Required value",
                (
                    "spec.template.metadata.labels: Invalid value: {}: "
                    "`selector` does not match template `labels`"
                ),
            ],
        ),
        (
            workload(selector={"matchLabels": {"app": "x"}}),
            [
                (
                    'spec.template.metadata.labels: Invalid value: {"app":"web"}: '
                    "`selector` does not match template `labels`"
                )
            ],
        ),
        (
            workload(selector={}),
            ["spec.selector: Invalid value: {}: empty selector is invalid for deployment"],
        ),
        (workload(replicas=-1), ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]),
        (
            workload(strategy={"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}),
            [
                (
                    "spec.strategy.rollingUpdate: Forbidden: "
                    "may not be specified when strategy `type` is 'Recreate'"
                )
            ],
        ),
        (service(ports=[]), ["spec.ports: Required value"]),
        (
            service(ports=[{"port": 80}, {"port": 81, "name": "b"}]),
            ["spec.ports[0].name: Required value"],
        ),
        (
            service(ports=[{"port": 80, "name": "a"}, {"port": 81, "name": "a"}]),
            ['spec.ports[1].name: Duplicate value: "a"'],
        ),
        (
            service(ports=[{"port": 0, "targetPort": 80}]),
            ["spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"],
        ),
        (
            service(type="Cluster"),
            [
                (
                    'spec.type: Unsupported value: "Cluster": supported values: '
                    '"ClusterIP", "ExternalName", "LoadBalancer", "NodePort"'
                )
            ],
        ),
        (service(type="ExternalName"), ["spec.externalName: Required value"]),
        (
            thing("Secret", type="kubernetes.io/tls"),
            ["data[tls.crt]: Required value", "data[tls.key]: Required value"],
        ),
        (
            thing("PersistentVolumeClaim", spec={"resources": {}}),
            [
                "spec.accessModes: Required value: at least 1 access mode is required",
                "spec.resources[storage]: Required value",
            ],
        ),
        (
            thing("Ingress", "networking.k8s.io/v1", spec={}),
            ["spec: Invalid value: {}: either `defaultBackend` or `rules` must be specified"],
        ),
        (
            ingress(path="x"),
            ['spec.rules[0].http.paths[0].path: Invalid value: "x": must be an absolute path'],
        ),
        (role(verbs=[]), ["rules[0].verbs: Required value: verbs must contain at least one value"]),
        (
            binding(kind="Robot"),
            [
                (
                    'subjects[0].kind: Unsupported value: "Robot": supported values: '
                    '"ServiceAccount", "User", "Group"'
                )
            ],
        ),
        (
            webhooks(clientConfig={}),
            ["webhooks[0].clientConfig: Required value: exactly one of url or service is required"],
        ),
    ],
)
def test_broken_objects_are_told_what_is_wrong(complaints: Complaints, item: Object, said: list[str]) -> None:
    assert complaints(item) == said


def test_a_job_must_say_how_it_restarts(complaints: Complaints) -> None:
    item = job()
    del item["spec"]["template"]["spec"]["restartPolicy"]
    path = "spec.template.spec.restartPolicy"
    assert complaints(item) == [f'{path}: Required value: valid values: "OnFailure", "Never"']


@pytest.mark.parametrize("key", ["", "a/b", "a b", "ü"])
@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
def test_keys_of_configuration_are_file_names(complaints: Complaints, kind: str, key: str) -> None:
    [complaint] = complaints(thing(kind, data={key: ""}))
    assert complaint.startswith(f'data[{key}]: Invalid value: "{key}": a valid config key must consist of')


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            workload(),
            workload(
                selector={"matchLabels": {"a": "b"}},
                template={**workload()["spec"]["template"], "metadata": {"labels": {"a": "b"}}},
            ),
            'spec.selector: Invalid value: {"matchLabels":{"a":"b"}}: field is immutable',
        ),
        (
            workload("StatefulSet"),
            workload("StatefulSet", serviceName="other"),
            "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals',",
        ),
        (
            service(clusterIP="10.0.0.1"),
            service(clusterIP="10.0.0.2"),
            'spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set',
        ),
        (
            thing("ConfigMap", data={"a": "b"}, immutable=True),
            thing("ConfigMap", data={"a": "c"}, immutable=True),
            "data: Forbidden: field is immutable when `immutable` is set",
        ),
        (
            thing("Secret", type="Opaque"),
            thing("Secret", type="other"),
            'type: Invalid value: "other": field is immutable',
        ),
        (binding("r"), binding("s"), "roleRef: Invalid value:"),
        (claim(), claim(accessModes=["ReadWriteMany"]), "spec: Forbidden: spec is immutable after creation"),
    ],
)
def test_what_must_not_change_is_told(complaints: Complaints, old: Object, new: Object, said: str) -> None:
    [complaint] = complaints(new, old)
    assert complaint.startswith(said)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (workload(), workload(replicas=3)),
        (workload("StatefulSet"), workload("StatefulSet", replicas=3)),
        (service(), service(clusterIP="10.0.0.1")),
        (service(clusterIP="10.0.0.1"), service(type="ExternalName", externalName="a.b", ports=[])),
        (thing("ConfigMap", data={"a": "b"}), thing("ConfigMap", data={"a": "c"}, immutable=True)),
        (claim(), claim(volumeName="pv")),
        (claim(), claim(resources={"requests": {"storage": "2Gi"}})),
    ],
)
def test_what_may_change_changes(complaints: Complaints, old: Object, new: Object) -> None:
    assert complaints(new, old) == []


def test_fields_that_only_go_writes_are_not_required(builtin: Catalog) -> None:
    status = {"conditions": [], "containerStatuses": [{"name": "a"}]}
    item = {**pod(), "status": status}
    kind = type_of(builtin, item)
    assert builtin.validate(kind, builtin.default(kind, item), None) == []
