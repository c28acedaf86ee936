from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.charts import sessions
from alcove.charts.errors import ChartError
from alcove.charts.sessions import Endpoint, SessionContainer

TAG = "s0123456789abcdef01234567-3"


def pod_spec(image: str = f"web:{TAG}", **changed: Any) -> dict[str, Any]:
    container = {"name": "web", "image": image, "ports": [{"name": "http", "containerPort": 80}]}
    return {"containers": [container], **changed}


def workload(kind: str = "Deployment", spec: dict[str, Any] | None = None, **labels: str) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "web", **labels}}, "spec": spec or pod_spec()}
    inner: dict[str, Any] = {"template": template}
    if kind == "CronJob":
        inner = {"jobTemplate": {"spec": inner}}
    if kind == "Pod":
        return {
            "kind": kind,
            "apiVersion": "v1",
            "metadata": {"name": "w", **template["metadata"]},
            "spec": spec or pod_spec(),
        }
    return {"kind": kind, "apiVersion": "apps/v1", "metadata": {"name": "w"}, "spec": inner}


def service(*ports: dict[str, Any], name: str = "web", **selector: str) -> dict[str, Any]:
    spec = {"selector": selector or {"app": "web"}, "ports": list(ports)}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


@pytest.mark.parametrize(
    "kind", ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod"]
)
def test_the_containers_of_every_workload_are_found(kind: str) -> None:
    found = sessions.find_session_containers([workload(kind)], TAG)
    assert found == (SessionContainer(kind, "w", "web", f"web:{TAG}"),)


@pytest.mark.parametrize(
    ("image", "is_ours"),
    [
        (f"web:{TAG}", True),
        (f"registry.example.com:5000/a/web:{TAG}", True),
        (f"web:{TAG}@sha256:{'0' * 64}", True),
        ("web:stable", False),
        ("web", False),
        (f"{TAG}/web", False),
        (f"web:{TAG}0", False),
    ],
)
def test_an_image_is_the_sessions_by_its_tag(image: str, is_ours: bool) -> None:
    found = list(sessions.find_pod_templates([workload(spec=pod_spec(image))]))
    assert [
        bool(sessions._tag_of(container) == TAG) for each in found for container, _ in each.containers()
    ] == [is_ours]


def test_init_containers_and_several_containers_are_found() -> None:
    spec = {"initContainers": [{"name": "migrate", "image": f"web:{TAG}"}], **pod_spec()}
    spec["containers"].append({"name": "sidecar", "image": "other:1"})
    found = sessions.find_session_containers([workload(spec=spec)], TAG)
    assert [(each.container, each.init) for each in found] == [("migrate", True), ("web", False)]


def test_a_chart_that_does_not_use_the_tag_is_told_what_it_renders() -> None:
    with pytest.raises(ChartError) as caught:
        sessions.find_session_containers([workload(spec=pod_spec("web:stable")), service()], TAG)
    assert "web:stable (Deployment w)" in caught.value.cause
    assert "install.set.image.tag must be $(tag)" in caught.value.hint
    with pytest.raises(ChartError, match="no pods at all"):
        sessions.find_session_containers([service()], TAG)


@pytest.mark.parametrize(
    ("spec", "labels", "said"),
    [
        (pod_spec(), {}, None),
        (pod_spec(), {"azds.io/no-proxy": "true"}, "asks for no proxy"),
        (pod_spec(hostNetwork=True), {}, "uses the node's network"),
        (pod_spec(nodeSelector={"type": "virtual-kubelet"}), {}, "virtual node"),
        (pod_spec(nodeSelector={"beta.kubernetes.io/os": "linux"}), {}, None),
        (
            pod_spec(tolerations=[{"key": "virtual-kubelet.io/provider", "operator": "Exists"}]),
            {},
            "virtual node",
        ),
        (pod_spec(tolerations=[{"key": "azure.com/aci", "effect": "NoSchedule"}]), {}, "virtual node"),
        (pod_spec("other:1", hostNetwork=True), {}, None),
    ],
)
def test_what_speaks_against_a_session_is_told(
    spec: dict[str, Any], labels: dict[str, str], said: str | None
) -> None:
    warnings = sessions.find_warnings([workload(spec=spec, **labels)], TAG)
    assert [said is not None and said in warning for warning in warnings] == ([True] if said else [])


def test_pull_secrets_of_the_session_are_collected_once() -> None:
    first = workload(spec=pod_spec(imagePullSecrets=[{"name": "a"}, {"name": "b"}, {}]))
    second = workload(spec=pod_spec(imagePullSecrets=[{"name": "a"}]))
    other = workload(spec=pod_spec("other:1", imagePullSecrets=[{"name": "c"}]))
    assert sessions.find_pull_secrets([first, second, other], TAG) == ("a", "b")


def test_services_lead_to_ports_by_name_number_or_default() -> None:
    ports: list[dict[str, Any]] = [
        {"name": "http", "port": 8080, "targetPort": "http"},
        {"port": 80},
        {"port": 9, "targetPort": 7000},
        {"port": 10, "targetPort": "none"},
        {"port": 53, "protocol": "UDP"},
    ]
    found = sessions.find_endpoints(
        [workload(), service(*ports), service({"port": 80}, name="x", app="x")], TAG
    )
    assert found == (
        Endpoint("w", "web", 80, "http", "web", 8080),
        Endpoint("w", "web", 80, "", "web", 80),
        Endpoint("w", "", 7000, "", "web", 9),
    )


def test_ports_that_no_service_leads_to_come_last() -> None:
    spec = pod_spec()
    spec["containers"][0]["ports"].append({"name": "debug", "containerPort": 9229})
    found = sessions.find_endpoints([workload(spec=spec), service({"port": 8080, "targetPort": 80})], TAG)
    assert [(end.port, end.service) for end in found] == [(80, "web"), (9229, "")]


def test_hosts_of_ingresses_are_found() -> None:
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    rules = [
        {"host": "a.example.com", "http": {"paths": [{"path": "/x", "backend": backend}]}},
        {"host": "b.example.com", "http": {"paths": [{"backend": backend}]}},
        {"http": {"paths": [{"backend": backend}]}},
    ]
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "spec": {"rules": rules, "tls": [{"hosts": ["b.example.com"]}]},
    }
    assert [(host.url, host.service) for host in sessions.find_hosts([ingress])] == [
        ("http://a.example.com/x", "web"),
        ("https://b.example.com/", "web"),
    ]


WORDS = st.sampled_from(
    [
        "kind",
        "spec",
        "metadata",
        "labels",
        "template",
        "containers",
        "ports",
        "image",
        "rules",
        "http",
        "paths",
        "backend",
        "tls",
        "hosts",
        "selector",
        "items",
        "jobTemplate",
        "name",
        "host",
        "containerPort",
        "port",
    ]
)
VALUES = st.recursive(
    st.none()
    | st.integers()
    | st.sampled_from(["Deployment", "Service", "List", "Ingress", "v1", "networking.k8s.io/v1", f"w:{TAG}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=25,
)


@given(st.lists(st.dictionaries(WORDS | st.just("apiVersion"), VALUES), max_size=3))
def test_whatever_a_chart_renders_is_looked_into(objects: list[dict[str, Any]]) -> None:
    sessions.find_warnings(objects, TAG)
    sessions.find_pull_secrets(objects, TAG)
    sessions.find_endpoints(objects, TAG)
    sessions.find_hosts(objects)
