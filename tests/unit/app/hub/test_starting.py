from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.unit.app.hub.pods import running, session_pod
from tests.unit.app.hub.worlds import Space, open_session

from alcove.app.hub.pods import view_pod
from alcove.app.hub.session import LiveSession
from alcove.app.hub.starting import find_hindrance, newest_failure
from alcove.kube import resources


def event(name: str, message: str, when: str, reason: str = "FailedCreate") -> dict[str, Any]:
    return {
        "metadata": {"name": f"e{when}", "namespace": "dev"},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "lastTimestamp": when,
        "involvedObject": {"name": name},
    }


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ([], ""),
        ([event("web-5f", "exceeded quota", "1")], "exceeded quota"),
        ([event("web", "old", "1"), event("web-5f", "new", "2")], "new"),
        ([event("webby", "of another", "1"), event("api-1", "of another", "2")], ""),
        ([event("web-1", "it was pulled", "1", "Pulled")], ""),
        ([{"reason": "FailedCreate"}, {}], ""),
        ([{**event("web", "told", ""), "lastTimestamp": None, "eventTime": "3"}], "told"),
    ],
)
def test_why_no_pod_is_made(events: list[dict[str, Any]], found: str) -> None:
    assert newest_failure(events, ["web"]) == found


async def live_with(space: Space, *pods: dict[str, Any]) -> LiveSession:
    live = open_session(await space.begin())
    await live.kit.records.save(live.state.session)
    await live.report(build=1)
    live.state.pods = {view.uid: view for view in map(view_pod, pods)}
    live.state.workloads = ("web",)
    return live


async def test_what_keeps_a_session_from_starting(tmp_path: Path) -> None:
    space = Space(tmp_path)
    waiting = {"name": "web", "state": {"waiting": {"reason": "ErrImageNeverPull"}}}
    bad = session_pod("web-2", status={"containerStatuses": [waiting]})
    live = await live_with(space, session_pod(status=running()), bad)
    assert await find_hindrance(live) == "pod web-2: container web: ErrImageNeverPull"


async def test_where_there_is_no_pod_events_say_why(tmp_path: Path) -> None:
    space = Space(tmp_path)
    live = await live_with(space)
    assert await find_hindrance(live) == ""
    await space.client.create(resources.EVENTS, event("web-5f", "exceeded quota: pods=1", "1"))
    assert await find_hindrance(live) == "exceeded quota: pods=1"
    space.client.unreachable = True
    assert await find_hindrance(live) == ""
    live.state.workloads = ()
    assert await find_hindrance(live) == ""
