"""ReplicaSets: creation, deletion order, adoption, and what refused creations lead to."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.embedded.controllers.worlds import PODS, World, play

from alcove.embedded import faults
from alcove.embedded.controllers.replicasets import in_deletion_order
from alcove.embedded.objects import Object, metadata


def replica_set(replicas: int = 2, **spec: Any) -> Object:
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "a"}]}}
    selector = {"matchLabels": labels}
    return {
        "metadata": {"name": "web"},
        "spec": {"replicas": replicas, "selector": selector, "template": template, **spec},
    }


def test_pods_are_made_with_an_owner_and_counted() -> None:
    async def scenario(world: World) -> None:
        await world.create("replicasets.apps", replica_set())
        await world.settle()
        owners = [metadata(pod)["ownerReferences"][0] for pod in world.pods()]
        assert [(one["kind"], one["controller"], one["blockOwnerDeletion"]) for one in owners] == [
            ("ReplicaSet", True, True)
        ] * 2
        assert world.get("replicasets.apps", "web")["status"] == {
            "replicas": 2,
            "fullyLabeledReplicas": 2,
            "readyReplicas": 2,
            "availableReplicas": 2,
            "observedGeneration": 1,
        }
        assert len(world.events("SuccessfulCreate")) == 2

    play(scenario)


def test_never_more_pods_are_made_than_wanted() -> None:
    async def scenario(world: World) -> None:
        await world.create("replicasets.apps", replica_set(40))
        await world.settle()
        created = [write for write in world.api.writes if write[:2] == ("create", "pods")]
        assert len(created) == 40

    play(scenario)


def test_a_pod_that_is_deleted_or_finished_is_replaced() -> None:
    async def scenario(world: World) -> None:
        await world.create("replicasets.apps", replica_set())
        await world.settle()
        first, second = world.pods()
        await world.delete("pods", metadata(first)["name"])
        await world.kubelet.mark(second, "Failed")
        await world.settle()
        phases = sorted(pod["status"]["phase"] for pod in world.pods())
        assert phases == ["Failed", "Running", "Running"]

    play(scenario)


def test_minimum_seconds_pass_before_a_pod_is_available() -> None:
    async def scenario(world: World) -> None:
        await world.create("replicasets.apps", replica_set(minReadySeconds=30))
        await world.settle(20)
        assert "availableReplicas" not in world.get("replicasets.apps", "web")["status"]
        await world.settle(20)
        assert world.get("replicasets.apps", "web")["status"]["availableReplicas"] == 2

    play(scenario)


def test_an_orphan_is_adopted_and_one_that_no_longer_matches_is_let_go() -> None:
    async def scenario(world: World) -> None:
        orphan = {"metadata": {"name": "orphan", "labels": {"app": "web"}}, "spec": {"containers": []}}
        await world.create("pods", orphan)
        await world.create("replicasets.apps", replica_set())
        await world.settle()
        assert len(world.pods()) == 2
        assert metadata(world.get("pods", "orphan"))["ownerReferences"][0]["name"] == "web"
        await world.patch("pods", "orphan", {"metadata": {"labels": {"app": "gone"}}})
        await world.settle()
        assert "ownerReferences" not in metadata(world.get("pods", "orphan"))
        assert len(world.pods()) == 3

    play(scenario)


def test_refused_creations_are_told_and_tried_again() -> None:
    async def scenario(world: World) -> None:
        refusing = True

        def refuse(verb: str, resource: str, item: Object) -> None:
            if refusing and (verb, resource) == ("create", "pods"):
                raise faults.forbidden("pods", "", "exceeded quota: small")

        world.api.refuse = refuse
        await world.create("replicasets.apps", replica_set())
        await world.settle()
        assert world.condition("replicasets.apps", "web", "ReplicaFailure") == (
            "True",
            "FailedCreate",
            "pods is forbidden: exceeded quota: small",
        )
        assert set(world.events("FailedCreate")) == {
            "Error creating: pods is forbidden: exceeded quota: small"
        }
        refusing = False
        await world.settle(60)
        assert len(world.pods()) == 2
        assert world.condition("replicasets.apps", "web", "ReplicaFailure") == ("", "", "")

    play(scenario)


def test_a_replica_set_that_fails_does_not_hold_up_another() -> None:
    async def scenario(world: World) -> None:
        def refuse(verb: str, resource: str, item: Object) -> None:
            if verb == "create" and metadata(item).get("generateName") == "web-":
                raise RuntimeError("a bug in admission")

        world.api.refuse = refuse
        await world.create("replicasets.apps", replica_set())
        other = replica_set()
        other["metadata"] = {"name": "other"}
        await world.create("replicasets.apps", other)
        await world.settle()
        assert world.get("replicasets.apps", "other")["status"]["readyReplicas"] == 2

    play(scenario)


def test_nothing_is_written_while_nothing_happens() -> None:
    async def scenario(world: World) -> None:
        await world.create("replicasets.apps", replica_set())
        await world.settle()
        world.api.writes.clear()
        await world.settle(3600)
        assert world.api.writes == []

    play(scenario)


def test_a_replication_controller_is_one_too() -> None:
    async def scenario(world: World) -> None:
        item = replica_set(selector={"app": "web"})
        await world.create("replicationcontrollers", item)
        await world.settle()
        assert world.get("replicationcontrollers", "web")["status"]["readyReplicas"] == 2

    play(scenario)


def pod(name: str, *, phase: str = "Running", ready: str = "", created: str = "", **more: Any) -> Object:
    conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": ready}] if ready else []
    return {
        "metadata": {"name": name, "creationTimestamp": created, "annotations": more.get("annotations", {})},
        "spec": {"nodeName": more.get("node", "node")},
        "status": {
            "phase": phase,
            "conditions": conditions,
            "containerStatuses": [{"restartCount": more.get("restarts", 0)}],
        },
    }


EARLY, LATE = "2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pod("a", node=""), pod("b")),
        (pod("a", phase="Pending"), pod("b")),
        (pod("a"), pod("b", ready=EARLY)),
        (
            pod("a", ready=EARLY, annotations={"controller.kubernetes.io/pod-deletion-cost": "-5"}),
            pod("b", ready=LATE),
        ),
        (pod("a", ready=LATE), pod("b", ready=EARLY)),
        (pod("a", ready=EARLY, restarts=3), pod("b", ready=EARLY)),
        (pod("a", ready=EARLY, created=LATE), pod("b", ready=EARLY, created=EARLY)),
    ],
    ids=["unassigned", "pending", "not ready", "cheap", "ready later", "restarted", "younger"],
)
def test_pods_that_are_missed_least_go_first(first: Object, second: Object) -> None:
    assert in_deletion_order([second, first]) == [first, second]


def test_scaling_down_deletes_the_surplus() -> None:
    async def scenario(world: World) -> None:
        await world.create("replicasets.apps", replica_set(5))
        await world.settle()
        await world.patch("replicasets.apps", "web", {"spec": {"replicas": 1}})
        await world.settle()
        assert len(world.api.list(PODS)) == 1
        assert len(world.events("SuccessfulDelete")) == 4

    play(scenario)
