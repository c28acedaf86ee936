"""What the system decides for single kinds: pods, jobs, namespaces, secrets, and CRDs."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.embedded.registry.clusters import OPTIONS, WIDGET_CRD, Cluster, deployment_spec, pod_spec

from alcove.embedded.faults import ApiError
from alcove.embedded.objects import GroupResource, Object
from alcove.embedded.registry.strategies import quality_of_service

CRDS = "customresourcedefinitions.apiextensions.k8s.io"
WIDGETS = "widgets.example.com"


@pytest.mark.parametrize(
    ("requests", "limits", "expected"),
    [
        ({}, {}, "BestEffort"),
        ({"cpu": "1"}, {}, "Burstable"),
        ({"cpu": "1", "memory": "1Gi"}, {"cpu": "1", "memory": "1Gi"}, "Guaranteed"),
        ({}, {"cpu": "1", "memory": "1Gi"}, "Guaranteed"),
        ({"cpu": "1"}, {"cpu": "2", "memory": "1Gi"}, "Burstable"),
        ({}, {"memory": "1Gi"}, "Burstable"),
        ({"ephemeral-storage": "1Gi"}, {}, "BestEffort"),
    ],
)
def test_the_quality_of_service_follows_from_resources(
    requests: Object, limits: Object, expected: str
) -> None:
    container = {"name": "main", "resources": {"requests": requests, "limits": limits}}
    assert quality_of_service({"containers": [container]}) == expected


async def test_a_pod_begins_pending(cluster: Cluster) -> None:
    made = await cluster.make("pods", "a", spec=pod_spec(), status={"phase": "Running"})
    assert made["status"] == {"phase": "Pending", "qosClass": "BestEffort"}


async def test_a_node_brings_its_status(cluster: Cluster) -> None:
    made = await cluster.make("nodes", "n", status={"capacity": {"cpu": "2"}})
    assert made["status"]["capacity"] == {"cpu": "2"}


async def test_a_namespace_begins_active(cluster: Cluster) -> None:
    made = await cluster.make("namespaces", "a")
    assert (made["status"], made["spec"]) == ({"phase": "Active"}, {"finalizers": ["kubernetes"]})
    assert made["metadata"]["labels"] == {"kubernetes.io/metadata.name": "a"}


async def test_a_secrets_texts_become_its_content(cluster: Cluster) -> None:
    made = await cluster.make("secrets", "a", stringData={"x": "y"}, data={"z": "eg=="})
    assert made["data"] == {"x": "eQ==", "z": "eg=="}
    assert "stringData" not in cluster.get("secrets", "a")


async def test_a_job_selects_its_own_pods(cluster: Cluster) -> None:
    template = {"spec": pod_spec(restartPolicy="Never"), "metadata": {"labels": {"x": "y"}}}
    made = await cluster.make("jobs.batch", "a", spec={"template": template})
    uid = made["metadata"]["uid"]
    assert made["spec"]["selector"]["matchLabels"] == {"batch.kubernetes.io/controller-uid": uid}
    assert made["spec"]["template"]["metadata"]["labels"] == {
        "x": "y",
        "batch.kubernetes.io/job-name": "a",
        "job-name": "a",
        "batch.kubernetes.io/controller-uid": uid,
        "controller-uid": uid,
    }


async def test_a_claim_begins_pending(cluster: Cluster) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    made = await cluster.make("persistentvolumeclaims", "a", spec=spec)
    assert made["status"] == {"phase": "Pending"}


# ---------------------------------------------------------------------------------------------------- CRDs


async def test_a_crd_is_established_and_served_at_once(cluster: Cluster) -> None:
    made = (await cluster.create(CRDS, WIDGET_CRD)).object
    assert {each["type"]: each["status"] for each in made["status"]["conditions"]} == {
        "NamesAccepted": "True",
        "Established": "True",
    }
    assert made["status"]["acceptedNames"]["listKind"] == "WidgetList"
    assert made["status"]["storedVersions"] == ["v1"]
    widget = await cluster.make(WIDGETS, "a", spec={"size": 1})
    assert (widget["kind"], widget["metadata"]["generation"]) == ("Widget", 1)


async def test_a_changed_crd_is_served_anew(cluster: Cluster) -> None:
    made = (await cluster.create(CRDS, WIDGET_CRD)).object
    changed = copy.deepcopy(made)
    changed["spec"]["versions"][1]["served"] = False
    await cluster.update(CRDS, changed)
    assert cluster.catalog.find("example.com", "v1beta1", "widgets") is None
    assert cluster.catalog.find("example.com", "v1", "widgets") is not None


async def test_crds_are_served_again_after_a_restart(cluster: Cluster) -> None:
    await cluster.create(CRDS, WIDGET_CRD)
    await cluster.make(WIDGETS, "a")
    cluster.reopen()
    assert cluster.get(WIDGETS, "a")["kind"] == "Widget"


async def test_a_crd_takes_its_objects_with_it(cluster: Cluster) -> None:
    await cluster.create(CRDS, WIDGET_CRD)
    await cluster.make(WIDGETS, "a")
    assert (await cluster.delete(CRDS, WIDGETS)).deleted
    assert cluster.store.count(GroupResource(WIDGETS)) == 0
    assert not cluster.has(CRDS, WIDGETS)
    assert cluster.catalog.preferred(GroupResource(WIDGETS)) is None


async def test_a_crd_waits_for_objects_with_finalizers(cluster: Cluster) -> None:
    await cluster.create(CRDS, WIDGET_CRD)
    await cluster.create(WIDGETS, {"metadata": {"name": "a", "finalizers": ["x/one"]}})
    assert not (await cluster.delete(CRDS, WIDGETS)).deleted
    assert cluster.get(WIDGETS, "a")["metadata"]["deletionTimestamp"]
    with pytest.raises(ApiError) as raised:
        await cluster.make(WIDGETS, "b")
    assert raised.value.code == 405
    await cluster.patch(WIDGETS, "a", {"metadata": {"finalizers": None}})
    assert not cluster.has(CRDS, WIDGETS)


async def test_an_object_without_version_is_dropped_from_a_broken_crd(cluster: Cluster) -> None:
    broken = copy.deepcopy(WIDGET_CRD)
    broken["spec"]["versions"][0]["storage"] = False
    with pytest.raises(ApiError) as raised:
        await cluster.create(CRDS, broken)
    assert raised.value.code == 422
    assert not cluster.has(CRDS, WIDGETS)


_NAMES = (
    *("metadata", "name", "namespace", "labels", "finalizers", "uid", "generateName", "resourceVersion"),
    *("managedFields", "ownerReferences", "spec", "status", "data", "ports", "clusterIP", "nodePort"),
    *("selector", "containers", "template", "names", "versions", "group"),
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "a", "default", "v1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(
    item=st.dictionaries(st.sampled_from(["metadata", "spec", "status", "data", "kind"]), _JSON),
    resource=st.sampled_from(["configmaps", "services", "pods", "jobs.batch", "namespaces", WIDGETS, CRDS]),
)
async def test_any_object_is_stored_or_refused(
    item: Object, resource: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cluster = Cluster(tmp_path_factory.mktemp("cluster") / "objects.db")
    await cluster.make("namespaces", "default")
    await cluster.create(CRDS, WIDGET_CRD)
    try:
        made = (await cluster.create(resource, item, options=OPTIONS)).object
        await cluster.registry.update(
            cluster.type(resource), "default", made["metadata"]["name"], made | item, OPTIONS
        )
    except ApiError as error:
        assert error.code in (400, 404, 409, 422)
    finally:
        cluster.store.close()


_VALID: dict[str, Object] = {
    "configmaps": {"data": {"a": "b"}},
    "services": {"spec": {"ports": [{"port": 80}], "type": "NodePort"}},
    "pods": {"spec": pod_spec()},
    "deployments.apps": {"spec": deployment_spec()},
    "namespaces": {},
    WIDGETS: {"spec": {"size": 1}},
    CRDS: {"spec": WIDGET_CRD["spec"]},
}
_FORMS = ("merge-patch+json", "strategic-merge-patch+json", "apply-patch+yaml")


@given(
    resource=st.sampled_from(sorted(_VALID)),
    change=st.dictionaries(st.sampled_from(["metadata", "spec", "status", "data"]), _JSON, min_size=1),
    form=st.sampled_from(_FORMS),
    subresource=st.sampled_from(["", "", "status", "scale", "finalize"]),
)
async def test_any_patch_is_done_or_refused(
    resource: str, change: Object, form: str, subresource: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cluster = Cluster(tmp_path_factory.mktemp("cluster") / "objects.db")
    await cluster.make("namespaces", "default")
    await cluster.create(CRDS, WIDGET_CRD)
    name = WIDGETS if resource == CRDS else "a"
    try:
        if resource != CRDS:
            await cluster.make(resource, name, **_VALID[resource])
        await cluster.patch(resource, name, change, form=form, subresource=subresource)
    except ApiError as error:
        assert error.code in (400, 404, 409, 415, 422, 501)
    cluster.reopen()
    cluster.store.close()
