from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.unit.embedded.serving.fakes import TYPES, Client, Cluster

from alcove.embedded.ports import DeleteOptions
from alcove.embedded.serving import bodies

MAPS = "/api/v1/namespaces/n/configmaps"
WIDGETS = "/apis/example.com/v2/namespaces/n/widgets"


@pytest.fixture
def stored(cluster: Cluster) -> Cluster:
    """A cluster with a ConfigMap ``a`` and a Widget ``w``."""
    for kind, resource_type, name in (("ConfigMap", TYPES[0], "a"), ("Widget", TYPES[6], "w")):
        item = {"apiVersion": resource_type.api_version, "kind": kind, "metadata": {"name": name}}
        cluster.registry.put(resource_type, "n", item)
    return cluster


async def test_an_object_is_created_with_its_kind_filled_in(client: Client, cluster: Cluster) -> None:
    status, body = await client.ask("POST", MAPS, json={"metadata": {"name": "a"}, "data": {"k": "v"}})
    assert (status, body["kind"], body["apiVersion"], body["data"]) == (201, "ConfigMap", "v1", {"k": "v"})
    assert (await client.ask("GET", f"{MAPS}/a"))[1]["metadata"]["name"] == "a"


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "Pod"},
        {"apiVersion": "v2"},
        {"metadata": []},
        {"metadata": "x"},
        {"kind": 1},
        {"apiVersion": ["v1"]},
    ],
)
async def test_an_object_of_another_kind_is_400(client: Client, wrong: dict[str, Any]) -> None:
    status, body = await client.ask("POST", MAPS, json=wrong)
    assert (status, body["reason"]) == (400, "BadRequest")


async def test_warnings_are_headers(client: Client, cluster: Cluster) -> None:
    cluster.registry.warnings = ("one", "two")
    answer, _ = await client.answer("POST", MAPS, json={})
    assert answer.headers.getall("Warning") == ['299 - "one"', '299 - "two"']


async def test_the_field_manager_is_the_program(client: Client, cluster: Cluster) -> None:
    await client.ask("POST", f"{MAPS}?dryRun=All", json={}, headers={"User-Agent": "helm/3"})
    options = cluster.registry.calls[0][1]
    assert (options.field_manager, options.dry_run, options.user.name) == ("helm", True, "system:anonymous")


async def test_lists_and_objects_come_in_the_form_asked_for(client: Client, stored: Cluster) -> None:
    table = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
    assert (await client.ask("GET", MAPS))[1]["kind"] == "ConfigMapList"
    assert (await client.ask("GET", MAPS, headers=table))[1]["kind"] == "Table"
    assert (await client.ask("GET", f"{MAPS}/a", headers=table))[1]["kind"] == "Table"
    metadata = {"Accept": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"}
    assert (await client.ask("GET", f"{MAPS}/a", headers=metadata))[1]["kind"] == "PartialObjectMetadata"
    assert (await client.ask("GET", MAPS, headers={"Accept": "text/html"}))[0] == 406


async def test_a_list_over_all_namespaces_takes_its_options(client: Client, stored: Cluster) -> None:
    _, body = await client.ask("GET", "/api/v1/configmaps?limit=3&labelSelector=a")
    assert body["metadata"]["continue"] == "more"
    assert stored.registry.calls[0][1].label_selector == "a"


async def test_another_version_of_a_custom_resource_is_told_as_that(client: Client, stored: Cluster) -> None:
    assert (await client.ask("GET", WIDGETS))[1]["items"][0]["apiVersion"] == "example.com/v2"
    assert (await client.ask("GET", f"{WIDGETS}/w"))[1]["apiVersion"] == "example.com/v2"


@pytest.mark.parametrize("path", [f"{MAPS}/a", "/apis/apps/v1/namespaces/n/deployments/d/status"])
async def test_an_update_goes_to_its_place(client: Client, cluster: Cluster, path: str) -> None:
    assert (await client.ask("PUT", path, json={"metadata": {"name": "a"}}))[0] == 200
    assert cluster.registry.calls[0][0].split(" ")[1] == path.split("/")[-1].replace(
        "a", "", path.endswith("/a")
    )


async def test_a_scale_has_a_kind_of_its_own(client: Client) -> None:
    path = "/apis/apps/v1/namespaces/n/deployments/d/scale"
    scale = {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {"name": "d"},
        "spec": {"replicas": 2},
    }
    assert (await client.ask("PUT", path, json=scale))[0] == 200


async def test_a_patch_is_passed_on_by_its_kind(client: Client, stored: Cluster) -> None:
    headers = {"Content-Type": bodies.MERGE_PATCH}
    assert (await client.ask("PATCH", f"{MAPS}/a", data=b'{"a":1}', headers=headers))[0] == 200
    apply = {"Content-Type": bodies.APPLY_PATCH}
    await client.ask("PATCH", f"{MAPS}/a?fieldManager=me&force=true", data=b"a: 1", headers=apply)
    told = [call for call, _ in stored.registry.calls]
    assert told == [f'patch {bodies.MERGE_PATCH} {{"a":1}}', f'patch {bodies.APPLY_PATCH} {{"a":1}}']
    assert stored.registry.calls[1][1].force


async def test_an_apply_without_a_manager_is_422(client: Client) -> None:
    headers = {"Content-Type": bodies.APPLY_PATCH}
    assert (await client.ask("PATCH", f"{MAPS}/a", data=b"{}", headers=headers))[0] == 422


async def test_a_delete_says_success_or_what_is_left(client: Client, stored: Cluster) -> None:
    status, body = await client.ask("DELETE", f"{MAPS}/a", json={"propagationPolicy": "Orphan"})
    assert (status, body["status"], body["details"]["name"]) == (200, "Success", "a")
    assert stored.registry.calls[0][1][0] == DeleteOptions(propagation="Orphan")
    _, body = await client.ask("DELETE", f"{MAPS}/a?gracePeriodSeconds=5&dryRun=All")
    assert body["kind"] == "ConfigMap"
    assert stored.registry.calls[1][1][1].dry_run


async def test_an_eviction_is_a_delete_with_the_options_in_it(client: Client, cluster: Cluster) -> None:
    cluster.registry.put(TYPES[1], "n", {"metadata": {"name": "p"}})
    path = "/api/v1/namespaces/n/pods/p/eviction"
    wrong = await client.ask("POST", path, json={"metadata": {"name": "q"}})
    assert (wrong[0], wrong[1]["message"]) == (400, "name in URL does not match name in Eviction object")
    assert (await client.ask("POST", path, json={"deleteOptions": 1}))[0] == 400
    body = {"kind": "Eviction", "metadata": {"name": "p"}, "deleteOptions": {"gracePeriodSeconds": 5}}
    status, answer = await client.ask("POST", path, json=body)
    assert (status, answer["status"], answer["code"]) == (201, "Success", 201)
    assert cluster.registry.calls[-1][1][0].grace_seconds == 5
    gone = path.replace("/p/", "/q/")
    assert (await client.ask("POST", gone, json={"kind": "Eviction"}))[0] == 404


async def test_a_delete_of_many_gives_what_was_selected(client: Client, stored: Cluster) -> None:
    status, body = await client.ask("DELETE", MAPS)
    assert (status, body["kind"], len(body["items"])) == (200, "ConfigMapList", 1)


async def test_a_review_is_answered_with_its_status(client: Client) -> None:
    status, body = await client.ask("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", json={})
    assert (status, body["kind"]) == (201, "SelfSubjectReview")
    assert body["status"]["userInfo"]["username"] == "system:anonymous"


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/api/v1/nopes", 404),
        ("GET", "/apis/nope/v1/pods", 404),
        ("GET", "/api/v1/pods/p", 404),
        ("GET", "/apis/authentication.k8s.io/v1/namespaces/n/selfsubjectreviews", 404),
        ("GET", f"{MAPS}/a/status", 404),
        ("GET", f"{MAPS}/none", 404),
        ("GET", "/apis/apps/v1/namespaces/n/deployments/d/status/x", 404),
        ("POST", "/api/v1/configmaps", 405),
        ("POST", f"{MAPS}/a", 405),
        ("GET", "/apis/authentication.k8s.io/v1/selfsubjectreviews", 405),
        ("OPTIONS", MAPS, 405),
        ("DELETE", "/apis/apps/v1/namespaces/n/deployments/d/status", 405),
        ("GET", "/apis/coordination.k8s.io/v1/namespaces/n/leases", 501),
        ("GET", "/api/v1/namespaces/n/pods/p/proxy/x/y", 501),
        ("GET", "/api/v1/namespaces/n/pods/p/attach", 501),
    ],
)
async def test_what_cannot_be_asked_is_a_status(client: Client, method: str, path: str, code: int) -> None:
    status, body = await client.ask(method, path)
    assert (status, body["kind"], body["code"]) == (code, "Status", code)


async def test_a_namespace_is_an_object_and_a_place(client: Client, cluster: Cluster) -> None:
    cluster.registry.put(TYPES[2], "", {"metadata": {"name": "n"}})
    assert (await client.ask("GET", "/api/v1/namespaces/n"))[1]["metadata"]["name"] == "n"
    assert cluster.identity.asked[0].namespace == "n"
    finalize = await client.ask("PUT", "/api/v1/namespaces/n/finalize", json={"metadata": {"name": "n"}})
    assert finalize[0] == 200


async def test_a_head_has_no_body(client: Client, stored: Cluster) -> None:
    answer, body = await client.answer("HEAD", f"{MAPS}/a")
    assert (answer.status, body) == (200, b"")
    assert int(answer.headers["Content-Length"]) == len(
        msgspec.json.encode(stored.registry.get(TYPES[0], "n", "a"))
    )
