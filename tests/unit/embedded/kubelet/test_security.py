"""As whom containers run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.embedded.kubelet.worlds import container, pod

from alcove.embedded.kubelet.environment import ConfigError
from alcove.embedded.kubelet.security import (
    ALL_CAPABILITIES,
    DEFAULT_CAPABILITIES,
    Accounts,
    Identity,
    capabilities_of,
    check_non_root,
    read_accounts,
    resolve_identity,
    security_of,
)

ACCOUNTS = Accounts(
    "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n",
    "root:x:0:\nwheel:x:10:app,x\napp:x:1001:\n",
)


@pytest.mark.parametrize(
    ("security", "image_user", "expected"),
    [
        ({}, "", Identity(0, 0)),
        ({}, "app", Identity(1000, 1001, (10,))),
        ({}, "1000", Identity(1000, 1001, (10,))),
        ({}, "app:wheel", Identity(1000, 10)),
        ({}, "7:8", Identity(7, 8)),
        ({"runAsUser": 42}, "app", Identity(42, 0)),
        ({"runAsUser": 1000, "runAsGroup": 5}, "", Identity(1000, 5, (10,))),
        ({"fsGroup": 2000, "supplementalGroups": [3000]}, "", Identity(0, 0, (3000, 2000))),
        ({"runAsUser": 1000, "supplementalGroupsPolicy": "Strict"}, "", Identity(1000, 1001)),
    ],
)
def test_identities(security: dict[str, Any], image_user: str, expected: Identity) -> None:
    assert resolve_identity(security, image_user, ACCOUNTS) == expected


def test_a_user_that_the_image_does_not_know_is_told() -> None:
    with pytest.raises(ConfigError, match="unable to find user nobody"):
        resolve_identity({}, "nobody", ACCOUNTS)


@given(st.text(), st.text(), st.text())
def test_any_account_files_can_be_read(passwd: str, group: str, user: str) -> None:
    try:
        resolve_identity({}, user, Accounts(passwd, group))
    except ConfigError:
        return


@pytest.mark.parametrize(
    ("security", "image_user", "message"),
    [
        ({}, "", "image will run as root"),
        ({}, "0:0", "image will run as root"),
        ({}, "app", r"non-numeric user \(app\), cannot verify user is non-root"),
        ({"runAsUser": 0}, "1000", "container's runAsUser breaks non-root policy"),
    ],
)
def test_root_is_refused_where_it_must_not_be(
    security: dict[str, Any], image_user: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        check_non_root(pod(), container(), {"runAsNonRoot": True, **security}, image_user)


@pytest.mark.parametrize(("security", "user"), [({"runAsUser": 5}, ""), ({}, "1000"), ({}, "1000:0")])
def test_other_users_are_let_pass(security: dict[str, Any], user: str) -> None:
    check_non_root(pod(), container(), {"runAsNonRoot": True, **security}, user)


@pytest.mark.parametrize(
    ("security", "expected"),
    [
        ({}, None),
        ({"capabilities": {"drop": ["ALL"]}}, ()),
        ({"capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}}, ("NET_ADMIN",)),
        ({"capabilities": {"add": ["CAP_SYS_TIME"]}}, (*DEFAULT_CAPABILITIES, "SYS_TIME")),
        ({"privileged": True}, ALL_CAPABILITIES),
    ],
)
def test_capabilities(security: dict[str, Any], expected: tuple[str, ...] | None) -> None:
    assert capabilities_of(security) == expected


def test_a_container_overrides_its_pod() -> None:
    item = pod(securityContext={"runAsUser": 1, "fsGroup": 2})
    own = container(securityContext={"runAsUser": 3, "runAsGroup": None})
    assert security_of(item, own) == {"runAsUser": 3, "fsGroup": 2}


def test_accounts_come_from_the_topmost_layer_and_never_through_links(tmp_path: Path) -> None:
    for name in ("low", "high", "linked"):
        (tmp_path / name).mkdir()
    for name in ("low", "high"):
        (tmp_path / name / "etc").mkdir()
        (tmp_path / name / "etc" / "passwd").write_text(name)
    (tmp_path / "linked" / "etc").symlink_to("/etc")
    (tmp_path / "high" / "etc" / "group").symlink_to("/etc/group")
    layers = [tmp_path / name for name in ("low", "high", "linked")]
    assert read_accounts(layers) == Accounts("high", "")
