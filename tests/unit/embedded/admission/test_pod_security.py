from __future__ import annotations

from typing import Any

import pytest
from tests.unit.embedded.admission.conftest import POD, write
from tests.unit.embedded.fake_api import FakeCluster

from alcove.embedded.admission import pod_security
from alcove.embedded.faults import ApiError
from alcove.embedded.objects import Object, ResourceType
from alcove.embedded.ports import AdmissionRequest

DEPLOYMENT = ResourceType("apps", "v1", "Deployment", "deployments", "deployment", True, ())
CRON_JOB = ResourceType("batch", "v1", "CronJob", "cronjobs", "cronjob", True, ())
GOOD: Object = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def spec(context: Object | None = None, **more: Any) -> Object:
    return {"containers": [{"name": "web", "image": "w", "securityContext": context or {}}]} | more


@pytest.mark.parametrize(
    ("pod", "found"),
    [
        (spec(), []),
        (spec(hostNetwork=True, hostPID=True), ["host namespaces (hostNetwork=true, hostPID=true)"]),
        (
            spec({"privileged": True}),
            ['privileged (container "web" must not set securityContext.privileged=true)'],
        ),
        (
            spec({"capabilities": {"add": ["NET_ADMIN", "CHOWN"]}}),
            [
                (
                    'non-default capabilities (container "web" must not include "NET_ADMIN" in '
                    "securityContext.capabilities.add)"
                )
            ],
        ),
        (spec(volumes=[{"name": "v", "hostPath": {"path": "/"}}]), ['hostPath volumes (volume "v")']),
        (
            {"containers": [{"name": name, "ports": [{"hostPort": 80}]} for name in "ab"]},
            ['hostPort (containers "a", "b" use hostPort 80)'],
        ),
        (
            spec(securityContext={"sysctls": [{"name": "kernel.msgmax"}, {"name": "net.ipv4.tcp_rmem"}]}),
            ["forbidden sysctls (kernel.msgmax)"],
        ),
        (
            spec({"seccompProfile": {"type": "Unconfined"}}),
            [
                (
                    'seccompProfile (container "web" must not set securityContext.seccompProfile.type to '
                    '"Unconfined")'
                )
            ],
        ),
        (
            spec({"procMount": "Unmasked"}),
            ['procMount (container "web" must not set securityContext.procMount to "Unmasked")'],
        ),
        (spec({"procMount": "Unmasked"}, hostUsers=False), []),
    ],
)
def test_what_baseline_forbids(pod: Object, found: list[str]) -> None:
    assert pod_security.violations("baseline", pod) == found
    assert pod_security.violations("privileged", pod) == []


def test_what_restricted_demands() -> None:
    assert pod_security.violations("restricted", spec()) == [
        (
            'allowPrivilegeEscalation != false (container "web" must set '
            "securityContext.allowPrivilegeEscalation=false)"
        ),
        'unrestricted capabilities (container "web" must set securityContext.capabilities.drop=["ALL"])',
        'runAsNonRoot != true (pod or container "web" must set securityContext.runAsNonRoot=true)',
        (
            'seccompProfile (pod or container "web" must set securityContext.seccompProfile.type to '
            '"RuntimeDefault" or "Localhost")'
        ),
    ]


@pytest.mark.parametrize(
    ("changed", "more", "reasons"),
    [
        ({}, {}, []),
        ({"runAsNonRoot": None}, {"securityContext": {"runAsNonRoot": True}}, []),
        ({"runAsNonRoot": False}, {}, ["runAsNonRoot != true"]),
        ({"runAsNonRoot": None}, {}, ["runAsNonRoot != true"]),
        ({"runAsNonRoot": None}, {"hostUsers": False}, []),
        ({"runAsUser": 0}, {}, ["runAsUser=0"]),
        ({"capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}}, {}, []),
        ({"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}, {}, ["unrestricted capabilities"]),
        ({}, {"volumes": [{"name": "v", "hostPath": {}}]}, ["restricted volume types"]),
        ({}, {"volumes": [{"name": "v", "emptyDir": {}}, {"name": "p", "projected": {}}]}, []),
        ({}, {"initContainers": [{"name": "i", "securityContext": GOOD}]}, []),
        (
            {},
            {"initContainers": [{"name": "i", "securityContext": GOOD | {"runAsUser": 0}}]},
            ["runAsUser=0"],
        ),
    ],
)
def test_what_restricted_allows(changed: Object, more: Object, reasons: list[str]) -> None:
    found = pod_security.violations("restricted", spec(GOOD | changed, **more))
    assert [text.partition(" (")[0] for text in found] == reasons


def checked(request: AdmissionRequest, **labels: str) -> list[str]:
    cluster = FakeCluster()
    told = {f"pod-security.kubernetes.io/{key}": value for key, value in labels.items()}
    cluster.put("namespaces", {"metadata": {"name": "dev", "labels": told}})
    pod_security.check(request, cluster)
    return request.warnings


def test_a_violating_pod_is_refused_in_an_enforcing_namespace() -> None:
    with pytest.raises(ApiError) as raised:
        checked(write(POD, {"spec": spec(hostIPC=True)}), enforce="baseline")
    assert raised.value.message == (
        'pods "new" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostIPC=true)'
    )


def test_a_namespace_without_labels_allows_everything() -> None:
    assert checked(write(POD, {"spec": spec({"privileged": True})})) == []


@pytest.mark.parametrize(
    ("resource_type", "item"),
    [
        (POD, {"spec": spec(hostPID=True)}),
        (DEPLOYMENT, {"spec": {"template": {"spec": spec(hostPID=True)}}}),
        (CRON_JOB, {"spec": {"jobTemplate": {"spec": {"template": {"spec": spec(hostPID=True)}}}}}),
    ],
)
def test_a_warning_namespace_warns_about_pods_and_what_makes_them(
    resource_type: ResourceType, item: Object
) -> None:
    (warning,) = checked(write(resource_type, item), warn="baseline", **{"warn-version": "v1.30"})
    assert warning == 'would violate PodSecurity "baseline:v1.30": host namespaces (hostPID=true)'


def test_workloads_are_not_refused() -> None:
    item = {"spec": {"template": {"spec": spec(hostPID=True)}}}
    assert checked(write(DEPLOYMENT, item), enforce="baseline") == []


def test_an_unknown_level_is_the_strictest() -> None:
    with pytest.raises(ApiError):
        checked(write(POD, {"spec": spec()}), enforce="strict")


def test_a_running_pod_is_only_judged_again_for_other_images() -> None:
    old = {"spec": spec({"privileged": True})}
    assert checked(write(POD, old, old=old, operation="UPDATE"), enforce="baseline") == []
    new = {"spec": {"containers": [{**old["spec"]["containers"][0], "image": "other"}]}}
    with pytest.raises(ApiError):
        checked(write(POD, new, old=old, operation="UPDATE"), enforce="baseline")
