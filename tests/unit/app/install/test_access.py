"""Which rights are asked about, and which are found missing."""

from __future__ import annotations

import pytest
from tests.unit.app.install.worlds import InstallClient

from alcove.app.install.access import Right, find_missing
from alcove.app.install.rendering import render_objects
from alcove.app.install.settings import InstallSettings

OBJECTS = render_objects(InstallSettings())


@pytest.fixture
def client() -> InstallClient:
    return InstallClient()


async def test_who_may_do_everything_is_asked_nothing_else(client: InstallClient) -> None:
    assert await find_missing(client, OBJECTS) == ()
    assert [right.verb for right in client.asked] == ["*"]


async def test_each_right_that_is_missing_is_named(client: InstallClient) -> None:
    client.lacks = {("create", "clusterroles"), ("patch", "deployments")}
    assert set(await find_missing(client, OBJECTS)) == {
        Right("create", "rbac.authorization.k8s.io", "clusterroles"),
        Right("patch", "apps", "deployments", "azds"),
    }


async def test_who_may_not_escalate_must_hold_what_the_roles_hand_out(client: InstallClient) -> None:
    client.lacks = {("escalate", "clusterroles"), ("watch", "nodes")}
    assert await find_missing(client, OBJECTS) == (Right("watch", "", "nodes"),)
    client.lacks = {("watch", "nodes")}
    assert await find_missing(client, OBJECTS) == ()


def test_a_right_is_said_in_one_line() -> None:
    assert str(Right("get", "", "secrets", "azds", "alcove-certificates")) == (
        "get secrets 'alcove-certificates' in 'azds'"
    )
