"""Creating objects: names, places, what the system fills in, and what is refused."""

from __future__ import annotations

import asyncio
import dataclasses
import re

import pytest
from tests.unit.embedded.registry.clusters import DRY_RUN, OPTIONS, Cluster, deployment_spec, names, pod_spec

from alcove.embedded.faults import ApiError, forbidden
from alcove.embedded.objects import Object
from alcove.embedded.ports import AdmissionRequest

STRICT = dataclasses.replace(OPTIONS, field_validation="Strict")


async def test_the_system_fills_in_what_is_its_own(cluster: Cluster) -> None:
    made = await cluster.make("deployments.apps", "web", spec=deployment_spec(), status={"replicas": 9})
    inner = made["metadata"]
    assert inner["uid"].startswith("uid-")
    assert inner["creationTimestamp"] == "2023-11-14T22:13:20Z"
    assert (inner["generation"], inner["namespace"]) == (1, "default")
    assert inner["resourceVersion"] == str(cluster.store.revision)
    assert made["status"] == {}
    assert (made["apiVersion"], made["kind"]) == ("apps/v1", "Deployment")


async def test_plain_objects_have_no_generation(cluster: Cluster) -> None:
    assert "generation" not in (await cluster.make("configmaps", "a"))["metadata"]


async def test_the_creator_owns_the_fields(cluster: Cluster) -> None:
    made = await cluster.make("configmaps", "a", data={"x": "y"})
    (entry,) = made["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"]) == ("tests", "Update")
    assert "f:x" in entry["fieldsV1"]["f:data"]


async def test_the_status_the_system_sets_has_no_owner(cluster: Cluster) -> None:
    made = await cluster.make("services", "a", spec={"ports": [{"port": 80}]})
    assert made["status"] == {"loadBalancer": {}}
    assert all("f:status" not in entry["fieldsV1"] for entry in made["metadata"]["managedFields"])


async def test_a_generated_name_is_the_prefix_and_five_letters(cluster: Cluster) -> None:
    made = (await cluster.create("configmaps", {"metadata": {"generateName": "job-"}})).object
    assert re.fullmatch("job-[bcdfghjklmnpqrstvwxz2456789]{5}", made["metadata"]["name"])


async def test_a_long_prefix_is_cut(cluster: Cluster) -> None:
    made = (await cluster.create("configmaps", {"metadata": {"generateName": "x" * 100}})).object
    assert len(made["metadata"]["name"]) == 63


async def test_a_dry_run_answers_in_full_and_stores_nothing(cluster: Cluster) -> None:
    revision = cluster.store.revision
    item = {"metadata": {"generateName": "a-"}}
    answered = await cluster.create("configmaps", item, options=DRY_RUN)
    assert answered.object["metadata"]["name"].startswith("a-")
    assert answered.object["metadata"]["uid"]
    assert cluster.store.revision == revision


@pytest.mark.parametrize(
    ("resource", "item", "code", "text"),
    [
        ("configmaps", {"metadata": {"name": "taken"}}, 409, 'configmaps "taken" already exists'),
        ("configmaps", {"metadata": {}}, 422, "name or generateName is required"),
        (
            "configmaps",
            {"metadata": {"name": "a", "namespace": "b"}},
            400,
            "namespace of the provided object",
        ),
        ("configmaps", {"metadata": {"name": "a", "resourceVersion": "7"}}, 500, "should not be set"),
        (
            "configmaps",
            {"kind": "Secret", "metadata": {"name": "a"}},
            400,
            "cannot be handled as a ConfigMap",
        ),
        ("configmaps", {"apiVersion": "v2", "metadata": {"name": "a"}}, 400, "API version in the data (v2)"),
        ("configmaps", {"metadata": "no"}, 400, "metadata must be an object"),
    ],
)
async def test_what_is_wrong_is_refused(
    cluster: Cluster, resource: str, item: Object, code: int, text: str
) -> None:
    await cluster.make("configmaps", "taken")
    with pytest.raises(ApiError) as raised:
        await cluster.create(resource, item)
    assert raised.value.code == code
    assert text in raised.value.message


async def test_the_name_of_the_path_must_be_that_of_the_object(cluster: Cluster) -> None:
    with pytest.raises(ApiError) as raised:
        await cluster.update("configmaps", {"metadata": {"name": "a", "namespace": "default"}})
    assert raised.value.code == 404
    await cluster.make("configmaps", "a")
    with pytest.raises(ApiError, match=r"object \(b\) does not match the name on the URL \(a\)"):
        await cluster.patch("configmaps", "a", {"metadata": {"name": "b"}})


async def test_a_namespace_must_exist(cluster: Cluster) -> None:
    with pytest.raises(ApiError) as raised:
        await cluster.make("configmaps", "a", namespace="nowhere")
    assert (raised.value.code, raised.value.message) == (404, 'namespaces "nowhere" not found')


async def test_nothing_is_created_in_a_namespace_that_ends(cluster: Cluster) -> None:
    await cluster.make("namespaces", "ending")
    await cluster.delete("namespaces", "ending")
    with pytest.raises(ApiError) as raised:
        await cluster.make("configmaps", "a", namespace="ending")
    assert raised.value.code == 403
    assert raised.value.details["causes"][0]["reason"] == "NamespaceTerminating"


async def test_a_namespace_that_ends_during_admission_is_noticed(cluster: Cluster) -> None:
    await cluster.make("namespaces", "ending")

    async def end(request: AdmissionRequest) -> None:
        cluster.admission.check = lambda _: None
        await cluster.delete("namespaces", "ending")

    cluster.admission.check = end
    with pytest.raises(ApiError) as raised:
        await cluster.make("configmaps", "a", namespace="ending")
    assert raised.value.code == 403


async def test_unknown_fields_are_dropped_and_warned_of(cluster: Cluster) -> None:
    item = {"metadata": {"name": "a"}, "data": {"x": "y"}, "dta": {}}
    written = await cluster.create("configmaps", item)
    assert written.warnings == ('unknown field "dta"',)
    assert "dta" not in written.object


async def test_unknown_fields_are_refused_when_strict(cluster: Cluster) -> None:
    with pytest.raises(ApiError) as raised:
        await cluster.create("configmaps", {"metadata": {"name": "a"}, "dta": {}}, options=STRICT)
    assert raised.value.code == 400
    assert 'strict decoding error: unknown field "dta"' in raised.value.message


async def test_the_object_given_is_not_changed(cluster: Cluster) -> None:
    item: Object = {"metadata": {"name": "a", "labels": {"x": "y"}}, "spec": pod_spec()}
    before = repr(item)
    await cluster.create("pods", item)
    assert repr(item) == before


async def test_admission_may_change_the_object(cluster: Cluster) -> None:
    cluster.admission.change = lambda request: (request.object or {}) | {"data": {"by": "webhook"}}
    assert (await cluster.make("configmaps", "a"))["data"] == {"by": "webhook"}
    assert cluster.get("configmaps", "a")["data"] == {"by": "webhook"}


async def test_what_admission_adds_is_pruned_like_everything(cluster: Cluster) -> None:
    cluster.admission.change = lambda request: (request.object or {}) | {"dta": {}}
    assert "dta" not in await cluster.make("configmaps", "a")


async def test_admission_may_refuse(cluster: Cluster) -> None:
    def refuse(request: AdmissionRequest) -> None:
        raise forbidden("configmaps", request.name, "no")

    cluster.admission.check = refuse
    with pytest.raises(ApiError):
        await cluster.make("configmaps", "a")
    assert not cluster.has("configmaps", "a")


async def test_admission_sees_whole_requests(cluster: Cluster) -> None:
    await cluster.make("configmaps", "a")
    request = cluster.admission.seen[-1]
    assert (request.operation, request.name, request.namespace) == ("CREATE", "a", "default")
    assert request.old is None and request.object is not None
    assert request.options["kind"] == "CreateOptions"


async def test_of_two_creates_at_once_one_wins(cluster: Cluster) -> None:
    cluster.admission.check = lambda _: asyncio.sleep(0)

    async def attempt() -> int:
        try:
            await cluster.make("configmaps", "a")
        except ApiError as error:
            return error.code
        return 201

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(attempt()) for _ in range(3)]
    assert sorted(task.result() for task in tasks) == [201, 409, 409]


async def test_generated_names_do_not_collide(cluster: Cluster) -> None:
    for _ in range(50):
        await cluster.create("configmaps", {"metadata": {"generateName": "a-"}})
    assert len(names(cluster.list("configmaps"))) == 50


async def test_deep_nesting_is_refused(cluster: Cluster) -> None:
    await cluster.create("customresourcedefinitions.apiextensions.k8s.io", _OPEN_CRD)
    deep: Object = {}
    for _ in range(5000):
        deep = {"x": deep}
    with pytest.raises(ApiError) as raised:
        await cluster.create("bags.example.com", {"metadata": {"name": "a"}, "spec": deep})
    assert raised.value.code == 400


_OPEN_CRD: Object = {
    "metadata": {"name": "bags.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "bags", "kind": "Bag"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                },
            }
        ],
    },
}
