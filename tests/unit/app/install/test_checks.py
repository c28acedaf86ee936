"""What doctor says of each thing that can be wrong."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.app.install.test_statuses import RECORD, seen
from tests.unit.app.install.worlds import node, pod
from tests.unit.app.spaces.worlds import namespace

from alcove.app.install import checks
from alcove.app.install.checks import Outcome, Trial
from alcove.app.install.preflight import Surroundings
from alcove.app.observation.reports import Report

OK, WARN, FAIL, SKIP = Outcome.OK, Outcome.WARN, Outcome.FAIL, Outcome.SKIP


def old_pod() -> Any:
    item = pod("dev", "old")
    item["metadata"]["creationTimestamp"] = "2029-01-01T00:00:00Z"
    return item


@pytest.mark.parametrize(
    ("changes", "outcome", "told"),
    [
        ({}, OK, "all are"),
        ({"recorded": RECORD | {"version": "9.9"}}, WARN, "the installation is 9.9"),
        ({"pods": [pod("dev", "p", version="0.0.1")]}, WARN, "other versions (0.0.1), in dev"),
        ({"pods": [old_pod()]}, WARN, "an installation that is gone"),
    ],
)
def test_versions(changes: dict[str, Any], outcome: Outcome, told: str) -> None:
    found = checks.check_versions(seen(**changes))
    assert found.outcome is outcome and told in found.told
    assert bool(found.hint) == (outcome is not OK)


@pytest.mark.parametrize(
    ("changes", "outcome", "told"),
    [
        ({"pods": [pod("dev", "p")]}, OK, "1 proxy has got"),
        ({"pods": None}, SKIP, "may not list pods"),
        ({"pods": [pod("dev", "p", proxied=False)]}, WARN, "dev/p: it was created before"),
        ({"pods": [pod("dev", f"p{n}", proxied=False) for n in range(7)]}, WARN, "and 2 more"),
    ],
)
def test_missed_pods(changes: dict[str, Any], outcome: Outcome, told: str) -> None:
    found = checks.check_missed(seen(**changes))
    assert found.outcome is outcome and told in found.told
    assert ("alcove space create dev --restart" in found.hint) == (outcome is WARN)


def test_pods_that_recreating_does_not_mend_have_no_hint_to_do_so() -> None:
    strict = namespace("dev")
    strict["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "baseline"
    found = checks.check_missed(seen(namespaces=[strict], pods=[pod("dev", "p", proxied=False)]))
    assert "Pod Security" in found.told and found.hint == ""


def test_parts() -> None:
    assert [one.outcome for one in checks.check_parts(seen())] == [OK, OK]
    troubles = {"gateway": ["p/proxy: CrashLoopBackOff"]}
    broken = {"alcove-controlplane": seen().deployments["alcove-controlplane"]}
    found = list(checks.check_parts(seen(deployments=broken, troubles=troubles)))
    assert [one.outcome for one in found] == [OK, FAIL] and "CrashLoopBackOff" in found[1].told
    none = seen(recorded=RECORD | {"endpoint": "none"})
    assert [one.outcome for one in checks.check_parts(none)] == [OK, SKIP]


def test_one_replica_of_two_is_only_worse() -> None:
    found = seen()
    one = found.deployments["alcove-gateway"]
    half = {**one, "status": {**one["status"], "availableReplicas": 1}}
    checked = list(checks.check_parts(seen(deployments={**found.deployments, "alcove-gateway": half})))
    assert checked[1].outcome is WARN and "1 of 2" in checked[1].told


@pytest.mark.parametrize(
    ("configuration", "ends", "outcome"),
    [(None, None, FAIL), ({}, None, FAIL), ({}, 999.0, FAIL), ({}, 1000.0 + 86400 * 30, OK)],
)
def test_trust(configuration: Any, ends: float | None, outcome: Outcome) -> None:
    found = checks.check_trust(configuration, ends, 1000.0)
    assert found.outcome is outcome and bool(found.hint) == (outcome is FAIL)


def test_surroundings() -> None:
    assert checks.check_surroundings(Surroundings([node("a")])).outcome is OK
    balanced = Surroundings([node("a")], cilium={"kube-proxy-replacement": "true"})
    assert checks.check_surroundings(balanced).outcome is WARN
    assert checks.check_surroundings(Surroundings([node("a", version="v1.20.0")])).outcome is FAIL


def test_objects_that_do_not_count() -> None:
    assert checks.check_reports([]).outcome is OK
    reports = [Report("Ingress", "dev", f"i{number}", "no host") for number in range(8)]
    found = checks.check_reports(reports)
    assert found.outcome is WARN and "Ingress dev/i0: no host" in found.told and "and 3 more" in found.told


def test_trials() -> None:
    assert checks.check_trial(Trial("x", told="fine")).outcome is OK
    assert checks.check_trial(Trial("x", "broken", "mend")).document() == {
        "check": "x",
        "result": "fail",
        "message": "broken",
        "hint": "mend",
    }
    assert checks.check_trial(Trial("x", "broken"), worst=WARN).outcome is WARN
    assert checks.check_trial(Trial("x", skipped="why")).outcome is SKIP


def test_no_installation() -> None:
    assert checks.check_installation(None).outcome is FAIL
    assert checks.check_installation(seen()).outcome is OK
