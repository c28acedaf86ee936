from __future__ import annotations

from typing import Any

import pytest
from tests.unit.embedded.admission.conftest import POD, write
from tests.unit.embedded.fake_api import FakeCluster

from alcove.embedded.admission import plugins
from alcove.embedded.faults import ApiError
from alcove.embedded.objects import Object, ResourceType

CLAIM = ResourceType("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", "", True, ())
TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"


@pytest.fixture
def cluster() -> FakeCluster:
    cluster = FakeCluster()
    cluster.put("serviceaccounts", {"metadata": {"name": "default", "namespace": "dev"}})
    return cluster


def pod(**spec: Any) -> Object:
    containers = [{"name": "web", "image": "w"}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": {"containers": containers, **spec}}


def admitted(cluster: FakeCluster, item: Object, resource_type: ResourceType = POD) -> Any:
    result = plugins.applied(write(resource_type, item), cluster).object
    assert result is not None
    return result["spec"]


def test_a_pod_gets_the_default_account_and_its_token(cluster: FakeCluster) -> None:
    spec = admitted(cluster, pod(initContainers=[{"name": "init"}]))
    assert spec["serviceAccountName"] == spec["serviceAccount"] == "default"
    (volume,) = spec["volumes"]
    mount = {"name": volume["name"], "readOnly": True, "mountPath": TOKEN_PATH}
    assert spec["containers"][0]["volumeMounts"] == spec["initContainers"][0]["volumeMounts"] == [mount]
    sources = volume["projected"]["sources"]
    assert [next(iter(source)) for source in sources] == ["serviceAccountToken", "configMap", "downwardAPI"]


def test_the_pod_that_was_sent_is_not_changed(cluster: FakeCluster) -> None:
    item = pod()
    admitted(cluster, item)
    assert item == pod()


def test_admitting_twice_changes_nothing_more(cluster: FakeCluster) -> None:
    once = plugins.applied(write(POD, pod()), cluster)
    assert plugins.applied(once, cluster) is once


@pytest.mark.parametrize(
    ("of_pod", "of_account", "mounted"),
    [
        (None, None, True),
        (False, None, False),
        (None, False, False),
        (True, False, True),
        (False, True, False),
    ],
)
def test_the_pod_and_then_the_account_decide_about_the_token(
    cluster: FakeCluster, of_pod: bool | None, of_account: bool | None, mounted: bool
) -> None:
    field = "automountServiceAccountToken"
    cluster.put("serviceaccounts", {"metadata": {"name": "ci", "namespace": "dev"}, field: of_account})
    spec = admitted(cluster, pod(serviceAccountName="ci", **{field: of_pod}))
    assert ("volumes" in spec) == mounted


def test_a_mount_of_ones_own_stays(cluster: FakeCluster) -> None:
    mounts = [{"name": "own", "mountPath": TOKEN_PATH}]
    spec = admitted(cluster, pod(containers=[{"name": "web", "volumeMounts": mounts}]))
    assert spec["containers"][0]["volumeMounts"] == mounts
    assert "volumes" not in spec


def test_the_accounts_pull_secrets_are_taken(cluster: FakeCluster) -> None:
    secrets = [{"name": "registry"}]
    cluster.put(
        "serviceaccounts", {"metadata": {"name": "ci", "namespace": "dev"}, "imagePullSecrets": secrets}
    )
    assert admitted(cluster, pod(serviceAccountName="ci"))["imagePullSecrets"] == secrets
    own = [{"name": "own"}]
    assert admitted(cluster, pod(serviceAccountName="ci", imagePullSecrets=own))["imagePullSecrets"] == own


def test_a_missing_account_refuses_the_pod(cluster: FakeCluster) -> None:
    with pytest.raises(ApiError) as raised:
        admitted(cluster, pod(serviceAccountName="gone"))
    assert raised.value.message == (
        'pods "new" is forbidden: error looking up service account dev/gone: serviceaccount "gone" not found'
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("", 0), ("system-node-critical", 2_000_001_000), ("high", 1000)],
)
def test_a_priority_is_resolved(cluster: FakeCluster, name: str, value: int) -> None:
    cluster.put("priorityclasses.scheduling.k8s.io", {"metadata": {"name": "high"}, "value": 1000})
    assert admitted(cluster, pod(priorityClassName=name))["priority"] == value


def test_the_default_priority_class_is_taken(cluster: FakeCluster) -> None:
    item = {"metadata": {"name": "usual"}, "value": 5, "globalDefault": True, "preemptionPolicy": "Never"}
    cluster.put("priorityclasses.scheduling.k8s.io", item)
    spec = admitted(cluster, pod())
    assert (spec["priorityClassName"], spec["priority"], spec["preemptionPolicy"]) == ("usual", 5, "Never")


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"priorityClassName": "gone"}, "no PriorityClass with name gone was found"),
        ({"priority": 7}, "must not be provided in pod spec"),
    ],
)
def test_priorities_that_are_refused(cluster: FakeCluster, spec: Object, told: str) -> None:
    with pytest.raises(ApiError, match=told):
        admitted(cluster, pod(**spec))


@pytest.mark.parametrize(
    ("own", "limits", "requests"),
    [
        ({}, {"cpu": "2"}, {"cpu": "1", "memory": "64Mi"}),
        ({"limits": {"cpu": "3"}}, {"cpu": "3"}, {"cpu": "3", "memory": "64Mi"}),
        ({"requests": {"cpu": "100m"}}, {"cpu": "2"}, {"cpu": "100m", "memory": "64Mi"}),
    ],
)
def test_limit_ranges_fill_in_what_containers_leave_out(
    cluster: FakeCluster, own: Object, limits: Object, requests: Object
) -> None:
    entry = {"type": "Container", "default": {"cpu": "2"}, "defaultRequest": {"cpu": "1", "memory": "64Mi"}}
    meta = {"name": "limits", "namespace": "dev"}
    cluster.put("limitranges", {"metadata": meta, "spec": {"limits": [{"type": "Pod"}, entry]}})
    spec = admitted(cluster, pod(containers=[{"name": "web", "resources": own}]))
    assert spec["containers"][0]["resources"] == {"limits": limits, "requests": requests}


def storage_class(name: str, created: str, default: str = "true") -> Object:
    annotations = {"storageclass.kubernetes.io/is-default-class": default}
    return {"metadata": {"name": name, "annotations": annotations, "creationTimestamp": created}}


@pytest.mark.parametrize(("asked", "given"), [(None, "new"), ("fast", "fast"), ("", "")])
def test_a_claim_gets_the_newest_default_class(cluster: FakeCluster, asked: str | None, given: str) -> None:
    for item in (
        storage_class("new", "2026"),
        storage_class("old", "2025"),
        storage_class("x", "2027", "no"),
    ):
        cluster.put("storageclasses.storage.k8s.io", item)
    spec = {} if asked is None else {"storageClassName": asked}
    assert admitted(cluster, {"metadata": {}, "spec": spec}, CLAIM)["storageClassName"] == given


def test_updates_and_subresources_are_left_alone(cluster: FakeCluster) -> None:
    for request in (
        write(POD, pod(), operation="UPDATE", old=pod()),
        write(POD, pod(), subresource="status"),
    ):
        assert plugins.applied(request, cluster) is request


def test_an_account_that_a_webhook_invented_is_refused(cluster: FakeCluster) -> None:
    with pytest.raises(ApiError, match="error looking up service account"):
        plugins.check(write(POD, pod(serviceAccountName="gone")), cluster)


def test_conditions_that_are_not_evaluated_are_told(cluster: FakeCluster) -> None:
    kind = ResourceType(
        "admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration", "m", "m", False, ()
    )
    request = write(kind, {"webhooks": [{"name": "a", "matchConditions": [{}]}, {"name": "b"}]})
    plugins.check(request, cluster)
    assert [text.partition(":")[0] for text in request.warnings] == ['webhook "a"']


def test_a_pod_may_stay_five_minutes_on_a_troubled_node(cluster: FakeCluster) -> None:
    found = admitted(cluster, pod())["tolerations"]
    assert [(each["key"], each["tolerationSeconds"]) for each in found] == [
        ("node.kubernetes.io/not-ready", 300),
        ("node.kubernetes.io/unreachable", 300),
    ]


def test_a_pod_that_tolerates_everything_gets_no_more(cluster: FakeCluster) -> None:
    own = [{"operator": "Exists"}]
    assert admitted(cluster, pod(tolerations=own))["tolerations"] == own


def test_a_pod_of_an_unknown_runtime_class_is_refused(cluster: FakeCluster) -> None:
    with pytest.raises(ApiError, match='pod rejected: RuntimeClass "x" not found'):
        admitted(cluster, pod(runtimeClassName="x"))


def test_a_signing_request_tells_who_asks_and_nothing_else(cluster: FakeCluster) -> None:
    asked = {"request": "eA==", "username": "mallory", "groups": ["system:masters"]}
    request = {"metadata": {}, "spec": asked}
    kind = ResourceType(
        "certificates.k8s.io",
        "v1",
        "CertificateSigningRequest",
        "certificatesigningrequests",
        "",
        False,
        (),
    )
    written = write(kind, request)
    spec = admitted(cluster, request, kind)
    assert spec["username"] == written.user.name != "mallory"
    assert spec.get("groups", []) == list(written.user.groups)
