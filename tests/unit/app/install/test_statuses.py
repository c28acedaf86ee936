"""How an installation is, from what was observed of it."""

from __future__ import annotations

from typing import Any

from tests.unit.app.install.worlds import complete, pod
from tests.unit.app.spaces.worlds import namespace

from alcove import __version__
from alcove.app.install.settings import Endpoint
from alcove.app.install.statuses import Installation, SpaceStatus, orphans, summarize, sweep

RECORD = {"version": __version__, "endpoint": "public", "hostSuffix": ".alcove.localhost"}
DEPLOYMENT: dict[str, Any] = {"metadata": {"generation": 1}, "spec": {"replicas": 2}}


def seen(**changes: Any) -> Installation:
    plain: dict[str, Any] = {
        "recorded": RECORD,
        "deployments": {
            name: {**DEPLOYMENT, "status": complete(DEPLOYMENT)}
            for name in ("alcove-controlplane", "alcove-gateway")
        },
        "service": {"metadata": {"creationTimestamp": "2030-01-01T00:00:10Z"}},
        "gateway_service": {"status": {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}},
        "namespaces": [namespace("dev"), namespace("plain", space=False)],
        "pods": [],
    }
    return Installation(**{**plain, **changes})


def test_what_runs_as_it_should_is_ready() -> None:
    document = summarize(seen()).document()
    assert [part["status"] for part in document["components"]] == ["Ready", "Ready"]
    assert document["address"] == "127.0.0.1" and document["hostSuffix"] == ".alcove.localhost"
    assert document["clientVersion"] == document["version"] == __version__


def test_what_is_not_there_is_not_ready_and_says_why() -> None:
    found = summarize(seen(deployments={}, troubles={"controlplane": ["p: no node"]}))
    assert [part.lacking for part in found.parts] == ["it is not there"] * 2
    assert found.parts[0].problems == ("p: no node",)


def test_without_an_endpoint_no_gateway_is_missed() -> None:
    found = summarize(seen(recorded=RECORD | {"endpoint": Endpoint.NONE.value}, gateway_service=None))
    assert [part.name for part in found.parts] == ["alcove-controlplane"] and found.address == ""


def test_proxies_are_counted_by_space() -> None:
    gone = {"metadata": {**pod("dev", "gone")["metadata"], "deletionTimestamp": "now"}}
    pods = [
        pod("dev", "ok"),
        pod("dev", "starting", started=False),
        pod("dev", "old", version="0.0.1"),
        pod("dev", "missed", proxied=False),
        pod("dev", "done", phase="Succeeded"),
        {**pod("dev", "gone"), **gone},
        pod("plain", "outside", proxied=False),
    ]
    status = summarize(seen(pods=pods))
    assert status.spaces == (SpaceStatus("dev", connected=2, outdated=1, missed=1, starting=1),)
    assert [one.name for one in sweep(seen(pods=pods))] == ["missed", "old"]


def test_proxies_of_an_installation_before_this_one_are_not_connected() -> None:
    old, new = pod("dev", "old"), pod("dev", "new")
    old["metadata"]["creationTimestamp"] = "2030-01-01T00:00:09Z"
    new["metadata"]["creationTimestamp"] = "2030-01-01T00:00:10Z"
    found = seen(pods=[old, new])
    assert [one["metadata"]["name"] for one in orphans(found)] == ["old"]
    assert summarize(found).spaces == (SpaceStatus("dev", connected=1, outdated=1, missed=0, starting=0),)


def test_pods_that_may_not_be_listed_are_not_counted_as_none() -> None:
    assert summarize(seen(pods=None)).document()["spaces"] is None
