"""Plans to make a space."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.app.spaces.worlds import FAMILY, namespace, request, world_of

from alcove.app.spaces.creation import RESTARTED_AT, plan_creation
from alcove.app.spaces.observing import DAEMON_SETS, Contents, Workload
from alcove.errors import ConflictError
from alcove.kube import resources

SUBJECT = {"kind": "ServiceAccount", "name": "alcove-space", "namespace": "alice"}
BINDING: dict[str, Any] = {"roleRef": {"kind": "ClusterRole", "name": "admin"}, "subjects": [SUBJECT]}
WHOLE = Contents(account={"metadata": {}}, binding=BINDING)


def test_a_new_space_is_a_labelled_namespace_with_an_account_that_is_bound() -> None:
    plan = plan_creation(world_of(*FAMILY), request("dev/bob"))
    made, account, binding = plan.actions
    assert made.verb == "create" and made.body is not None
    labels = made.body["metadata"]["labels"]
    assert labels == {"azds.io/space": "true", "azds.io/parent-space": "dev"}
    assert account.body and account.body["metadata"]["name"] == "alcove-space" and account.namespace == "bob"
    assert binding.body and binding.body["roleRef"]["name"] == "admin"
    assert binding.body["subjects"] == [{**SUBJECT, "namespace": "bob"}]
    assert plan.summary == "Space 'dev/bob' created" and not plan.question and not plan.warnings


def test_the_control_plane_may_read_secrets_where_somebody_wants_it_to() -> None:
    asked = replace(request("alice"), tls=True)
    plan = plan_creation(world_of(*FAMILY), asked, WHOLE)
    (binding,) = plan.actions
    assert binding.body and binding.namespace == "alice"
    assert binding.body["roleRef"]["name"] == "alcove-tls"
    assert binding.body["subjects"] == [
        {"kind": "ServiceAccount", "name": "alcove-controlplane", "namespace": "azds"}
    ]
    assert plan_creation(world_of(*FAMILY), request("alice"), WHOLE).actions == ()


def test_a_root_has_no_parent_label() -> None:
    made = plan_creation(world_of(), request("dev")).actions[0]
    assert made.body and made.body["metadata"]["labels"] == {"azds.io/space": "true"}


def test_a_namespace_becomes_a_space_after_a_question() -> None:
    plan = plan_creation(world_of(*FAMILY), request("dev/plain"))
    assert "Kubernetes namespace 'plain' will be configured as the space 'dev/plain'" in plan.question
    labels = {"azds.io/space": "true", "azds.io/parent-space": "dev"}
    assert plan.actions[0].verb == "patch" and plan.actions[0].body == {"metadata": {"labels": labels}}


@pytest.mark.parametrize("path", ["alice", "team/alice", "dev/team/alice"])
def test_what_is_whole_needs_nothing(path: str) -> None:
    plan = plan_creation(world_of(*FAMILY), request(path), WHOLE)
    assert not plan.actions and "nothing changed" in plan.summary and "dev/team/alice" in plan.summary


@pytest.mark.parametrize(
    ("contents", "written"),
    [
        (WHOLE._replace(account=None), [("create", "serviceaccounts")]),
        (WHOLE._replace(binding=None), [("create", "rolebindings.rbac.authorization.k8s.io")]),
        (
            WHOLE._replace(binding={**BINDING, "subjects": None}),
            [("patch", "rolebindings.rbac.authorization.k8s.io")],
        ),
    ],
)
def test_what_a_space_lacks_is_added(contents: Contents, written: list[tuple[str, str]]) -> None:
    plan = plan_creation(world_of(*FAMILY), request("alice"), contents)
    assert [(action.verb, str(action.resource)) for action in plan.actions] == written
    assert "completed" in plan.summary


def test_other_subjects_of_the_binding_stay() -> None:
    binding = {**BINDING, "subjects": [{"kind": "User", "name": "x"}]}
    (action,) = plan_creation(world_of(*FAMILY), request("alice"), WHOLE._replace(binding=binding)).actions
    assert action.body == {"subjects": [{"kind": "User", "name": "x"}, SUBJECT]}


def test_a_binding_of_another_role_is_not_touched() -> None:
    binding = {"roleRef": {"kind": "ClusterRole", "name": "view"}}
    with pytest.raises(ConflictError) as caught:
        plan_creation(world_of(*FAMILY), request("alice"), WHOLE._replace(binding=binding))
    assert "kubectl delete rolebinding alcove-space -n alice" in caught.value.hint


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("kube-system", "belongs to the cluster"),
        ("azds", "belongs to Alcove"),
        ("gone/bob", "spaces are: dev, dev/team, dev/team/alice"),
        ("plain/bob", "ordinary namespace"),
        ("dev/alice", "alcove space create dev/alice --move"),
        ("dev/dev-two/bob", "'dev-two' is no space"),
        ("alice/team/bob", "'dev/team'"),
        ("leaving", "being deleted"),
        ("leaving/bob", "being deleted"),
    ],
)
def test_what_cannot_be_made_is_refused_with_the_reason(path: str, told: str) -> None:
    leaving = namespace("leaving")
    leaving["metadata"]["deletionTimestamp"] = "2030-01-01T00:00:00Z"
    with pytest.raises(ConflictError) as caught:
        plan_creation(world_of(*FAMILY, leaving), request(path))
    error = caught.value
    assert told in " ".join((error.message, error.cause, error.hint))


def test_a_space_moves_when_it_is_said() -> None:
    plan = plan_creation(world_of(*FAMILY), request("dev/alice", move=True), WHOLE)
    assert [action.body for action in plan.actions] == [
        {"metadata": {"labels": {"azds.io/parent-space": "dev"}}}
    ]
    assert plan.summary == "Space 'dev/team/alice' is now 'dev/alice'"


def test_a_space_moves_to_the_top_when_no_parent_is_named() -> None:
    plan = plan_creation(world_of(*FAMILY), request("team", move=True), WHOLE)
    assert plan.actions[0].body == {"metadata": {"labels": {"azds.io/parent-space": None}}}
    assert plan.summary == "Space 'dev/team' is now 'team'"


@pytest.mark.parametrize("parent", ["alice", "team"])
def test_no_space_becomes_its_own_descendants_child(parent: str) -> None:
    with pytest.raises(ConflictError, match="cannot be a child") as caught:
        plan_creation(world_of(*FAMILY), request(f"{parent}/dev", move=True))
    assert "circle" in caught.value.cause


def test_a_circle_that_somebody_made_by_labels_can_be_broken() -> None:
    world = world_of(namespace("a", "b"), namespace("b", "a"))
    plan = plan_creation(world, request("a", move=True), WHOLE)
    assert plan.actions[0].body == {"metadata": {"labels": {"azds.io/parent-space": None}}}


@pytest.mark.parametrize(
    ("labels", "mesh"),
    [
        ({"istio_injection": "enabled"}, "Istio"),
        ({"istio.io__rev": "1-20"}, "Istio"),
        ({"linkerd.io__inject": "enabled"}, "Linkerd"),
    ],
)
def test_a_namespace_with_a_service_mesh_is_refused(labels: dict[str, str], mesh: str) -> None:
    with pytest.raises(ConflictError) as caught:
        plan_creation(world_of(namespace("busy", space=False, **labels)), request("busy"))
    assert mesh in caught.value.cause and "injection" in caught.value.hint


def test_a_search_list_that_musl_ignores_is_warned_of_for_descendants_too() -> None:
    long = [letter * 60 for letter in "abcd"]
    chain = [namespace(long[0]), namespace(long[1], long[0]), namespace(long[2]), namespace(long[3], long[2])]
    (warning,) = plan_creation(world_of(*chain), request(f"{long[1]}/{long[2]}", move=True), WHOLE).warnings[
        :1
    ]
    assert "255 bytes" in warning and long[2] in warning
    assert (
        len(plan_creation(world_of(*chain), request(f"{long[1]}/{long[2]}", move=True), WHOLE).warnings) == 2
    )


RUNNING = Contents(workloads=[Workload(resources.DEPLOYMENTS, "web"), Workload(DAEMON_SETS, "logs")])


def test_workloads_that_run_already_are_told_of() -> None:
    (warning,) = plan_creation(world_of(*FAMILY), request("plain"), RUNNING).warnings
    assert "logs, web" in warning and "--restart" in warning


def test_workloads_are_restarted_when_it_is_said() -> None:
    plan = plan_creation(world_of(*FAMILY), request("plain", restart="2030-01-01T00:00:00Z"), RUNNING)
    mark = {"metadata": {"annotations": {RESTARTED_AT: "2030-01-01T00:00:00Z"}}}
    restarts = [action for action in plan.actions if action.body == {"spec": {"template": mark}}]
    assert [(str(action.resource), action.name, action.namespace) for action in restarts] == [
        ("deployments.apps", "web", "plain"),
        ("daemonsets.apps", "logs", "plain"),
    ]
    assert not plan.warnings


def test_a_space_whose_parent_is_gone_is_told_of() -> None:
    plan = plan_creation(world_of(namespace("alice", "gone")), request("alice"), WHOLE)
    assert not plan.actions and "'gone' is not a space" in plan.warnings[0]


def test_a_parent_that_may_not_be_seen_is_accepted_with_a_warning() -> None:
    plan = plan_creation(world_of(hidden=["dev"], complete=False), request("dev/bob"))
    assert plan.actions[0].verb == "create" and "may not see 'dev'" in plan.warnings[0]
