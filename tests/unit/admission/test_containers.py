"""What our containers are allowed and told."""

from __future__ import annotations

import dataclasses
import json

from tests.unit.admission.worlds import SETTINGS, Object

from alcove.admission.containers import render_init, render_proxy, render_volumes
from alcove.admission.probes import Check
from alcove.admission.settings import INIT_RESOURCES, PROXY_RESOURCES


def proxy(*checks: Check, ports: list[Object] | None = None) -> Object:
    return render_proxy(SETTINGS, resources=PROXY_RESOURCES, checks=checks, ports=ports or [])


def environment(container: Object) -> dict[str, str]:
    return {
        one["name"]: one.get("value") or one["valueFrom"]["fieldRef"]["fieldPath"] for one in container["env"]
    }


def test_init_has_one_capability_and_can_compare_the_addresses() -> None:
    init = render_init(SETTINGS, INIT_RESOURCES)
    assert init["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsGroup": 57417,
        "runAsNonRoot": False,
        "runAsUser": 0,
        "seccompProfile": {"type": "RuntimeDefault"},
        "capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]},
    }
    told = environment(init)
    assert (told["ALCOVE_POD_IP"], told["ALCOVE_HOST_IP"]) == ("status.podIP", "status.hostIP")
    assert "restartPolicy" not in init


def test_the_proxy_is_an_awaited_native_sidecar_without_rights() -> None:
    container = proxy()
    assert container["restartPolicy"] == "Always"
    assert container["lifecycle"]["postStart"]["exec"]["command"]
    assert "startupProbe" not in container
    security = container["securityContext"]
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["readOnlyRootFilesystem"]
    assert security["runAsNonRoot"]
    assert security["runAsUser"] == 57417


def test_the_accounts_token_is_masked_where_the_api_server_would_mount_it() -> None:
    for container in (render_init(SETTINGS, INIT_RESOURCES), proxy()):
        mounts = {one["mountPath"]: one["name"] for one in container["volumeMounts"]}
        assert mounts["/var/run/secrets/kubernetes.io/serviceaccount"] == "alcove-mask"


def test_every_mount_has_its_volume_and_every_volume_its_use() -> None:
    mounted = {
        mount["name"]
        for one in (render_init(SETTINGS, INIT_RESOURCES), proxy())
        for mount in one["volumeMounts"]
    }
    assert mounted == {volume["name"] for volume in render_volumes()}


def test_the_token_is_for_the_control_plane_only() -> None:
    (source,) = render_volumes()[0]["projected"]["sources"]
    assert source["serviceAccountToken"]["audience"] == "azds"


def test_the_proxy_is_told_checks_and_declared_ports() -> None:
    container = proxy(Check("tcp", 80), ports=[{"port": 80, "protocol": "http"}])
    told = environment(container)
    assert json.loads(told["ALCOVE_CHECKS"]) == [
        {"path": "/tcp/80", "kind": "tcp", "port": 80, "service": ""}
    ]
    assert json.loads(told["ALCOVE_DECLARED_PORTS"]) == [{"port": 80, "protocol": "http"}]


def test_dollars_are_no_references_and_empty_values_are_left_out() -> None:
    container = proxy(Check("grpc", 80, "$(HOME)"))
    assert "$$(HOME)" in environment(container)["ALCOVE_CHECKS"]
    assert "ALCOVE_TRUST" not in environment(container)
    trusting = dataclasses.replace(SETTINGS, trust="PEM")
    assert environment(render_init(trusting, INIT_RESOURCES))["ALCOVE_TRUST"] == "PEM"
