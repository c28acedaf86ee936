"""Plans to remove a space."""

from __future__ import annotations

import pytest
from tests.unit.app.spaces.worlds import FAMILY, namespace, world_of

from alcove.app.spaces.observing import Contents, Workload
from alcove.app.spaces.paths import parse_path
from alcove.app.spaces.removal import plan_removal
from alcove.errors import ConflictError
from alcove.kube import resources

OURS = {"metadata": {"uid": "u", "labels": {"app.kubernetes.io/managed-by": "alcove"}}}
THEIRS = {"metadata": {"uid": "u"}}


def test_a_space_goes_with_its_namespace_after_a_question_that_tells_what_is_lost() -> None:
    inside = Contents(workloads=[Workload(resources.DEPLOYMENTS, "web")], services=["web", "db"])
    plan = plan_removal(world_of(*FAMILY), parse_path("alice"), inside)
    (action,) = plan.actions
    assert (action.verb, action.name, action.uid) == ("delete", "alice", "uid-alice")
    assert "1 workload and 2 services" in plan.question
    assert plan.ends == ("alice", "uid-alice") and plan.unselects == "alice"


def test_what_is_gone_needs_nothing() -> None:
    plan = plan_removal(world_of(*FAMILY), parse_path("bob"))
    assert not plan.actions and "nothing to remove" in plan.summary and plan.unselects == "bob"


def test_a_namespace_that_goes_already_is_only_waited_for() -> None:
    leaving = namespace("alice")
    leaving["metadata"]["deletionTimestamp"] = "2030-01-01T00:00:00Z"
    plan = plan_removal(world_of(leaving), parse_path("alice"))
    assert not plan.actions and not plan.question and plan.ends == ("alice", "uid-alice")


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("default", "--no-delete"),
        ("team", "dev/team/alice"),
        ("plain", "no space"),
        ("dev/alice", "'dev/team/alice'"),
    ],
)
def test_what_must_stay_is_refused_with_the_reason(path: str, told: str) -> None:
    with pytest.raises(ConflictError) as caught:
        plan_removal(world_of(*FAMILY, namespace("default")), parse_path(path))
    error = caught.value
    assert told in " ".join((error.message, error.cause, error.hint))


def test_keeping_the_namespace_takes_away_only_what_was_made() -> None:
    plan = plan_removal(world_of(*FAMILY), parse_path("alice"), Contents(OURS, THEIRS), keep=True)
    labels, account = plan.actions
    assert labels.body == {"metadata": {"labels": {"azds.io/space": None, "azds.io/parent-space": None}}}
    assert (account.verb, str(account.resource)) == ("delete", "serviceaccounts")
    assert not plan.question and plan.ends is None


def test_default_can_become_an_ordinary_namespace() -> None:
    assert plan_removal(world_of(namespace("default")), parse_path("default"), keep=True).actions


def test_keeping_a_parents_namespace_is_refused_all_the_same() -> None:
    with pytest.raises(ConflictError, match="children"):
        plan_removal(world_of(*FAMILY), parse_path("dev"), keep=True)


def test_a_removal_that_failed_half_way_is_finished() -> None:
    plan = plan_removal(world_of(*FAMILY), parse_path("plain"), Contents(OURS, OURS), keep=True)
    assert [action.verb for action in plan.actions] == ["delete", "delete"]
    again = plan_removal(world_of(*FAMILY), parse_path("plain"), keep=True)
    assert not again.actions and "nothing to remove" in again.summary


def test_children_that_may_not_be_seen_are_told_of() -> None:
    plan = plan_removal(world_of(namespace("alice"), complete=False), parse_path("alice"))
    assert "not known" in plan.warnings[0]


def test_what_may_not_be_seen_is_not_removed() -> None:
    with pytest.raises(ConflictError, match="may not see"):
        plan_removal(world_of(hidden=["alice"], complete=False), parse_path("alice"))
