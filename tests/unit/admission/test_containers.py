"""What our containers are allowed and told."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

from tests.unit.admission.worlds import SETTINGS, Object

from alcove.admission.containers import (
    AGENT,
    init_command,
    proxy_command,
    render_init,
    render_proxy,
    render_volumes,
)
from alcove.admission.probes import Check
from alcove.admission.settings import INIT_RESOURCES, PROXY_RESOURCES

FACTS = ["ALCOVE_POD_IP", "ALCOVE_HOST_IP", "ALCOVE_POD_NAME", "ALCOVE_POD_UID", "ALCOVE_SPACE"]
FETCHING = [
    *("--token", "/var/run/secrets/alcove/token/token", "--identity", "/var/run/secrets/alcove/identity/pod"),
]
FILES = [
    *("--fetch", "/identity/certificate=certificate.json", "--fetch", "/identity/trust=trust.json"),
]
ENVOY_COMMAND = [
    *("--", "/opt/alcove/bin/envoy", "--config-yaml", "$(ALCOVE_BOOTSTRAP)", "--concurrency", "1"),
    *("--disable-hot-restart", "--log-level", "warning", "--drain-time-s", "604800"),
]
CARRIER_COMMAND = ["$(ALCOVE_EXCHANGE)" if "BOOTSTRAP" in word else word for word in ENVOY_COMMAND]


def proxy(*checks: Check) -> Object:
    return render_proxy(SETTINGS, PROXY_RESOURCES, checks=checks)


def bootstrap_of(container: Object) -> Any:
    return json.loads(environment(container)["ALCOVE_BOOTSTRAP"])


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


def test_the_pods_facts_come_before_the_bootstrap_that_refers_to_them() -> None:
    init = render_init(SETTINGS, INIT_RESOURCES)
    assert [one["name"] for one in init["env"]] == [*FACTS, "ALCOVE_BOOTSTRAP"]
    assert [one["name"] for one in proxy()["env"]] == [*FACTS, "ALCOVE_BOOTSTRAP", "ALCOVE_EXCHANGE"]


def test_a_proxy_that_cannot_be_told_anything_any_more_is_carried_as_init_was() -> None:
    init = render_init(SETTINGS, INIT_RESOURCES)
    assert environment(proxy())["ALCOVE_EXCHANGE"] == environment(init)["ALCOVE_BOOTSTRAP"]
    first, second = (one["command"][one["command"].index("--socket") + 1] for one in (init, proxy()))
    assert first == second


def test_init_is_told_everything_by_its_arguments() -> None:
    assert render_init(SETTINGS, INIT_RESOURCES)["command"] == [
        *("/opt/alcove/bin/alcove-agent", "init"),
        *("--redirect", "15001:15006", "--uid", "57417"),
        *("--pod-address", "$(ALCOVE_POD_IP)", "--host-address", "$(ALCOVE_HOST_IP)", "--direct", "15021"),
        *FETCHING,
        *("--socket", "/var/run/secrets/alcove/identity/pod/exchange.sock"),
        *FILES,
        *ENVOY_COMMAND,
    ]


def test_the_proxy_is_told_everything_by_its_arguments() -> None:
    assert proxy()["command"] == [
        *("/opt/alcove/bin/alcove-agent", "proxy"),
        *FETCHING,
        *("--socket", "/var/run/secrets/alcove/identity/pod/exchange.sock"),
        *FILES,
        *ENVOY_COMMAND,
        *CARRIER_COMMAND,
    ]
    hooks = {name: hook["exec"]["command"] for name, hook in proxy()["lifecycle"].items()}
    assert hooks == {
        "postStart": [AGENT, "await-proxy", "--admin", "/var/run/alcove/admin.sock"],
        "preStop": [AGENT, "drain", "--admin", "/var/run/alcove/admin.sock"],
    }


def test_the_gateway_is_fetched_for_and_not_redirected() -> None:
    assert "--redirect" not in init_command(SETTINGS, redirect=False)
    assert init_command(SETTINGS, redirect=False)[-len(ENVOY_COMMAND) :] == ENVOY_COMMAND


def test_sockets_are_where_their_containers_may_write() -> None:
    for container in (render_init(SETTINGS, INIT_RESOURCES), proxy()):
        writable = [one["mountPath"] for one in container["volumeMounts"] if not one.get("readOnly")]
        told = json.dumps([container["command"], bootstrap_of(container)])
        for path in re.findall(r"[a-z/]+[.]sock", told):
            directory = path.rpartition("/")[0]
            # The identity is in a directory of its own, which the agent makes in the volume.
            assert directory in writable or directory.rpartition("/")[0] in writable


def test_the_number_of_threads_is_a_setting() -> None:
    command = proxy_command(dataclasses.replace(SETTINGS, concurrency=4))
    assert command[command.index("--concurrency") + 1] == "4"


def test_the_proxy_makes_the_checks() -> None:
    clusters = bootstrap_of(proxy(Check("tcp", 80)))["static_resources"]["clusters"]
    assert "check/tcp/80" in [one["name"] for one in clusters]
