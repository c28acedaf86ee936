from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from tests.unit.app.hub.pods import ID, WAITS, image, running, session_pod
from tests.unit.sessions.samples import TREES

from alcove.app.hub.pods import ContainerView, current, find_trouble, view_pod
from alcove.kube.client import Object


def test_a_pod_that_has_no_node_yet() -> None:
    view = view_pod({**session_pod(), "spec": {"containers": [{"name": "web", "image": image()}]}})
    assert (view.name, view.node, view.build, view.ip) == ("web-1", "", 1, "")
    assert not view.ready and not view.ending and not view.waits and not view.runs


def test_a_pod_that_waits_for_its_image() -> None:
    view = view_pod(session_pod(status=WAITS))
    assert view.waits and view.node == "node-1" and view.images == (image(),)
    assert view.containers == (ContainerView("web", image(), 15090, running=False, started=""),)
    assert not view.trouble


def test_a_pod_that_runs() -> None:
    view = view_pod(session_pod(status=running()))
    assert view.runs and view.ready and not view.waits and view.ip == "127.0.0.1"
    assert view.containers[0].started == "t1"


def test_a_pod_of_two_session_containers_and_a_foreign_one() -> None:
    containers = [
        {"name": "web", "image": image()},
        {"name": "side", "image": "redis:7"},
        {"name": "worker", "image": image(name="worker")},
    ]
    view = view_pod(session_pod(containers=containers, status=running("web", "side")))
    assert [(one.name, one.port, one.running) for one in view.containers] == [
        ("web", 15090, True),
        ("worker", 15091, False),
    ]
    assert not view.runs and view.images == (image(), image(name="worker"))


def test_what_no_agent_runs_needs_its_image_too() -> None:
    migration = [{"name": "migrate", "image": image(name="migrate")}, {"name": "fetch", "image": "curl:8"}]
    assert view_pod(session_pod(inits=migration)).images == (image(name="migrate"), image())
    job = view_pod(session_pod(restartPolicy="Never", status=WAITS))
    assert not job.containers and job.waits and job.images == (image(),)


def test_images_of_other_builds_are_not_ours_to_make() -> None:
    containers = [{"name": "web", "image": image(2)}, {"name": "old", "image": image(1)}]
    assert view_pod(session_pod(build=2, containers=containers)).images == (image(2),)


@pytest.mark.parametrize(
    ("change", "ending"),
    [
        ({}, False),
        ({"metadata": {"deletionTimestamp": "2030-01-01T00:00:00Z"}}, True),
        ({"status": {"phase": "Failed"}}, True),
        ({"status": {"phase": "Succeeded"}}, True),
        ({"status": {"phase": "Running"}}, False),
    ],
)
def test_which_pods_are_on_their_way_out(change: Object, ending: bool) -> None:
    pod = session_pod()
    for part, more in change.items():
        pod[part] = {**pod[part], **more}
    view = view_pod(pod)
    assert view.ending is ending
    assert list(current([view], 1)) == ([] if ending else [view])


def test_the_pods_of_the_newest_build_by_name() -> None:
    pods = [view_pod(session_pod(name, build=build)) for name, build in (("b", 2), ("a", 2), ("c", 1))]
    assert [one.name for one in current(pods, 2)] == ["a", "b"]


def waiting(reason: str, message: str = "") -> Object:
    return {"name": "web", "state": {"waiting": {"reason": reason, "message": message}}}


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        ({}, ""),
        ({"containerStatuses": [waiting("PodInitializing")]}, ""),
        ({"containerStatuses": [waiting("ContainerCreating")]}, ""),
        (
            {"containerStatuses": [waiting("ErrImagePull", "no such host")]},
            "container web: ErrImagePull no such host",
        ),
        ({"initContainerStatuses": [waiting("CrashLoopBackOff")]}, "container web: CrashLoopBackOff"),
        (
            {
                "containerStatuses": [
                    {"name": "web", "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}
                ]
            },
            "container web: OOMKilled, exit code 137",
        ),
        ({"initContainerStatuses": [{"name": "i", "state": {"terminated": {"exitCode": 0}}}]}, ""),
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes fit"}]},
            "it cannot be scheduled: 0/1 nodes fit",
        ),
        ({"conditions": [{"type": "PodScheduled", "status": "True"}]}, ""),
        (
            {"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory"},
            "it ended: The node was low on memory",
        ),
    ],
)
def test_why_a_pod_does_not_come_up(status: Object, trouble: str) -> None:
    assert find_trouble(status) == trouble


@pytest.mark.parametrize(("label", "build"), [("7", 7), ("", 0), ("x", 0), ("-1", 0), ("\u00b2", 0)])
def test_a_build_that_is_no_number_is_of_no_session(label: str, build: int) -> None:
    pod = session_pod()
    pod["metadata"]["labels"]["alcove.dev/build"] = label
    assert view_pod(pod).build == build


def test_pull_secrets_are_named() -> None:
    pod = session_pod(imagePullSecrets=[{"name": "registry"}, {}])
    assert view_pod(pod).pull_secrets == ("registry",)


@pytest.mark.parametrize("pod", [{}, {"metadata": None, "spec": None, "status": None}])
def test_an_object_of_which_nothing_is_said(pod: dict[str, Any]) -> None:
    view = view_pod(pod)
    assert not view.runs and not view.images and view.build == 0


@given(TREES)
def test_conditions_may_say_anything(message: Any) -> None:
    status = {"conditions": [{"type": "PodScheduled", "status": "False", "message": message}]}
    assert find_trouble(status).startswith("it cannot be scheduled: ")
    assert ID
