"""Which right is missing, and how it is got."""

from __future__ import annotations

import pytest

from alcove.app.spaces.applying import missing_right
from alcove.app.spaces.observing import ROLE_BINDINGS
from alcove.app.spaces.plans import Action
from alcove.kube import resources
from alcove.kube.errors import ForbiddenError


@pytest.mark.parametrize(
    ("action", "user", "told", "hint"),
    [
        (
            Action("delete", resources.NAMESPACES, "dev"),
            "alice@example.com",
            "delete namespaces (here 'dev')",
            "kubectl create role alcove-delete-namespaces --verb=delete --resource=namespaces -n dev\n",
        ),
        (
            Action("create", resources.NAMESPACES, "dev"),
            "system:serviceaccount:ci:bot",
            "create namespaces",
            "--clusterrole=alcove-create-namespaces --serviceaccount=ci:bot\n",
        ),
        (
            Action("create", resources.SERVICE_ACCOUNTS, "alcove-space", "dev"),
            "Alice Smith",
            "create serviceaccounts in the namespace 'dev'",
            "alcove-admin-alice-smith --clusterrole=admin --user='Alice Smith' -n dev\n",
        ),
    ],
)
def test_the_hint_grants_what_is_missing_and_no_more(action: Action, user: str, told: str, hint: str) -> None:
    error = missing_right(action, ForbiddenError(f'x is forbidden: User "{user}" cannot', code=403))
    assert told in error.message and hint in error.hint and user in error.cause


def test_a_role_that_is_not_held_cannot_be_given() -> None:
    message = 'user "bob" (groups=["a"]) is attempting to grant RBAC permissions not currently held'
    error = missing_right(
        Action("create", ROLE_BINDINGS, "alcove-space", "dev"), ForbiddenError(message, code=403)
    )
    assert "you do not hold it yourself" in error.message and "--user=bob -n dev" in error.hint
