from __future__ import annotations

import base64
import ssl
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.identity.authority import Authority, load_authority
from alcove.kube.access import AccessError, load_access


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return load_authority(tmp_path_factory.mktemp("pki"))


def config(user: dict[str, Any] | None = None, cluster: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "current-context": "here",
        "contexts": [
            {"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "dev"}},
            {"name": "there", "context": {"cluster": "other"}},
        ],
        "clusters": [
            {"name": "c", "cluster": {"server": "https://127.0.0.1:6443/"} | (cluster or {})},
            {"name": "other", "cluster": {"server": "http://other"}},
        ],
        "users": [{"name": "u", "user": user or {}}],
    }


def written(directory: Path, content: Any, name: str = "config") -> Path:
    path = directory / name
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


async def test_the_current_context_is_used(tmp_path: Path, authority: Authority) -> None:
    data = base64.b64encode(authority.certificate_pem).decode()
    path = written(
        tmp_path, config(cluster={"certificate-authority-data": data, "tls-server-name": "kubernetes"})
    )
    access = await load_access({"KUBECONFIG": str(path)})
    assert (access.server, access.namespace, access.server_name) == (
        "https://127.0.0.1:6443",
        "dev",
        "kubernetes",
    )
    assert access.tls is not None
    assert access.tls.verify_mode is ssl.CERT_REQUIRED
    assert await access.authorization(False) == ""


async def test_another_context_can_be_named(tmp_path: Path) -> None:
    access = await load_access({}, kubeconfig=written(tmp_path, config()), context="there")
    assert (access.server, access.namespace, access.tls) == ("http://other", "default", None)


async def test_the_home_directory_is_looked_into(tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    written(tmp_path / ".kube", config())
    assert (await load_access({"HOME": str(tmp_path)})).namespace == "dev"


async def test_client_certificates_are_loaded(tmp_path: Path, authority: Authority) -> None:
    pair = authority.client_certificate("jane")
    (tmp_path / "jane.crt").write_bytes(pair.certificate)
    user = {
        "client-certificate": "jane.crt",
        "client-key-data": base64.b64encode(pair.key).decode(),
    }
    access = await load_access({}, kubeconfig=written(tmp_path, config(user=user)))
    assert access.tls is not None


@pytest.mark.parametrize(
    ("user", "header"),
    [
        ({"token": "abc"}, "Bearer abc"),
        ({"username": "jane", "password": "pw"}, "Basic amFuZTpwdw=="),
        ({}, ""),
    ],
)
async def test_credentials_become_a_header(tmp_path: Path, user: dict[str, Any], header: str) -> None:
    access = await load_access({}, kubeconfig=written(tmp_path, config(user=user)))
    assert await access.authorization(False) == header
    assert "abc" not in repr(access)


async def test_a_token_file_is_read_again_after_a_minute_or_a_refusal(tmp_path: Path) -> None:
    now = [0.0]
    (tmp_path / "token").write_text("first\n")
    path = written(tmp_path, config(user={"tokenFile": "token"}))
    access = await load_access({}, kubeconfig=path, clock=lambda: now[0])
    told = [await access.authorization(False)]
    (tmp_path / "token").write_text("second")
    told += [await access.authorization(False), await access.authorization(True)]
    (tmp_path / "token").write_text("third")
    now[0] = 60
    told.append(await access.authorization(False))
    assert told == ["Bearer first", "Bearer first", "Bearer second", "Bearer third"]


async def test_a_plug_in_is_asked_for_credentials(tmp_path: Path) -> None:
    script = "import json; print(json.dumps({'apiVersion': 'client.authentication.k8s.io/v1', "
    script += "'kind': 'ExecCredential', 'status': {'token': 'from-plug-in'}}))"
    plug_in = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": ["-c", script],
        "interactiveMode": "Never",
    }
    path = written(tmp_path, config(user={"exec": plug_in}, cluster={"insecure-skip-tls-verify": True}))
    access = await load_access({}, kubeconfig=path)
    assert await access.authorization(False) == "Bearer from-plug-in"
    assert await access.authorization(True) == "Bearer from-plug-in"
    assert access.tls is not None
    assert access.tls.verify_mode is ssl.CERT_NONE


async def test_several_files_are_one_configuration(tmp_path: Path) -> None:
    whole = config(user={"token": "abc"}, cluster={"insecure-skip-tls-verify": True})
    users = written(tmp_path, {"users": whole.pop("users")}, "users")
    both = f"{written(tmp_path, whole)}:{users}"
    access = await load_access({"KUBECONFIG": both})
    assert await access.authorization(False) == "Bearer abc"
    assert access.namespace == "dev"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        "a: b",
        config() | {"current-context": "missing"},
        config() | {"clusters": []},
        config() | {"users": []},
        config(cluster={"certificate-authority-data": "?"}),
        config(cluster={"certificate-authority": "missing.crt"}),
        config(user={"client-certificate-data": "AAAA"}),
        {"current-context": "a", "contexts": ["a"]},
    ],
)
async def test_a_kubeconfig_that_cannot_be_used_is_told(tmp_path: Path, content: Any) -> None:
    path = written(tmp_path, content)
    with pytest.raises(AccessError) as raised:
        await load_access({}, kubeconfig=path)
    assert str(path) in raised.value.message
    assert raised.value.hint


@given(content=st.binary(max_size=200))
async def test_random_files_are_told(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("kube") / "config"
    path.write_bytes(content)
    with pytest.raises(AccessError):
        await load_access({}, kubeconfig=path)


async def test_no_kubeconfig_is_told(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="no kubeconfig"):
        await load_access({"HOME": str(tmp_path)})
