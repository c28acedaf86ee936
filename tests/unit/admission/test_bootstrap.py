"""Every bootstrap is one that Envoy takes, for pods of either family."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.feature.xds.envoys import find_envoy
from tests.unit.admission.worlds import SETTINGS

from alcove.admission import signing
from alcove.admission.bootstrap import (
    NODE_ID,
    Places,
    render_exchange_bootstrap,
    render_gateway_bootstrap,
    render_proxy_bootstrap,
)
from alcove.admission.certificates import Authority
from alcove.admission.issuing import PodIdentity, issue_certificate, render_trust
from alcove.admission.probes import Check
from alcove.admission.settings import InjectionSettings
from alcove.embedded.kubelet.environment import expand

CHECKS = [Check("tcp", 5432), Check("grpc", 9000), Check("grpc", 9000, "a.b/$(C)")]
PLACES = Places("/identity", exchange="/run/exchange.sock", admin="/run/admin.sock")
FACTS = {"ALCOVE_POD_NAME": "web-0", "ALCOVE_POD_UID": "u-1", "ALCOVE_SPACE": "shop"}
Body = dict[str, Any]


def exchange(settings: InjectionSettings, places: Places) -> Body:
    return render_exchange_bootstrap(settings, places.exchange)


def proxy(settings: InjectionSettings, places: Places) -> Body:
    return render_proxy_bootstrap(settings, places, CHECKS)


@pytest.mark.parametrize(("control", "pod"), [("10.96.0.20", "10.1.2.3"), ("fd00::1", "fd00::2")])
@pytest.mark.parametrize("render", [exchange, proxy, render_gateway_bootstrap])
def test_envoy_takes_it_without_a_warning(
    tmp_path: Path, render: Callable[[InjectionSettings, Places], Body], control: str, pod: str
) -> None:
    now = time.time()
    authority = Authority(signing.make_authority(now, now + 100), now + 100)
    certificate = issue_certificate(PodIdentity("u-1", "shop", "web-0"), authority, now)
    (tmp_path / "certificate.json").write_text(json.dumps(certificate.body))
    (tmp_path / "trust.json").write_text(json.dumps(render_trust(authority.pair.certificate).body))
    places = Places(str(tmp_path), f"{tmp_path}/exchange.sock", f"{tmp_path}/admin.sock")
    trusting = replace(SETTINGS, control_plane=control, trust=authority.pair.certificate.decode())
    text = expand(json.dumps(render(trusting, places)), {**FACTS, "ALCOVE_POD_IP": pod})
    arguments = ["--mode", "validate", "--log-level", "warning", "--service-node", "named"]
    done = subprocess.run([find_envoy(), *arguments, "--config-yaml", text], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == ""


def test_the_node_is_the_pod() -> None:
    assert expand(NODE_ID, FACTS) == "u-1/shop/web-0"
    assert proxy(SETTINGS, PLACES)["node"]["id"] == NODE_ID


def test_nothing_starts_before_there_is_a_configuration() -> None:
    dynamic = proxy(SETTINGS, PLACES)["dynamic_resources"]
    for source in ("cds_config", "lds_config"):
        assert dynamic[source]["initial_fetch_timeout"] == "0s"


def test_the_exchange_knows_nobody_but_the_control_plane() -> None:
    found = exchange(SETTINGS, PLACES)
    assert "dynamic_resources" not in found
    assert "admin" not in found
    assert [one["name"] for one in found["static_resources"]["clusters"]] == ["identity"]


def test_the_gateways_text_refers_to_nothing_of_its_pod() -> None:
    text = json.dumps(render_gateway_bootstrap(SETTINGS, PLACES))
    assert expand(text, dict.fromkeys([*FACTS, "ALCOVE_POD_IP"], "")) == text


def test_no_port_of_the_admin_interface_is_open() -> None:
    assert proxy(SETTINGS, PLACES)["admin"]["address"]["pipe"]["path"] == "/run/admin.sock"
