"""Adoption and release."""

from __future__ import annotations

from typing import Any

import pytest

from alcove.embedded.controllers.ownership import claim, without_finalizer
from alcove.embedded.objects import GroupResource, Object

PODS = GroupResource("pods")
OWNER: Object = {"apiVersion": "v1", "kind": "Owner", "metadata": {"name": "o", "uid": "o"}}
MINE = {"uid": "o", "controller": True}
ANOTHERS = {"uid": "x", "controller": True}
BYSTANDER = {"uid": "y"}


def pod(*references: Object, app: str = "web", **meta: Any) -> Object:
    return {
        "metadata": {
            "name": "p",
            "uid": "p",
            "resourceVersion": "1",
            "labels": {"app": app},
            "ownerReferences": list(references),
            **meta,
        }
    }


@pytest.mark.parametrize(
    ("item", "owned", "references"),
    [
        (pod(MINE), True, None),
        (pod(MINE, BYSTANDER, app="db"), False, ["y"]),
        (pod(ANOTHERS), False, None),
        (pod(BYSTANDER), True, ["y", "o"]),
        (pod(app="db"), False, None),
        (pod(deletionTimestamp="now"), False, None),
    ],
)
def test_owners_take_orphans_that_match_and_leave_what_no_longer_does(
    item: Object, owned: bool, references: list[str] | None
) -> None:
    claims = claim(OWNER, [item], resource=PODS, matching=lambda labels: labels["app"] == "web")
    assert bool(claims.owned) is owned
    written = [
        [one["uid"] for one in patch.merge["metadata"]["ownerReferences"] or ()] for patch in claims.patches
    ]
    assert written == ([] if references is None else [references])


def test_an_owner_that_is_going_neither_takes_nor_leaves() -> None:
    going = {**OWNER, "metadata": {**OWNER["metadata"], "deletionTimestamp": "now"}}
    claims = claim(going, [pod(), pod(MINE, app="db")], resource=PODS, matching=lambda _: False)
    assert claims.patches == ()


def test_the_last_finalizer_takes_the_field_along() -> None:
    patch = without_finalizer(PODS, pod(finalizers=["a"]), "a")
    assert patch.merge["metadata"] == {"finalizers": None, "uid": "p", "resourceVersion": "1"}
