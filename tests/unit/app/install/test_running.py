"""What list-up shows: of the space itself, and of what it inherits."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.app.install.worlds import ready

from alcove.app.install.running import SpaceContents, list_running
from alcove.kube.client import Object
from alcove.model import SpaceName

DEV, ALICE = SpaceName("dev"), SpaceName("alice")


def service(space: str, name: str, **spec: Any) -> Object:
    meta = {"name": name, "namespace": space, "creationTimestamp": "2030-01-01T00:00:00Z"}
    return {"metadata": meta, "spec": {"selector": {"app": name}, **spec}}


def pod(space: str, name: str, app: str, *, when: str = "2030-01-02T00:00:00Z", **status: Any) -> Object:
    meta = {"name": name, "namespace": space, "labels": {"app": app}, "creationTimestamp": when}
    return {"metadata": meta, "status": {"phase": "Running", "conditions": ready(), **status}}


def shown(contents: dict[SpaceName, SpaceContents], *chain: SpaceName) -> list[tuple[str, ...]]:
    return [(row.name, row.space, row.type, row.status) for row in list_running(chain, contents)]


def test_services_come_with_their_pods_and_lone_pods_last() -> None:
    pods = [
        pod("dev", "worker", "none"),
        pod("dev", "web-1", "web"),
        pod("dev", "job", "j", phase="Succeeded"),
    ]
    contents = {DEV: SpaceContents([service("dev", "web"), service("dev", "api")], pods)}
    assert shown(contents, DEV) == [
        ("api", "dev", "Service", "NoPods"),
        ("web", "dev", "Service", "Running"),
        ("web-1", "dev", "Pod", "Running"),
        ("worker", "dev", "Pod", "Running"),
    ]


def test_what_a_space_overrides_is_not_inherited() -> None:
    contents = {
        ALICE: SpaceContents([service("alice", "web")], [pod("alice", "web-a", "web")]),
        DEV: SpaceContents(
            [service("dev", "web"), service("dev", "api")],
            [pod("dev", "web-d", "web"), pod("dev", "api-d", "api"), pod("dev", "worker", "none")],
        ),
    }
    assert [row[:2] for row in shown(contents, ALICE, DEV)] == [
        ("web", "alice"),
        ("web-a", "alice"),
        ("api", "dev"),
        ("api-d", "dev"),
    ]


def test_the_newest_pod_says_when_a_service_was_updated() -> None:
    pods = [pod("dev", "web-1", "web", when="2030-03-01T00:00:00Z"), pod("dev", "web-2", "web")]
    first, *_ = list_running([DEV], {DEV: SpaceContents([service("dev", "web")], pods)})
    assert first.updated == "2030-03-01T00:00:00Z" and first.document()["type"] == "Service"


@pytest.mark.parametrize(
    ("spec", "pods", "status"),
    [
        ({"type": "ExternalName"}, [], "External"),
        ({"selector": None}, [], "Manual"),
        ({}, [pod("dev", "w", "web", conditions=[])], "Starting"),
        ({}, [pod("dev", "w", "web", phase="Pending", conditions=[])], "Starting"),
        ({}, [pod("dev", "v", "web"), pod("dev", "w", "web", conditions=[])], "Running"),
    ],
)
def test_a_service_says_how_its_pods_are(spec: dict[str, Any], pods: list[Object], status: str) -> None:
    first, *_ = list_running([DEV], {DEV: SpaceContents([service("dev", "web", **spec)], pods)})
    assert first.status == status


def test_the_api_server_is_no_service_of_a_space() -> None:
    default = SpaceName("default")
    assert list_running([default], {default: SpaceContents([service("default", "kubernetes")])}) == []
