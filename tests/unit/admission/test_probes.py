"""Probes behind a redirect."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.admission.worlds import PROBES_PORT, app

from alcove.admission.probes import KINDS, Check, collect_checks, rewrite_probes

Object = dict[str, Any]
PORTS = [{"name": "db", "containerPort": 5432}, {"name": "dns", "containerPort": 53, "protocol": "UDP"}]


def answered(path: str) -> Object:
    return {"httpGet": {"path": path, "port": PROBES_PORT, "scheme": "HTTP"}}


CASES = [
    ({"tcpSocket": {"port": 5432}}, answered("/tcp/5432")),
    ({"tcpSocket": {"port": "db"}, "periodSeconds": 3}, {**answered("/tcp/5432"), "periodSeconds": 3}),
    ({"grpc": {"port": 9000}}, answered("/grpc/9000")),
    ({"grpc": {"port": 9, "service": ""}, "timeoutSeconds": 2}, {**answered("/grpc/9"), "timeoutSeconds": 2}),
    ({"grpc": {"port": 9000, "service": "a.b/C"}}, answered("/grpc/9000/a.b%2FC")),
    ({"httpGet": {"port": 80, "path": "/ok", "scheme": "HTTPS"}}, None),
    ({"exec": {"command": ["true"]}}, None),
    ({"tcpSocket": {"port": 80, "host": "db.example"}}, None),
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("probe", "wanted"), CASES)
def test_a_probe_becomes_one_that_tells_the_truth(kind: str, probe: Object, wanted: Object | None) -> None:
    fields: Object = {"ports": PORTS, kind: probe}
    before = app("app", **fields)
    container, warnings = rewrite_probes(before, PROBES_PORT)
    assert container == {**before, kind: wanted or probe}
    assert warnings == ()


@pytest.mark.parametrize("port", ["absent", "dns", None])
def test_a_port_that_is_not_declared_is_told(port: object) -> None:
    before = app(ports=PORTS, livenessProbe={"tcpSocket": {"port": port}})
    container, (warning,) = rewrite_probes(before, PROBES_PORT)
    assert container == before
    assert f"its livenessProbe names the port {port!r}" in warning


def test_checks_are_collected_once_and_in_order() -> None:
    containers = [
        app("a", readinessProbe=answered("/tcp/80"), livenessProbe=answered("/tcp/80")),
        app(
            "b", startupProbe=answered("/grpc/9/x"), livenessProbe={"httpGet": {"path": "/tcp/1", "port": 80}}
        ),
        app("c", livenessProbe=answered("/something/else")),
    ]
    assert collect_checks(containers, PROBES_PORT) == (Check("grpc", 9, "x"), Check("tcp", 80))


@given(port=st.integers(1, 65535), service=st.text())
def test_the_path_holds_the_whole_check(port: int, service: str) -> None:
    container, _ = rewrite_probes(
        app(readinessProbe={"grpc": {"port": port, "service": service}}), PROBES_PORT
    )
    assert collect_checks([container], PROBES_PORT) == (Check("grpc", port, service),)
