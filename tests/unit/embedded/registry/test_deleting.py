"""Deleting: preconditions, finalizers, grace periods, namespaces, and what waits for whom."""

from __future__ import annotations

import pytest
from tests.unit.embedded.registry.clusters import DRY_RUN, OPTIONS, Cluster, pod_spec

from alcove.embedded.faults import ApiError
from alcove.embedded.objects import Object
from alcove.embedded.ports import DeleteOptions, ListOptions


async def bound_pod(cluster: Cluster, **spec: object) -> Object:
    await cluster.make("pods", "a", spec=pod_spec(**spec))
    binding = {"metadata": {"name": "a"}, "target": {"name": "node"}}
    await cluster.create("pods", binding, name="a", subresource="binding")
    return cluster.get("pods", "a")


async def finalized(cluster: Cluster, *finalizers: str) -> None:
    await cluster.create("configmaps", {"metadata": {"name": "a", "finalizers": list(finalizers)}})


async def test_a_deleted_object_is_gone_at_once(cluster: Cluster) -> None:
    made = await cluster.make("configmaps", "a")
    done = await cluster.delete("configmaps", "a")
    assert done.deleted and done.object["metadata"]["uid"] == made["metadata"]["uid"]
    assert not cluster.has("configmaps", "a")
    with pytest.raises(ApiError) as raised:
        await cluster.delete("configmaps", "a")
    assert raised.value.code == 404


async def test_a_dry_run_deletes_nothing(cluster: Cluster) -> None:
    await cluster.make("configmaps", "a")
    assert (await cluster.delete("configmaps", "a", options=DRY_RUN)).deleted
    await bound_pod(cluster)
    assert not (await cluster.delete("pods", "a", options=DRY_RUN)).deleted
    assert cluster.has("configmaps", "a")
    assert "deletionTimestamp" not in cluster.get("pods", "a")["metadata"]


@pytest.mark.parametrize("delete", [DeleteOptions(uid="other"), DeleteOptions(resource_version="1")])
async def test_preconditions_must_hold(cluster: Cluster, delete: DeleteOptions) -> None:
    await cluster.make("configmaps", "a")
    with pytest.raises(ApiError) as raised:
        await cluster.delete("configmaps", "a", delete)
    assert raised.value.code == 409
    assert "in the precondition" in raised.value.message


async def test_finalizers_keep_the_object_until_the_last_is_gone(cluster: Cluster) -> None:
    await finalized(cluster, "x/one", "x/two")
    done = await cluster.delete("configmaps", "a")
    assert not done.deleted
    inner = done.object["metadata"]
    assert (inner["deletionTimestamp"], inner["deletionGracePeriodSeconds"]) == ("2023-11-14T22:13:20Z", 0)
    await cluster.patch("configmaps", "a", {"metadata": {"finalizers": ["x/two"]}})
    assert cluster.has("configmaps", "a")
    last = await cluster.patch("configmaps", "a", {"metadata": {"finalizers": None}})
    assert not cluster.has("configmaps", "a")
    assert last.object["metadata"]["deletionTimestamp"]


async def test_deleting_again_changes_nothing(cluster: Cluster) -> None:
    await finalized(cluster, "x/one")
    await cluster.delete("configmaps", "a")
    revision = cluster.store.revision
    cluster.time += 60
    assert not (await cluster.delete("configmaps", "a")).deleted
    assert cluster.store.revision == revision


@pytest.mark.parametrize(
    ("propagation", "finalizers"),
    [("Foreground", ["foregroundDeletion"]), ("Orphan", ["orphan"])],
)
async def test_propagation_is_a_finalizer(cluster: Cluster, propagation: str, finalizers: list[str]) -> None:
    await cluster.make("configmaps", "a")
    done = await cluster.delete("configmaps", "a", DeleteOptions(propagation=propagation))
    assert not done.deleted
    assert done.object["metadata"]["finalizers"] == finalizers


async def test_background_deletion_takes_the_foreground_back(cluster: Cluster) -> None:
    await cluster.make("configmaps", "a")
    await cluster.delete("configmaps", "a", DeleteOptions(propagation="Foreground"))
    assert (await cluster.delete("configmaps", "a", DeleteOptions(propagation="Background"))).deleted


async def test_unknown_propagation_is_refused(cluster: Cluster) -> None:
    await cluster.make("configmaps", "a")
    with pytest.raises(ApiError) as raised:
        await cluster.delete("configmaps", "a", DeleteOptions(propagation="Sideways"))
    assert raised.value.code == 422


async def test_a_running_pod_waits_for_its_kubelet(cluster: Cluster) -> None:
    await bound_pod(cluster)
    done = await cluster.delete("pods", "a")
    inner = done.object["metadata"]
    assert not done.deleted
    assert (inner["deletionTimestamp"], inner["deletionGracePeriodSeconds"]) == ("2023-11-14T22:13:50Z", 30)
    assert inner["generation"] == 2
    assert (await cluster.delete("pods", "a", DeleteOptions(grace_seconds=0))).deleted
    assert not cluster.has("pods", "a")


@pytest.mark.parametrize(("asked", "grace"), [(5, 5), (-3, 1), (None, 7)])
async def test_the_grace_period_is_the_callers_or_the_pods(
    cluster: Cluster, asked: int | None, grace: int
) -> None:
    await bound_pod(cluster, terminationGracePeriodSeconds=7)
    done = await cluster.delete("pods", "a", DeleteOptions(grace_seconds=asked))
    assert done.object["metadata"]["deletionGracePeriodSeconds"] == grace


async def test_the_grace_period_may_only_become_shorter(cluster: Cluster) -> None:
    await bound_pod(cluster)
    await cluster.delete("pods", "a")
    revision = cluster.store.revision
    for longer in (None, 30, 60):
        await cluster.delete("pods", "a", DeleteOptions(grace_seconds=longer))
    assert cluster.store.revision == revision
    inner = (await cluster.delete("pods", "a", DeleteOptions(grace_seconds=10))).object["metadata"]
    assert (inner["deletionTimestamp"], inner["deletionGracePeriodSeconds"]) == ("2023-11-14T22:13:30Z", 10)
    cluster.time += 20
    inner = (await cluster.delete("pods", "a", DeleteOptions(grace_seconds=5))).object["metadata"]
    assert (inner["deletionTimestamp"], inner["deletionGracePeriodSeconds"]) == ("2023-11-14T22:13:40Z", 1)


async def test_a_pod_without_a_node_goes_at_once(cluster: Cluster) -> None:
    await cluster.make("pods", "a", spec=pod_spec())
    assert (await cluster.delete("pods", "a")).deleted


async def test_a_finished_pod_goes_at_once(cluster: Cluster) -> None:
    await bound_pod(cluster)
    await cluster.patch("pods", "a", {"status": {"phase": "Succeeded"}}, subresource="status")
    assert (await cluster.delete("pods", "a")).deleted


async def test_a_pod_with_a_finalizer_outlives_its_kubelet(cluster: Cluster) -> None:
    await bound_pod(cluster)
    await cluster.patch("pods", "a", {"metadata": {"finalizers": ["x/one"]}})
    await cluster.delete("pods", "a")
    assert not (await cluster.delete("pods", "a", DeleteOptions(grace_seconds=0))).deleted
    await cluster.patch("pods", "a", {"metadata": {"finalizers": None}})
    assert not cluster.has("pods", "a")


async def test_a_pod_in_its_grace_period_is_not_removed_by_its_last_finalizer(cluster: Cluster) -> None:
    await bound_pod(cluster)
    await cluster.patch("pods", "a", {"metadata": {"finalizers": ["x/one"]}})
    await cluster.delete("pods", "a")
    await cluster.patch("pods", "a", {"metadata": {"finalizers": None}})
    assert cluster.has("pods", "a")


async def test_a_namespace_ends_when_it_is_finalized(cluster: Cluster) -> None:
    made = await cluster.make("namespaces", "ending")
    assert made["spec"]["finalizers"] == ["kubernetes"]
    begun = await cluster.delete("namespaces", "ending")
    assert not begun.deleted
    assert begun.object["status"]["phase"] == "Terminating"
    assert not (await cluster.delete("namespaces", "ending")).deleted
    assert cluster.has("namespaces", "ending")
    final = begun.object | {"spec": {"finalizers": []}}
    await cluster.update("namespaces", final, subresource="finalize")
    assert not cluster.has("namespaces", "ending")


@pytest.mark.parametrize("name", ["default", "kube-system", "kube-public"])
async def test_namespaces_of_the_system_are_immortal(cluster: Cluster, name: str) -> None:
    with pytest.raises(ApiError, match="this namespace may not be deleted") as raised:
        await cluster.delete("namespaces", name)
    assert raised.value.code == 403


async def test_a_collection_is_deleted_by_selection(cluster: Cluster) -> None:
    for name, label in (("a", "x"), ("b", "x"), ("c", "y")):
        await cluster.create("configmaps", {"metadata": {"name": name, "labels": {"l": label}}})
    kind = cluster.type("configmaps")
    page = await cluster.registry.delete_collection(
        kind, "default", ListOptions(label_selector="l=x"), DeleteOptions(), OPTIONS
    )
    assert [stored.key.name for stored in page.items] == ["a", "b"]
    assert cluster.has("configmaps", "c") and not cluster.has("configmaps", "a")


async def test_a_collection_of_another_namespace_is_left_alone(cluster: Cluster) -> None:
    await cluster.make("namespaces", "other")
    await cluster.make("configmaps", "a", namespace="other")
    kind = cluster.type("configmaps")
    await cluster.registry.delete_collection(kind, "default", ListOptions(), DeleteOptions(), OPTIONS)
    assert cluster.has("configmaps", "a", namespace="other")


async def test_events_end_after_an_hour(cluster: Cluster) -> None:
    about: Object = {"involvedObject": {"kind": "Pod", "name": "a", "namespace": "default"}}
    await cluster.make("events", "old", **about)
    await cluster.make("events", "again", lastTimestamp="2023-11-14T23:00:00Z", **about)
    cluster.time += 3601
    await cluster.make("events", "new", **about)
    cluster.registry.expire_events()
    assert [stored.key.name for stored in cluster.list("events").items] == ["again", "new"]
