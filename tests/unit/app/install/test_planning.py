"""What is asked before anything is changed, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from alcove.app.install.kinds import OURS
from alcove.app.install.observing import Key, Present
from alcove.app.install.planning import EnablePlan, plan_enable
from alcove.app.install.preflight import Finding
from alcove.app.install.settings import Endpoint, InstallSettings
from alcove.errors import ConflictError
from alcove.kube import resources

OWN = {"metadata": {"name": "azds", "uid": "u", "labels": OURS}}
FOREIGN = {"metadata": {"name": "azds", "uid": "u"}}
STALE = Key(resources.SERVICES, "azds", "alcove-gateway")


def plan(present: Present, *findings: Finding, **settings: Any) -> EnablePlan:
    chosen = InstallSettings(version="2.0", **settings)
    return plan_enable((), chosen, present=present, findings=findings, cluster="the cluster 'c'")


@pytest.mark.parametrize(
    ("present", "told"),
    [
        (Present(), "Alcove 2.0 will be installed in the cluster 'c'. Continue?"),
        (Present(OWN, {"version": "1.0"}), "Alcove 1.0 in the cluster 'c' will become 2.0. Continue?"),
        (Present(OWN, {"version": "2.0", "endpoint": "none"}), "will change from none to public. Continue?"),
        (Present(OWN, {"version": "2.0", "endpoint": "public"}), ""),
        (Present(FOREIGN), "was not made by Alcove: it will be deleted with everything in it. Continue?"),
        (Present(OWN), "Alcove 2.0 will be installed"),
    ],
)
def test_the_question_says_what_changes(present: Present, told: str) -> None:
    question = plan(present).question
    assert told in question and bool(told) == bool(question)


def test_what_others_made_by_our_names_is_asked_about() -> None:
    key = Key(resources.NAMESPACES, "", "odd")
    assert "takes over what others made: Namespace 'odd'" in plan(Present(foreign=(key,))).question


def test_a_foreign_namespace_goes_first_and_takes_all_with_it() -> None:
    found = plan(Present(FOREIGN, leftover=(STALE,)))
    assert found.replaces is not None and found.replaces.uid == "u" and found.removals == ()
    assert plan(Present(OWN, {}, leftover=(STALE,))).removals == (STALE,)


def test_a_namespace_that_is_being_deleted_is_waited_for_and_not_asked_about() -> None:
    meta = {"name": "azds", "uid": "u", "deletionTimestamp": "now"}
    for labels in ({}, OURS):
        found = plan(Present({"metadata": {**meta, "labels": labels}}))
        assert found.is_ending and found.replaces is not None and "was not made" not in found.question


def test_what_makes_it_pointless_refuses_and_names_all_of_it() -> None:
    findings = (
        Finding("old nodes", "their age", "upgrade", refuses=True),
        Finding("no rights", refuses=True),
    )
    with pytest.raises(ConflictError, match="old nodes") as caught:
        plan(Present(), *findings, Finding("mesh"))
    assert "their age" in caught.value.cause and "no rights" in caught.value.cause
    assert caught.value.hint == "upgrade"


def test_who_cannot_install_what_is_there_is_told_what_they_can_do() -> None:
    lacking = Finding("no rights", hint="ask", refuses=True)
    with pytest.raises(ConflictError) as caught:
        plan(Present(OWN, {"version": "2.0"}), lacking)
    assert "alcove space select" in caught.value.hint and caught.value.hint.endswith("ask")


def test_what_is_only_worse_is_warned_of() -> None:
    assert plan(Present(), Finding("slow", "a cause", "a way out")).warnings == ("slow: a cause; a way out",)


def test_an_installation_of_helm_is_left_to_helm() -> None:
    with pytest.raises(ConflictError, match="by Helm") as caught:
        plan(Present(OWN, {}, helm_release="mine"), endpoint=Endpoint.NONE)
    assert "helm upgrade mine" in caught.value.hint
