from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alcove.charts.conflicts import (
    Reference,
    conflict_error,
    find_conflicts,
    find_owner,
    project_label,
    references,
)
from alcove.charts.model import Release

RELEASE = Release("azds-abcdef-dev-web", "dev", Path())


def item(
    kind: str = "Service", name: str = "web", api_version: str = "v1", **metadata: Any
) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **metadata}}


def live(owner: str = "", manager: str = "", **changed: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"namespace": "dev", **changed}
    if owner:
        metadata["labels"] = {"app.kubernetes.io/managed-by": "Helm"}
        metadata["annotations"] = {
            "meta.helm.sh/release-name": owner,
            "meta.helm.sh/release-namespace": "dev",
        }
    if manager:
        metadata["managedFields"] = [
            {"manager": manager, "operation": "Update"},
            {"manager": "kube-controller-manager", "subresource": "status"},
        ]
    return item(**metadata)


def conflicts(*there: dict[str, Any]) -> list[str]:
    return [str(conflict) for conflict in find_conflicts([item()], there, RELEASE)]


def test_what_is_not_there_or_ones_own_is_no_conflict() -> None:
    assert conflicts() == []
    assert conflicts(live(RELEASE.name)) == []


def test_what_another_release_holds_is_a_conflict() -> None:
    assert conflicts(live("web")) == ["service 'web' belongs to the Helm release web in namespace dev"]


@pytest.mark.parametrize(
    ("there", "owner"),
    [
        (
            live(manager="kubectl-client-side-apply"),
            "no Helm release (it was made by kubectl-client-side-apply)",
        ),
        (live(), "no Helm release"),
    ],
)
def test_what_nobody_holds_is_a_conflict_too(there: dict[str, Any], owner: str) -> None:
    assert conflicts(there) == [f"service 'web' belongs to {owner}"]


def test_annotations_without_the_label_own_nothing_as_with_helm() -> None:
    there = live(RELEASE.name)
    del there["metadata"]["labels"]
    assert find_owner(there).release == ""
    assert len(conflicts(there)) == 1


def test_the_same_name_of_another_kind_group_or_namespace_is_no_conflict() -> None:
    others = [
        {**live("x"), "kind": "ConfigMap"},
        {**live("x"), "apiVersion": "example.com/v1"},
        live("x", namespace="test"),
    ]
    assert conflicts(*others) == []


def test_the_version_of_an_api_makes_no_difference() -> None:
    rendered = item("Deployment", api_version="apps/v1")
    there = {**live("x"), "kind": "Deployment", "apiVersion": "apps/v1beta1"}
    assert len(find_conflicts([rendered], [there], RELEASE)) == 1


def test_kinds_without_namespaces_are_compared_by_name() -> None:
    there = item("ClusterRole", api_version="rbac.authorization.k8s.io/v1")
    assert len(find_conflicts([there], [there], RELEASE)) == 1


def test_references_name_what_has_to_be_looked_at_once() -> None:
    inner = {"apiVersion": "v1", "kind": "List", "items": [item(), item(name="api", namespace="other"), None]}
    assert references([item(), inner], "dev") == (
        Reference("v1", "Service", "dev", "web"),
        Reference("v1", "Service", "other", "api"),
    )


def test_a_foreign_release_is_named_with_what_to_do() -> None:
    error = conflict_error(find_conflicts([item()], [live("web")], RELEASE), RELEASE)
    assert error.message == "service 'web' is in space 'dev' already, and another's"
    assert error.cause == "service 'web' belongs to the Helm release web in namespace dev"
    assert "helm uninstall web --namespace dev" in error.hint
    assert "alcove space select" in error.hint


def test_another_project_is_named() -> None:
    other = "azds-123456-dev-web"
    found = find_conflicts([item()], [live(other)], RELEASE)
    assert "the project shop" in conflict_error(found, RELEASE, {other: "shop"}).hint
    hint = conflict_error(found, RELEASE).hint
    assert "another project" in hint
    assert "alcove down" in hint


def test_leftovers_are_to_be_deleted_and_all_conflicts_are_told() -> None:
    found = find_conflicts([item(), item(name="api")], [live(), {**live("x", name="api")}], RELEASE)
    error = conflict_error(found, RELEASE)
    assert "kubectl delete service web --namespace dev" in error.hint
    assert "service 'api'" in error.cause
    assert error.exit_code == 4


@pytest.mark.parametrize(
    ("project", "label"),
    [("web", "web"), ("Мой проект 1", "1"), ("a b", "a-b"), ("x" * 80, "x" * 63), ("..", "")],
)
def test_a_project_is_written_as_a_label(project: str, label: str) -> None:
    assert project_label(project) == label
