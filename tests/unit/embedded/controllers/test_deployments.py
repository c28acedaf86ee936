"""Deployments as kubectl sees them: rollouts, scaling, history, and what their conditions say."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.embedded.controllers.worlds import REPLICA_SETS, World, play

from alcove.embedded.objects import Object, annotations_of, metadata


def deployment(name: str = "web", replicas: int = 3, image: str = "a", **spec: Any) -> Object:
    labels = {"app": name}
    return {
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "main", "image": image}]},
            },
            "progressDeadlineSeconds": 60,
            **spec,
        },
    }


def image_patch(image: str) -> Object:
    return {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}}}


def test_a_deployment_comes_up_and_says_so() -> None:
    async def scenario(world: World) -> None:
        await world.create("deployments.apps", deployment())
        await world.settle()
        status = world.get("deployments.apps", "web")["status"]
        counts = {key: value for key, value in status.items() if key != "conditions"}
        assert counts == {
            "observedGeneration": 1,
            "replicas": 3,
            "updatedReplicas": 3,
            "readyReplicas": 3,
            "availableReplicas": 3,
        }
        [name] = world.names("replicasets.apps")
        assert world.condition("deployments.apps", "web", "Progressing") == (
            "True",
            "NewReplicaSetAvailable",
            f'ReplicaSet "{name}" has successfully progressed.',
        )
        assert world.condition("deployments.apps", "web", "Available") == (
            "True",
            "MinimumReplicasAvailable",
            "Deployment has minimum availability.",
        )
        assert world.events("ScalingReplicaSet") == [f"Scaled up replica set {name} from 0 to 3"]
        assert (
            annotations_of(world.get("deployments.apps", "web"))["deployment.kubernetes.io/revision"] == "1"
        )

    play(scenario)


def test_a_new_template_replaces_every_pod_and_keeps_the_old_replica_set() -> None:
    async def scenario(world: World) -> None:
        await world.create("deployments.apps", deployment())
        await world.settle()
        await world.patch("deployments.apps", "web", image_patch("b"))
        await world.settle()
        assert {pod["spec"]["containers"][0]["image"] for pod in world.pods()} == {"b"}
        sizes = {
            annotations_of(one)["deployment.kubernetes.io/revision"]: one["spec"]["replicas"]
            for one in world.api.list(REPLICA_SETS)
        }
        assert sizes == {"1": 0, "2": 3}

    play(scenario)


def test_going_back_to_an_old_template_reuses_its_replica_set() -> None:
    async def scenario(world: World) -> None:
        await world.create("deployments.apps", deployment())
        await world.settle()
        [first] = world.names("replicasets.apps")
        for image in ("b", "a"):
            await world.patch("deployments.apps", "web", image_patch(image))
            await world.settle()
        assert len(world.names("replicasets.apps")) == 2
        annotations = annotations_of(world.get("replicasets.apps", first))
        assert annotations["deployment.kubernetes.io/revision"] == "3"
        assert annotations["deployment.kubernetes.io/revision-history"] == "1"
        assert world.get("replicasets.apps", first)["spec"]["replicas"] == 3

    play(scenario)


def test_a_rollout_that_never_gets_ready_exceeds_its_deadline_and_keeps_the_old_pods() -> None:
    async def scenario(world: World) -> None:
        await world.create("deployments.apps", deployment())
        await world.settle()
        world.kubelet.behave = lambda pod: "Running"
        await world.patch("deployments.apps", "web", image_patch("b"))
        await world.settle(50)
        assert world.condition("deployments.apps", "web", "Progressing")[0] == "True"
        await world.settle(20)
        status, reason, message = world.condition("deployments.apps", "web", "Progressing")
        assert (status, reason) == ("False", "ProgressDeadlineExceeded")
        assert message.endswith("has timed out progressing.")
        images = sorted(pod["spec"]["containers"][0]["image"] for pod in world.pods())
        assert images == ["a", "a", "a", "b"]

    play(scenario)


def test_recreate_ends_all_old_pods_before_it_starts_new_ones() -> None:
    async def scenario(world: World) -> None:
        await world.create("deployments.apps", deployment(strategy={"type": "Recreate"}))
        await world.settle()
        world.api.writes.clear()
        await world.patch("deployments.apps", "web", image_patch("b"))
        await world.settle()
        pod_writes = [verb for verb, resource, _ in world.api.writes if resource == "pods"]
        order = [verb for verb in pod_writes if verb in ("create", "delete")]
        assert order == ["delete"] * 6 + ["create"] * 3  # the API's and the kubelet's deletions

    play(scenario)


def test_a_paused_deployment_scales_but_does_not_roll() -> None:
    async def scenario(world: World) -> None:
        await world.create("deployments.apps", deployment())
        await world.settle()
        await world.patch("deployments.apps", "web", {"spec": {"paused": True}})
        await world.patch("deployments.apps", "web", image_patch("b"))
        await world.patch("deployments.apps", "web", {"spec": {"replicas": 5}})
        await world.settle()
        assert [pod["spec"]["containers"][0]["image"] for pod in world.pods()] == ["a"] * 5
        assert world.condition("deployments.apps", "web", "Progressing")[1] == "DeploymentPaused"
        await world.patch("deployments.apps", "web", {"spec": {"paused": False}})
        await world.settle()
        assert [pod["spec"]["containers"][0]["image"] for pod in world.pods()] == ["b"] * 5
        assert world.condition("deployments.apps", "web", "Progressing")[1] == "NewReplicaSetAvailable"

    play(scenario)


def test_only_as_many_old_replica_sets_as_asked_for_are_kept() -> None:
    async def scenario(world: World) -> None:
        await world.create("deployments.apps", deployment(revisionHistoryLimit=1))
        for image in "bcd":
            await world.settle()
            await world.patch("deployments.apps", "web", image_patch(image))
        await world.settle()
        assert len(world.names("replicasets.apps")) == 2

    play(scenario)


def test_a_foreign_replica_set_of_the_wanted_name_is_counted_as_a_collision() -> None:
    async def scenario(world: World) -> None:
        await world.create("deployments.apps", deployment())
        await world.settle()
        [taken] = world.names("replicasets.apps")
        foreign = {**world.get("replicasets.apps", taken)}
        await world.delete("deployments.apps", "web")
        await world.delete("replicasets.apps", taken)
        foreign["metadata"] = {"name": taken, "namespace": "default", "labels": {"other": "one"}}
        foreign["spec"] = {**foreign["spec"], "replicas": 0}
        await world.api.create(REPLICA_SETS, foreign)
        await world.create("deployments.apps", deployment())
        await world.settle()
        assert world.get("deployments.apps", "web")["status"]["collisionCount"] == 1
        assert len(world.names("replicasets.apps")) == 2
        assert world.get("deployments.apps", "web")["status"]["availableReplicas"] == 3

    play(scenario)


def test_a_replica_set_that_matches_is_adopted_and_let_go_when_it_no_longer_does() -> None:
    async def scenario(world: World) -> None:
        await world.create("deployments.apps", deployment())
        await world.settle()
        [name] = world.names("replicasets.apps")
        await world.patch("replicasets.apps", name, {"metadata": {"ownerReferences": None}})
        await world.settle()
        assert metadata(world.get("replicasets.apps", name))["ownerReferences"][0]["name"] == "web"
        await world.patch("replicasets.apps", name, {"metadata": {"labels": {"app": "gone"}}})
        await world.settle()
        assert "ownerReferences" not in metadata(world.get("replicasets.apps", name))
        assert world.get("deployments.apps", "web")["status"]["collisionCount"] == 1

    play(scenario)


@pytest.mark.parametrize(("surge", "unavailable"), [(1, 0), (0, 1), ("25%", "25%"), ("100%", "50%"), (0, 0)])
def test_a_rolling_update_keeps_its_promises_at_every_step(surge: Any, unavailable: Any) -> None:
    async def scenario(world: World) -> None:
        strategy = {"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
        await world.create("deployments.apps", deployment(replicas=4, strategy=strategy))
        await world.settle()
        least, most = {1: (4, 5), 0: (3, 4), "25%": (3, 5), "100%": (2, 8)}[surge]
        await world.patch("deployments.apps", "web", image_patch("b"))
        seen = []
        for _ in range(100):
            await world.settle(0.02)
            live = [pod for pod in world.pods() if "deletionTimestamp" not in metadata(pod)]
            seen.append(
                (sum(pod["status"].get("podIP") is not None for pod in live), len(live)),
            )
        assert min(ready for ready, _ in seen) >= least
        assert max(total for _, total in seen) <= most
        assert {pod["spec"]["containers"][0]["image"] for pod in world.pods()} == {"b"}

    play(scenario)
