"""Clusters towards the control plane: whatever its address, its name is checked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.admission.worlds import SETTINGS

from alcove.admission.upstreams import (
    render_first_identity_cluster,
    render_identity_cluster,
    render_xds_cluster,
)

NAMED = [{"san_type": "DNS", "matcher": {"exact": "alcove.azds.svc"}}]


def address_of(cluster: dict[str, Any]) -> tuple[str, int]:
    endpoint = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]
    address = endpoint["address"]["socket_address"]
    return address["address"], address["port_value"]


def tls_of(cluster: dict[str, Any]) -> dict[str, Any]:
    found = cluster["transport_socket"]["typed_config"]
    assert found["sni"] == "alcove.azds.svc"
    context: dict[str, Any] = found["common_tls_context"]
    return context


def test_the_first_exchange_trusts_what_the_settings_say() -> None:
    validation = tls_of(render_first_identity_cluster(SETTINGS))["validation_context"]
    assert validation == {
        "trusted_ca": {"inline_string": SETTINGS.trust},
        "match_typed_subject_alt_names": NAMED,
    }


@pytest.mark.parametrize("render", [render_identity_cluster, render_xds_cluster])
def test_later_ones_trust_what_was_fetched(render: Any) -> None:
    combined = tls_of(render(SETTINGS, "/identity"))["combined_validation_context"]
    assert combined["default_validation_context"] == {"match_typed_subject_alt_names": NAMED}
    fetched = combined["validation_context_sds_secret_config"]
    assert fetched["name"] == "trust"
    assert fetched["sds_config"]["path_config_source"]["path"] == "/identity/trust.json"


def test_the_certificate_is_shown_for_the_configuration_alone() -> None:
    (shown,) = tls_of(render_xds_cluster(SETTINGS, "/identity"))["tls_certificate_sds_secret_configs"]
    assert shown["sds_config"]["path_config_source"]["path"] == "/identity/certificate.json"
    assert "tls_certificate_sds_secret_configs" not in tls_of(render_identity_cluster(SETTINGS, "/identity"))


def test_addresses_are_of_either_family() -> None:
    settings = replace(SETTINGS, control_plane="fd00::1")
    assert address_of(render_first_identity_cluster(settings)) == ("fd00::1", 443)
    assert address_of(render_identity_cluster(settings, "/identity")) == ("fd00::1", 443)
    assert address_of(render_xds_cluster(settings, "/identity")) == ("fd00::1", 15010)
