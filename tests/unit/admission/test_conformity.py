"""When ours is still ours."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.admission.worlds import SETTINGS

from alcove.admission.conformity import settle_container, settle_volume
from alcove.admission.containers import render_init, render_volumes
from alcove.admission.settings import INIT_RESOURCES

WANTED = render_init(SETTINGS, INIT_RESOURCES)
Change = Callable[[dict[str, Any]], object]


def changed(change: Change) -> dict[str, Any]:
    existing = copy.deepcopy(WANTED)
    change(existing)
    return existing


@pytest.mark.parametrize(
    "change",
    [
        lambda one: None,
        lambda one: one.update(terminationMessagePath="/dev/termination-log"),
        lambda one: one["resources"]["limits"].update(cpu="0.5"),
        lambda one: one["resources"]["limits"].update({"ephemeral-storage": "1Gi"}),
        lambda one: one["env"][0]["valueFrom"]["fieldRef"].update(default="x"),
    ],
)
def test_defaults_of_the_api_server_are_kept(change: Change) -> None:
    existing = changed(change)
    assert settle_container(existing, WANTED) == existing


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one.update(args=["x"]),
        lambda one: one.update(image="other"),
        lambda one: one["env"].append({"name": "HTTP_PROXY", "value": "x"}),
        lambda one: one["volumeMounts"].pop(),
        lambda one: one["securityContext"]["capabilities"]["add"].append("SYS_ADMIN"),
        lambda one: one["securityContext"].pop("readOnlyRootFilesystem"),
        lambda one: one["resources"]["limits"].update(cpu="201m"),
        lambda one: one["resources"]["limits"].pop("cpu"),
        lambda one: one["resources"].update(claims=[{"name": "gpu"}]),
        lambda one: one.pop("resources"),
        lambda one: one["securityContext"].update(runAsUser=False),
    ],
)
def test_everything_else_is_put_back(change: Change) -> None:
    assert settle_container(changed(change), WANTED) == WANTED


def test_what_is_not_there_is_made() -> None:
    assert settle_container(None, WANTED) == WANTED
    assert settle_volume(None, render_volumes()[0]) == render_volumes()[0]


def test_volumes_likewise() -> None:
    token, identity, *_ = render_volumes()
    defaulted = copy.deepcopy(token)
    defaulted["projected"]["defaultMode"] = 420
    assert settle_volume(defaulted, token) == defaulted
    assert settle_volume({"name": identity["name"], "hostPath": {"path": "/"}}, identity) == identity
