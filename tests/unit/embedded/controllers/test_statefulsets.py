"""StatefulSets: order, names, volumes, and updates that stop where they are told to."""

from __future__ import annotations

from typing import Any

from tests.unit.embedded.controllers.worlds import World, play

from alcove.embedded.objects import GroupResource, Object, labels_of, metadata

SETS = "statefulsets.apps"


def stateful_set(replicas: int = 3, **spec: Any) -> Object:
    labels = {"app": "db"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "a"}]}}
    return {
        "metadata": {"name": "db"},
        "spec": {
            "replicas": replicas,
            "serviceName": "dbs",
            "selector": {"matchLabels": labels},
            "template": template,
            **spec,
        },
    }


def template_patch(image: str) -> Object:
    return {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}}}


def images(world: World) -> list[str]:
    return [pod["spec"]["containers"][0]["image"] for pod in world.pods()]


def pod_writes(world: World, verb: str) -> list[str]:
    return [name for did, resource, name in world.api.writes if (did, resource) == (verb, "pods")]


def test_pods_come_up_one_after_another_with_lasting_names() -> None:
    async def scenario(world: World) -> None:
        world.kubelet.start_seconds = 2
        await world.create(SETS, stateful_set())
        await world.settle(1)
        assert world.names("pods") == ["db-0"]
        await world.settle(10)
        assert pod_writes(world, "create") == ["db-0", "db-1", "db-2"]
        pod = world.get("pods", "db-1")
        assert (pod["spec"]["hostname"], pod["spec"]["subdomain"]) == ("db-1", "dbs")
        assert labels_of(pod)["statefulset.kubernetes.io/pod-name"] == "db-1"
        assert labels_of(pod)["apps.kubernetes.io/pod-index"] == "1"

    play(scenario)


def test_the_status_counts_and_names_the_revision() -> None:
    async def scenario(world: World) -> None:
        await world.create(SETS, stateful_set(2))
        await world.settle()
        [revision] = world.names("controllerrevisions.apps")
        assert world.get(SETS, "db")["status"] == {
            "observedGeneration": 1,
            "replicas": 2,
            "readyReplicas": 2,
            "availableReplicas": 2,
            "currentReplicas": 2,
            "updatedReplicas": 2,
            "currentRevision": revision,
            "updateRevision": revision,
            "collisionCount": 0,
        }

    play(scenario)


def test_parallel_sets_start_all_at_once() -> None:
    async def scenario(world: World) -> None:
        world.kubelet.behave = lambda pod: "Pending"
        await world.create(SETS, stateful_set(podManagementPolicy="Parallel"))
        await world.settle()
        assert world.names("pods") == ["db-0", "db-1", "db-2"]

    play(scenario)


def test_scaling_down_takes_the_last_first_and_waits_for_each() -> None:
    async def scenario(world: World) -> None:
        await world.create(SETS, stateful_set())
        await world.settle()
        world.api.writes.clear()
        await world.patch(SETS, "db", {"spec": {"replicas": 1}})
        await world.settle()
        assert pod_writes(world, "delete") == ["db-2", "db-2", "db-1", "db-1"]  # and the kubelet's own
        assert world.names("pods") == ["db-0"]

    play(scenario)


def test_an_update_goes_from_the_last_to_the_first() -> None:
    async def scenario(world: World) -> None:
        await world.create(SETS, stateful_set())
        await world.settle()
        world.api.writes.clear()
        await world.patch(SETS, "db", template_patch("b"))
        await world.settle(10)
        assert pod_writes(world, "create") == ["db-2", "db-1", "db-0"]
        assert images(world) == ["b", "b", "b"]
        status = world.get(SETS, "db")["status"]
        assert status["currentRevision"] == status["updateRevision"]
        assert len(world.names("controllerrevisions.apps")) == 2

    play(scenario)


def test_an_update_stops_at_the_partition_and_restores_both_sides() -> None:
    async def scenario(world: World) -> None:
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
        await world.create(SETS, stateful_set(updateStrategy=strategy))
        await world.settle()
        await world.patch(SETS, "db", template_patch("b"))
        await world.settle()
        assert images(world) == ["a", "a", "b"]
        await world.delete("pods", "db-0")
        await world.delete("pods", "db-2")
        await world.settle()
        assert images(world) == ["a", "a", "b"]
        status = world.get(SETS, "db")["status"]
        assert (status["currentReplicas"], status["updatedReplicas"]) == (2, 1)

    play(scenario)


def test_on_delete_waits_for_somebody_to_delete_the_pod() -> None:
    async def scenario(world: World) -> None:
        await world.create(SETS, stateful_set(2, updateStrategy={"type": "OnDelete"}))
        await world.settle()
        await world.patch(SETS, "db", template_patch("b"))
        await world.settle()
        assert images(world) == ["a", "a"]
        await world.delete("pods", "db-1")
        await world.settle()
        assert images(world) == ["a", "b"]

    play(scenario)


def test_going_back_makes_the_old_revision_the_newest() -> None:
    async def scenario(world: World) -> None:
        await world.create(SETS, stateful_set(1))
        for image in "ba":
            await world.settle()
            await world.patch(SETS, "db", template_patch(image))
        await world.settle()
        revisions = world.api.list(GroupResource("controllerrevisions.apps"))
        told = {
            one["data"]["spec"]["template"]["spec"]["containers"][0]["image"]: one["revision"]
            for one in revisions
        }
        assert told == {"a": 3, "b": 2}
        assert revisions[0]["data"]["spec"]["template"]["$patch"] == "replace"

    play(scenario)


def test_each_pod_has_its_own_claims_which_outlast_it() -> None:
    async def scenario(world: World) -> None:
        claims = [{"metadata": {"name": "store"}, "spec": {"accessModes": ["ReadWriteOnce"]}}]
        await world.create(SETS, stateful_set(2, volumeClaimTemplates=claims))
        await world.settle()
        await world.patch(SETS, "db", {"spec": {"replicas": 1}})
        await world.settle()
        assert world.names("persistentvolumeclaims") == ["store-db-0", "store-db-1"]
        assert world.get("pods", "db-0")["spec"]["volumes"] == [
            {"name": "store", "persistentVolumeClaim": {"claimName": "store-db-0"}}
        ]
        assert labels_of(world.get("persistentvolumeclaims", "store-db-0")) == {"app": "db"}

    play(scenario)


def test_ordinals_may_start_elsewhere_and_failed_pods_are_made_anew() -> None:
    async def scenario(world: World) -> None:
        await world.create(SETS, stateful_set(2, ordinals={"start": 5}))
        await world.settle()
        assert world.names("pods") == ["db-5", "db-6"]
        before = metadata(world.get("pods", "db-5"))["uid"]
        await world.kubelet.mark(world.get("pods", "db-5"), "Failed")
        await world.settle()
        assert metadata(world.get("pods", "db-5"))["uid"] != before

    play(scenario)


def test_what_an_orphaning_deletion_left_is_taken_over() -> None:
    async def scenario(world: World) -> None:
        await world.create(SETS, stateful_set(2))
        await world.settle()
        before = [metadata(pod)["uid"] for pod in world.pods()]
        await world.delete(SETS, "db", "Orphan")
        await world.settle()
        await world.create(SETS, stateful_set(2))
        await world.settle()
        assert [metadata(pod)["uid"] for pod in world.pods()] == before
        assert world.get(SETS, "db")["status"]["updatedReplicas"] == 2

    play(scenario)
