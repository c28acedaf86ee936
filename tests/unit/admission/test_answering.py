"""How probes are answered, as far as it shows without an Envoy."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from alcove.admission.answering import render_check_cluster, render_probes_listener
from alcove.admission.probes import Check
from alcove.embedded.kubelet.environment import expand

FACTS = {"ALCOVE_POD_IP": "fd00::7", "ALCOVE_POD_NAME": "web-0"}
CHECKS = [Check("grpc", 9000), Check("grpc", 9000, "a.b/C"), Check("tcp", 5432)]


def manager_of(listener: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = listener["filter_chains"][0]["filters"][0]["typed_config"]
    return found


def expanded(item: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(expand(json.dumps(item), FACTS))
    return found


def test_each_check_has_a_filter_for_its_path_and_a_cluster_of_its_own() -> None:
    *filters, router = manager_of(render_probes_listener(CHECKS, 15021))["http_filters"]
    assert router["name"] == "router"
    clusters = [render_check_cluster(check)["name"] for check in CHECKS]
    assert len(set(clusters)) == len(CHECKS)
    for check, filter_, cluster in zip(CHECKS, filters, clusters, strict=True):
        settings = filter_["typed_config"]
        assert settings["headers"] == [{"name": ":path", "string_match": {"exact": check.path}}]
        assert settings["cluster_min_healthy_percentages"] == {cluster: {"value": 100}}


def test_it_listens_and_looks_at_the_pods_own_address() -> None:
    listener = expanded(render_probes_listener(CHECKS, 15021))
    assert listener["address"] == {"socket_address": {"address": "fd00::7", "port_value": 15021}}
    for check in CHECKS:
        assignment = expanded(render_check_cluster(check))["load_assignment"]
        endpoint = assignment["endpoints"][0]["lb_endpoints"][0]["endpoint"]
        assert endpoint["address"]["socket_address"] == {"address": "fd00::7", "port_value": check.port}


def test_no_interval_is_left_to_envoys_default_of_a_minute() -> None:
    for check in CHECKS:
        (health,) = render_check_cluster(check)["health_checks"]
        assert {"interval", "no_traffic_interval", "no_traffic_healthy_interval"} <= health.keys()


@given(st.text(min_size=1) | st.just("$(ALCOVE_POD_NAME)"))
def test_a_service_is_asked_for_by_exactly_its_name(service: str) -> None:
    (health,) = expanded(render_check_cluster(Check("grpc", 1, service)))["health_checks"]
    assert health["grpc_health_check"]["service_name"] == service
