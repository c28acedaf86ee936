"""What a pod becomes: a table of cases, and what holds for every pod there is."""

from __future__ import annotations

import copy
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from tests.unit.admission.worlds import (
    CHILD,
    PODS,
    ROOT,
    SETTINGS,
    app,
    injected,
    pod,
    warnings_of,
)

from alcove.admission.facts import SpaceFacts
from alcove.admission.inject import Injected, inject
from alcove.admission.markers import CONTAINERS, VOLUMES
from alcove.admission.patches import plan_patch
from alcove.admission.probes import KINDS
from alcove.admission.verdicts import Skipped, Verdict

Object = dict[str, Any]
SPACES = pytest.mark.parametrize("facts", [ROOT, CHILD])


def names(items: list[Object]) -> list[str]:
    return [item["name"] for item in items]


def test_our_containers_come_before_the_users_init_containers() -> None:
    spec = injected(pod(initContainers=[app("migrate"), app("warm", restartPolicy="Always")]))["spec"]
    assert names(spec["initContainers"]) == ["alcove-init", "alcove-proxy", "migrate", "warm"]
    assert names(spec["containers"]) == ["app"]


def test_the_pod_is_marked_for_doctor_and_the_sweep() -> None:
    meta = injected(pod(metadata={"labels": {"app": "shop"}, "annotations": {"team": "a"}}))["metadata"]
    assert meta["labels"] == {"app": "shop", "alcove.dev/injected": "true"}
    assert meta["annotations"] == {"team": "a", "alcove.dev/injected-version": "1.2.3"}


def test_only_our_containers_get_the_token_for_the_control_plane() -> None:
    result = injected(pod(app(), initContainers=[app("migrate")]))["spec"]
    mounting = [
        one["name"]
        for one in [*result["initContainers"], *result["containers"]]
        if "alcove-token" in [mount["name"] for mount in one.get("volumeMounts", ())]
    ]
    assert mounting == list(CONTAINERS)


def test_the_annotation_sets_what_the_proxy_gets() -> None:
    text = '{"Limits": {"cpu": "300m","memory": "400Mi"},"Requests": {"cpu": "150m","memory": "200Mi"}}'
    spec = injected(pod(metadata={"annotations": {"azds.io/proxy-resources": text}}))["spec"]
    assert spec["initContainers"][1]["resources"] == {
        "requests": {"cpu": "150m", "memory": "200Mi"},
        "limits": {"cpu": "300m", "memory": "400Mi"},
    }


def test_a_malformed_annotation_costs_a_warning_only() -> None:
    broken = pod(metadata={"annotations": {"azds.io/proxy-resources": "{"}})
    assert "azds.io/proxy-resources: it is not JSON" in warnings_of(broken)
    ours = injected(broken)["spec"]["initContainers"][1]
    assert ours["resources"] == SETTINGS.proxy_resources.render()


@pytest.mark.parametrize(
    ("item", "told"),
    [
        (pod(app("a"), securityContext={"runAsUser": SETTINGS.uid}), "a runs as uid"),
        (pod(app("a", securityContext={"runAsUser": SETTINGS.uid})), "a runs as uid"),
        (pod(initContainers=[app("b", securityContext={"runAsUser": SETTINGS.uid})]), "b runs as uid"),
        (
            pod(app(securityContext={"runAsUser": 1000}), securityContext={"runAsUser": SETTINGS.uid}),
            "",
        ),
        (pod(), ""),
    ],
)
def test_an_app_that_runs_as_the_proxy_is_told(item: Object, told: str) -> None:
    warned = warnings_of(item)
    assert told in warned
    assert bool(told) == bool(warned)


def test_a_container_that_came_later_is_taken_care_of_and_ours_go_to_the_front() -> None:
    once = injected(pod(app(), initContainers=[app("migrate")]))
    later = app("later", livenessProbe={"tcpSocket": {"port": 7}})
    once["spec"]["initContainers"].insert(0, later)
    again = injected(once)["spec"]["initContainers"]
    assert names(again) == ["alcove-init", "alcove-proxy", "later", "migrate"]
    assert again[2]["livenessProbe"] == {"httpGet": {"path": "/tcp/7", "port": 15021, "scheme": "HTTP"}}
    checks = next(one["value"] for one in again[1]["env"] if one["name"] == "ALCOVE_BOOTSTRAP")
    assert '"/tcp/7"' in checks


def test_what_others_do_to_our_containers_is_undone() -> None:
    once = injected(pod())
    changed = copy.deepcopy(once)
    changed["spec"]["initContainers"][1]["command"] = ["/evil"]
    changed["spec"]["initContainers"][0]["securityContext"]["capabilities"]["add"].append("SYS_ADMIN")
    changed["spec"]["volumes"][0] = {"name": "alcove-token", "hostPath": {"path": "/"}}
    assert injected(changed) == once


def test_duplicate_names_stay_for_the_api_server_to_refuse() -> None:
    twins = [app("same"), app("same")]
    result = injected(pod(initContainers=twins, volumes=[{"name": "v"}, {"name": "v"}]))["spec"]
    assert result["initContainers"][2:] == twins
    assert names(result["volumes"])[:2] == ["v", "v"]


@SPACES
@given(item=PODS)
def test_injecting_twice_is_injecting_once(facts: SpaceFacts, item: Object) -> None:
    assert inject(injected(item, facts), facts, SETTINGS) == Skipped(Verdict.IN_ORDER)


@SPACES
@given(item=PODS)
def test_the_patch_gives_exactly_the_injected_pod(facts: SpaceFacts, item: Object) -> None:
    before = copy.deepcopy(item)
    result = injected(item, facts)
    assert jsonpatch.apply_patch(item, plan_patch(item, result)) == result
    assert item == before


@SPACES
@given(item=PODS)
def test_nothing_of_the_users_is_lost_or_reordered(facts: SpaceFacts, item: Object) -> None:
    spec, result = item["spec"], injected(item, facts)["spec"]
    for field in ("initContainers", "containers"):
        users = [one for one in result.get(field) or () if one["name"] not in CONTAINERS]
        assert [without_probes(one) for one in users] == [
            without_probes(one) for one in spec.get(field) or ()
        ]
        for before, after in zip(spec.get(field) or (), users, strict=True):
            for kind in KINDS:
                assert timing(after.get(kind)) == timing(before.get(kind))
    assert [one for one in result["volumes"] if one["name"] not in VOLUMES] == (spec.get("volumes") or [])
    rest = set(spec) - {"initContainers", "containers", "volumes", "dnsPolicy", "dnsConfig"}
    assert all(result[field] == spec[field] for field in rest)
    for part in ("labels", "annotations"):
        before_items = (item["metadata"].get(part) or {}).items()
        assert before_items <= injected(item, facts)["metadata"][part].items()


@given(item=PODS)
def test_every_injected_container_has_requests_and_limits(item: Object) -> None:
    for ours in injected(item)["spec"]["initContainers"][:2]:
        for section in ("requests", "limits"):
            assert {"cpu", "memory"} <= ours["resources"][section].keys()


@given(item=PODS)
def test_no_probe_is_left_that_a_redirect_falsifies(item: Object) -> None:
    outcome = inject(item, CHILD, SETTINGS)
    assert isinstance(outcome, Injected)
    for one in outcome.pod["spec"]["containers"]:
        for kind in KINDS:
            probe = one.get(kind) or {}
            assert "grpc" not in probe
            socket = probe.get("tcpSocket")
            assert socket is None or socket.get("host") or f"its {kind}" in "".join(outcome.warnings)


def without_probes(container: Object) -> Object:
    return {key: value for key, value in container.items() if key not in KINDS}


def timing(probe: Object | None) -> Object:
    return {key: value for key, value in (probe or {}).items() if key not in ("tcpSocket", "grpc", "httpGet")}
