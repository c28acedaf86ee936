"""Updates and patches: preconditions, what each endpoint changes, generations, and races."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.embedded.registry.clusters import (
    DRY_RUN,
    OPTIONS,
    WIDGET_CRD,
    Cluster,
    deployment_spec,
    pod_spec,
)

from alcove.embedded.faults import ApiError
from alcove.embedded.objects import Object
from alcove.embedded.ports import AdmissionRequest

CRDS = "customresourcedefinitions.apiextensions.k8s.io"
STALE = "the object has been modified; please apply your changes to the latest version and try again"


def with_metadata(item: Object, **changes: object) -> Object:
    return item | {"metadata": item["metadata"] | changes}


async def test_an_update_replaces_the_object(cluster: Cluster) -> None:
    made = await cluster.make("configmaps", "a", data={"x": "1"})
    written = (await cluster.update("configmaps", made | {"data": {"y": "2"}})).object
    assert written["data"] == {"y": "2"}
    assert int(written["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])
    assert written["metadata"]["uid"] == made["metadata"]["uid"]


async def test_an_update_of_an_older_version_conflicts(cluster: Cluster) -> None:
    made = await cluster.make("configmaps", "a")
    await cluster.update("configmaps", made | {"data": {"x": "1"}})
    with pytest.raises(ApiError) as raised:
        await cluster.update("configmaps", made | {"data": {"x": "2"}})
    assert (raised.value.code, raised.value.reason) == (409, "Conflict")
    assert raised.value.message == f'Operation cannot be fulfilled on configmaps "a": {STALE}'


async def test_an_update_of_another_object_of_that_name_conflicts(cluster: Cluster) -> None:
    made = await cluster.make("configmaps", "a")
    with pytest.raises(ApiError, match="UID in precondition: other"):
        await cluster.update("configmaps", with_metadata(made, uid="other"))


async def test_an_update_without_version_is_unconditional(cluster: Cluster) -> None:
    await cluster.make("configmaps", "a")
    item = {"metadata": {"name": "a", "namespace": "default"}, "data": {"x": "1"}}
    assert (await cluster.update("configmaps", item)).object["data"] == {"x": "1"}


async def test_custom_objects_are_not_updated_without_version(cluster: Cluster) -> None:
    await cluster.create(CRDS, WIDGET_CRD)
    made = await cluster.make("widgets.example.com", "a")
    with pytest.raises(ApiError) as raised:
        await cluster.update("widgets.example.com", with_metadata(made, resourceVersion=""))
    assert raised.value.code == 422
    assert "must be specified for an update" in raised.value.message


async def test_an_update_that_changes_nothing_writes_nothing(cluster: Cluster) -> None:
    made = await cluster.make("configmaps", "a", data={"x": "1"})
    cluster.time += 60
    again = (await cluster.update("configmaps", made)).object
    assert again == made
    assert cluster.store.revision == int(made["metadata"]["resourceVersion"])


async def test_an_update_does_not_create(cluster: Cluster) -> None:
    with pytest.raises(ApiError) as raised:
        await cluster.update("configmaps", {"metadata": {"name": "a", "namespace": "default"}})
    assert (raised.value.code, raised.value.message) == (404, 'configmaps "a" not found')


async def test_a_dry_run_update_stores_nothing(cluster: Cluster) -> None:
    made = await cluster.make("configmaps", "a")
    answered = await cluster.update("configmaps", made | {"data": {"x": "1"}}, options=DRY_RUN)
    assert answered.object["data"] == {"x": "1"}
    assert "data" not in cluster.get("configmaps", "a")


async def test_system_metadata_cannot_be_changed(cluster: Cluster) -> None:
    made = await cluster.make("deployments.apps", "web", spec=deployment_spec())
    changed = with_metadata(
        made, creationTimestamp="2000-01-01T00:00:00Z", deletionTimestamp="2000-01-01T00:00:00Z", generation=9
    )
    written = (await cluster.update("deployments.apps", changed)).object
    for field in ("creationTimestamp", "deletionTimestamp", "generation"):
        assert written["metadata"].get(field) == made["metadata"].get(field)


@pytest.mark.parametrize(
    ("change", "generation"),
    [
        ({"spec": deployment_spec(2)}, 2),
        ({"status": {"replicas": 1}}, 1),
        ({"metadata": {"name": "web", "namespace": "default", "labels": {"x": "y"}}}, 1),
    ],
)
async def test_the_generation_counts_changes_of_the_spec(
    cluster: Cluster, change: Object, generation: int
) -> None:
    made = await cluster.make("deployments.apps", "web", spec=deployment_spec())
    written = (await cluster.update("deployments.apps", made | change)).object
    assert written["metadata"]["generation"] == generation


async def test_the_object_itself_does_not_change_its_status(cluster: Cluster) -> None:
    made = await cluster.make("deployments.apps", "web", spec=deployment_spec())
    written = (await cluster.update("deployments.apps", made | {"status": {"replicas": 3}})).object
    assert written["status"] == {}


async def test_the_status_endpoint_changes_only_the_status(cluster: Cluster) -> None:
    made = await cluster.make("deployments.apps", "web", spec=deployment_spec())
    changed = made | {"spec": deployment_spec(7), "status": {"replicas": 3}}
    written = (await cluster.update("deployments.apps", changed, subresource="status")).object
    assert written["status"] == {"replicas": 3}
    assert written["spec"] == made["spec"]
    assert written["metadata"]["generation"] == 1


async def test_the_status_of_custom_objects_leaves_metadata_alone(cluster: Cluster) -> None:
    await cluster.create(CRDS, WIDGET_CRD)
    await cluster.make("widgets.example.com", "a", spec={"size": 1})
    patch = {"metadata": {"labels": {"x": "y"}}, "status": {"phase": "Ready"}}
    written = (await cluster.patch("widgets.example.com", "a", patch, subresource="status")).object
    assert written["status"] == {"phase": "Ready"}
    assert "labels" not in written["metadata"]
    assert {entry.get("subresource") for entry in written["metadata"]["managedFields"]} == {None, "status"}


async def test_unknown_subresources_do_not_exist(cluster: Cluster) -> None:
    made = await cluster.make("configmaps", "a")
    for subresource, code in (("status", 404), ("nonsense", 404)):
        with pytest.raises(ApiError) as raised:
            await cluster.update("configmaps", made, subresource=subresource)
        assert raised.value.code == code


@pytest.mark.parametrize(
    ("form", "patch"),
    [
        ("merge-patch+json", {"data": {"x": "2"}}),
        ("strategic-merge-patch+json", {"data": {"x": "2"}}),
        ("json-patch+json", [{"op": "replace", "path": "/data/x", "value": "2"}]),
        ("merge-patch+json; charset=utf-8", {"data": {"x": "2"}}),
    ],
)
async def test_each_kind_of_patch_changes_the_object(cluster: Cluster, form: str, patch: Any) -> None:
    await cluster.make("configmaps", "a", data={"x": "1", "y": "1"})
    written = (await cluster.patch("configmaps", "a", patch, form=form)).object
    assert written["data"] == {"x": "2", "y": "1"}
    assert cluster.get("configmaps", "a") == written


async def test_unknown_patches_are_unsupported(cluster: Cluster) -> None:
    await cluster.create(CRDS, WIDGET_CRD)
    await cluster.make("widgets.example.com", "a")
    for form in ("strategic-merge-patch+json", "json"):
        with pytest.raises(ApiError) as raised:
            await cluster.patch("widgets.example.com", "a", {}, form=form)
        assert raised.value.code == 415


async def test_a_version_in_a_patch_is_a_precondition(cluster: Cluster) -> None:
    made = await cluster.make("configmaps", "a")
    patch = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "data": {"x": "1"}}
    await cluster.patch("configmaps", "a", patch)
    with pytest.raises(ApiError) as raised:
        await cluster.patch("configmaps", "a", patch | {"data": {"x": "2"}})
    assert raised.value.code == 409


def interfering(cluster: Cluster, times: int) -> Callable[[AdmissionRequest], Any]:
    """Make a check that changes the object behind the back of the first ``times`` writes."""
    left = times

    async def interfere(_: AdmissionRequest) -> None:
        nonlocal left
        if left > 0:
            left -= 1
            check, cluster.admission.check = cluster.admission.check, lambda _: None
            await cluster.patch("configmaps", "a", {"data": {f"other-{left}": "x"}})
            cluster.admission.check = check

    return interfere


async def test_a_patch_is_applied_anew_when_others_are_faster(cluster: Cluster) -> None:
    await cluster.make("configmaps", "a")
    cluster.admission.check = interfering(cluster, 4)
    written = (await cluster.patch("configmaps", "a", {"data": {"mine": "x"}})).object
    assert set(written["data"]) == {"mine", "other-0", "other-1", "other-2", "other-3"}


async def test_a_patch_gives_up_after_five_times(cluster: Cluster) -> None:
    await cluster.make("configmaps", "a")
    cluster.admission.check = interfering(cluster, 5)
    with pytest.raises(ApiError, match=STALE):
        await cluster.patch("configmaps", "a", {"data": {"mine": "x"}})


async def test_a_conditional_update_does_not_overwrite_what_came_between(cluster: Cluster) -> None:
    made = await cluster.make("configmaps", "a")
    cluster.admission.check = interfering(cluster, 1)
    with pytest.raises(ApiError, match=STALE):
        await cluster.update("configmaps", made | {"data": {"mine": "x"}})
    assert cluster.get("configmaps", "a")["data"] == {"other-0": "x"}


async def test_apply_creates_and_then_changes(cluster: Cluster) -> None:
    item = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "1"}}
    made = await cluster.patch("configmaps", "a", item, form="apply-patch+yaml")
    assert made.created and made.object["metadata"]["uid"]
    changed = await cluster.patch("configmaps", "a", item | {"data": {"y": "2"}}, form="apply-patch+yaml")
    assert not changed.created
    assert changed.object["data"] == {"y": "2"}
    (entry,) = changed.object["metadata"]["managedFields"]
    assert entry["operation"] == "Apply"


async def test_applying_the_same_again_writes_nothing(cluster: Cluster) -> None:
    item = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": deployment_spec(),
    }
    await cluster.patch("deployments.apps", "web", item, form="apply-patch+yaml")
    revision = cluster.store.revision
    cluster.time += 60
    await cluster.patch("deployments.apps", "web", item, form="apply-patch+yaml")
    assert cluster.store.revision == revision


async def test_applying_anothers_field_conflicts_unless_forced(cluster: Cluster) -> None:
    await cluster.make("configmaps", "a", data={"x": "1"})
    item = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "2"}}
    other = dataclasses.replace(OPTIONS, field_manager="other")
    with pytest.raises(ApiError) as raised:
        await cluster.patch("configmaps", "a", item, form="apply-patch+yaml", options=other)
    assert raised.value.code == 409 and raised.value.details["causes"]
    forced = dataclasses.replace(other, force=True)
    await cluster.patch("configmaps", "a", item, form="apply-patch+yaml", options=forced)
    assert cluster.get("configmaps", "a")["data"] == {"x": "2"}


@pytest.mark.parametrize(
    ("change", "form", "text"),
    [
        ({"field_manager": ""}, "apply-patch+yaml", "is required for apply patch"),
        ({"force": True}, "merge-patch+json", "may not be specified for non-apply patch"),
    ],
)
async def test_options_must_fit_the_patch(
    cluster: Cluster, change: dict[str, Any], form: str, text: str
) -> None:
    options = dataclasses.replace(OPTIONS, **change)
    with pytest.raises(ApiError, match=text) as raised:
        await cluster.patch("configmaps", "a", {}, form=form, options=options)
    assert raised.value.code == 422


async def test_scale_is_read_and_written(cluster: Cluster) -> None:
    await cluster.make("deployments.apps", "web", spec=deployment_spec(2))
    scale = cluster.get("deployments.apps", "web", subresource="scale")
    assert (scale["kind"], scale["spec"], scale["status"]["selector"]) == (
        "Scale",
        {"replicas": 2},
        "app=web",
    )
    scale["spec"] = {"replicas": 5}
    written = (await cluster.update("deployments.apps", scale, subresource="scale")).object
    assert written["spec"] == {"replicas": 5}
    patched = (
        await cluster.patch("deployments.apps", "web", {"spec": {"replicas": 1}}, subresource="scale")
    ).object
    assert patched["spec"] == {"replicas": 1}
    changed = cluster.get("deployments.apps", "web")
    assert (changed["spec"]["replicas"], changed["metadata"]["generation"]) == (1, 3)


async def test_scale_of_an_older_version_conflicts(cluster: Cluster) -> None:
    await cluster.make("deployments.apps", "web", spec=deployment_spec(2))
    scale = cluster.get("deployments.apps", "web", subresource="scale")
    await cluster.patch("deployments.apps", "web", {"spec": {"replicas": 3}})
    with pytest.raises(ApiError, match=STALE):
        await cluster.update("deployments.apps", scale, subresource="scale")


@pytest.mark.parametrize("replicas", [-1, "2", True, None, 1.5])
async def test_scale_must_be_a_number(cluster: Cluster, replicas: object) -> None:
    await cluster.make("deployments.apps", "web", spec=deployment_spec(2))
    scale = cluster.get("deployments.apps", "web", subresource="scale") | {"spec": {"replicas": replicas}}
    with pytest.raises(ApiError) as raised:
        await cluster.update("deployments.apps", scale, subresource="scale")
    assert raised.value.code == 422


async def test_custom_objects_scale_by_their_paths(cluster: Cluster) -> None:
    await cluster.create(CRDS, WIDGET_CRD)
    await cluster.make("widgets.example.com", "a", spec={"size": 2})
    await cluster.patch("widgets.example.com", "a", {"spec": {"replicas": 4}}, subresource="scale")
    assert cluster.get("widgets.example.com", "a")["spec"]["size"] == 4


async def test_a_pod_is_bound_once(cluster: Cluster) -> None:
    await cluster.make("pods", "a", spec=pod_spec())
    binding = {"kind": "Binding", "apiVersion": "v1", "metadata": {"name": "a"}, "target": {"name": "node"}}
    await cluster.create("pods", binding, name="a", subresource="binding")
    pod = cluster.get("pods", "a")
    assert pod["spec"]["nodeName"] == "node"
    assert [each["type"] for each in pod["status"]["conditions"]] == ["PodScheduled"]
    with pytest.raises(ApiError) as raised:
        await cluster.create("pods", binding, name="a", subresource="binding")
    assert raised.value.code == 409


@pytest.mark.parametrize(
    ("binding", "code"),
    [
        ({"metadata": {"name": "a", "uid": "another"}, "target": {"name": "node"}}, 409),
        ({"metadata": {"name": "a"}}, 422),
        ({"metadata": "no", "target": ["no"]}, 422),
    ],
)
async def test_a_binding_must_fit_the_pod(cluster: Cluster, binding: Object, code: int) -> None:
    await cluster.make("pods", "a", spec=pod_spec())
    with pytest.raises(ApiError) as raised:
        await cluster.create("pods", binding, name="a", subresource="binding")
    assert raised.value.code == code
    assert "nodeName" not in cluster.get("pods", "a")["spec"]


async def test_no_finalizer_is_added_to_an_object_that_ends(cluster: Cluster) -> None:
    await cluster.create("configmaps", {"metadata": {"name": "a", "finalizers": ["x/y"]}})
    await cluster.delete("configmaps", "a")
    with pytest.raises(ApiError, match="no new finalizers can be added") as raised:
        await cluster.patch("configmaps", "a", {"metadata": {"finalizers": ["x/y", "x/z"]}})
    assert raised.value.code == 422


async def test_an_update_without_a_name_is_refused(cluster: Cluster) -> None:
    made = await cluster.make("configmaps", "a")
    kind = cluster.type("configmaps")
    nameless: Object
    for nameless in ({}, {"metadata": {}}, {"metadata": made["metadata"] | {"name": ""}}):
        with pytest.raises(ApiError, match="name must be provided"):
            await cluster.registry.update(kind, "default", "a", nameless, OPTIONS)


async def test_a_patch_whose_result_cannot_be_read_is_422(cluster: Cluster) -> None:
    await cluster.make("configmaps", "a")
    with pytest.raises(ApiError) as raised:
        await cluster.patch("configmaps", "a", {"data": {"k": 1}})
    assert (raised.value.code, raised.value.details["causes"][0]["field"]) == (422, "patch")


async def test_a_creator_owns_no_field_that_is_always_there(cluster: Cluster) -> None:
    made = await cluster.make("deployments.apps", "a", spec=deployment_spec())
    fields = made["metadata"]["managedFields"][0]["fieldsV1"]
    assert "." not in fields["f:spec"]
    assert "." not in fields["f:spec"]["f:template"]["f:spec"]["f:containers"]
