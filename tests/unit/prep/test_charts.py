"""The charts that are generated, as Helm renders them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import pytest
import yaml
from tests.unit.prep.folders import FOLDERS, facts_of

from alcove.config.azds import load_project
from alcove.prep.facts import Wishes
from alcove.prep.planning import plan_files
from alcove.prep.preparing import prepare
from alcove.prep.writing import write_files

INGRESS = {"enabled": True, "className": "traefik-azds", "hosts": ["web.example.com", "other.test"]}
PUBLIC = {"ingress": INGRESS}
SECRETS = {"secrets": {"redis": {"host": "a"}, "Mongo_Db": {"connectionString": "b"}, "empty": {}}}
EVERYTHING = {
    **SECRETS,
    "replicaCount": 3,
    "probes": {"enabled": True},
    "imagePullSecrets": [{"name": "pull"}],
    "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
    "nodeSelector": {"pool": "a"},
    "tolerations": [{"key": "a", "operator": "Exists"}],
    "affinity": {"podAntiAffinity": {}},
    "ingress": {**INGRESS, "tls": [{"secretName": "tls", "hosts": ["web.example.com"]}]},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "web"


def make(folder: Path, kind: str) -> Path:
    folder.mkdir()
    write_files(folder, plan_files(facts_of(kind), Wishes()).files)
    return folder / "charts" / "web"


def render(chart: Path, values: dict[str, Any], name: str = "azds-1-dev-web") -> dict[str, dict[str, Any]]:
    with helm_python.Chart.load(chart) as loaded:
        texts = loaded.render(values, name=name, namespace="dev")
    items = [
        item for path, text in texts.items() if path.endswith(".yaml") for item in yaml.safe_load_all(text)
    ]
    return {f"{item['kind']}/{item['metadata']['name']}": item for item in items if item}


@pytest.mark.parametrize("values", [{}, PUBLIC, SECRETS, EVERYTHING, {"ingress": {"enabled": True}}])
@pytest.mark.parametrize("kind", ["node-npm", "dotnet-web", "java-maven", "unsupported", "own-dockerfile"])
def test_what_it_makes_is_valid_and_of_current_versions(
    folder: Path, kind: str, values: dict[str, Any]
) -> None:
    found = render(make(folder, kind), values)
    for item in found.values():
        kubernetes_validate.validate(item, "1.29", strict=True)
    labels = {"app": "web", "chart": "web-0.1.0", "draft": "draft-app", "heritage": "Helm"}
    for item in found.values():
        assert item["metadata"]["labels"] == {**labels, "release": "azds-1-dev-web"}
    assert {item["apiVersion"] for item in found.values()} <= {"apps/v1", "v1", "networking.k8s.io/v1"}


def test_a_service_reaches_the_pods_by_a_name_that_says_the_protocol(folder: Path) -> None:
    found = render(make(folder, "node-npm"), {"replicaCount": 2})
    deployment, service = found["Deployment/web"]["spec"], found["Service/web"]["spec"]
    [container] = deployment["template"]["spec"]["containers"]
    assert set(found) == {"Deployment/web", "Service/web"} and deployment["replicas"] == 2
    assert service["ports"] == [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]
    assert container["ports"] == [{"name": "http", "containerPort": 3000, "protocol": "TCP"}]
    assert (
        service["selector"]
        == deployment["selector"]["matchLabels"]
        == {"app": "web", "release": "azds-1-dev-web"}
    )
    assert container["image"] == "web:stable" and container["imagePullPolicy"] == "IfNotPresent"


@pytest.mark.parametrize(
    ("kind", "environment"),
    [
        ("node-npm", {"PORT": "4000"}),
        ("dotnet-web", {"PORT": "4000", "ASPNETCORE_HTTP_PORTS": "4000"}),
        ("java-maven", {"PORT": "4000", "SERVER_PORT": "4000"}),
    ],
)
def test_the_port_of_the_chart_is_where_the_program_is_told_to_listen(
    folder: Path, kind: str, environment: dict[str, str]
) -> None:
    found = render(make(folder, kind), {"containerPort": 4000})
    [container] = found["Deployment/web"]["spec"]["template"]["spec"]["containers"]
    assert {each["name"]: each["value"] for each in container["env"]} == environment


def test_an_ingress_has_the_hosts_that_it_is_given(folder: Path) -> None:
    chart = make(folder, "node-npm")
    ingress = render(chart, PUBLIC)["Ingress/web"]["spec"]
    assert [rule["host"] for rule in ingress["rules"]] == ["web.example.com", "other.test"]
    assert ingress["ingressClassName"] == "traefik-azds"
    [path] = ingress["rules"][0]["http"]["paths"]
    assert path["backend"]["service"] == {"name": "web", "port": {"name": "http"}}
    assert "Ingress/web" not in render(chart, {"ingress": {"enabled": False, "hosts": ["a"]}})


def test_a_class_that_is_given_both_ways_is_given_once(folder: Path) -> None:
    annotations = {"kubernetes.io/ingress.class": "nginx", "other": "kept"}
    found = render(make(folder, "node-npm"), {"ingress": {**INGRESS, "annotations": annotations}})
    assert found["Ingress/web"]["metadata"]["annotations"] == {"other": "kept"}


HARD = {
    "quotes": "\"a\" 'b' `c`",
    "dollars": "$HOME ${X} $(tag) $$",
    "unicode": "pässwörd 🔑",
    "lines": "one\ntwo\n",
    "templates": "{{ .Values }}",
    "yaml": "- [a: {",
    "spaces": "  ",
}


def test_secrets_come_as_they_were_given(folder: Path) -> None:
    found = render(make(folder, "node-npm"), {"secrets": {"my": HARD}})
    data = found["Secret/web-my"]["data"]
    assert {key: base64.b64decode(value).decode() for key, value in data.items()} == HARD
    [container] = found["Deployment/web"]["spec"]["template"]["spec"]["containers"]
    named = {
        each["name"]: each["valueFrom"]["secretKeyRef"] for each in container["env"] if "valueFrom" in each
    }
    assert named == {f"my_{key}": {"name": "web-my", "key": key} for key in HARD}


def test_secrets_that_are_no_texts_are_written_as_people_write_them(folder: Path) -> None:
    given = {"count": 1000000, "half": 0.5, "yes": True, "none": None}
    found = render(make(folder, "node-npm"), {"secrets": {"A_B": given}})
    data = found["Secret/web-a-b"]["data"]
    told = {key: base64.b64decode(value).decode() for key, value in data.items()}
    assert told == {"count": "1000000", "half": "0.5", "yes": "true"}


def test_pods_change_with_their_secrets(folder: Path) -> None:
    chart = make(folder, "node-npm")

    def annotations(secret: str) -> dict[str, str]:
        found = render(chart, {"secrets": {"a": {"b": secret}}})
        result: dict[str, str] = found["Deployment/web"]["spec"]["template"]["metadata"]["annotations"]
        return result

    assert annotations("1") == annotations("1") != annotations("2")


@pytest.mark.parametrize("name", ["12345", "true", "a-very-long-name-of-a-release-with-53-characters-in-i"])
def test_any_release_may_have_it(folder: Path, name: str) -> None:
    for item in render(make(folder, "go"), EVERYTHING, name=name).values():
        kubernetes_validate.validate(item, "1.29", strict=True)


@pytest.mark.parametrize("kind", [name for name in FOLDERS if name != "unsupported"])
def test_azds_yaml_is_understood_and_its_values_fit_the_chart(folder: Path, kind: str) -> None:
    folder.mkdir()
    for path, content in FOLDERS[kind].items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    prepare(folder, ingress=True)
    project = load_project(folder, environment={})
    assert project.install.chart == folder / "charts/web" and not project.warnings
    assert project.build.dockerfile.is_file() and project.build.context == folder
    found = render(project.install.chart, dict(project.install.set))
    [container] = found["Deployment/web"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "web:$(tag)" and container["imagePullPolicy"] == "Never"
    [rule] = found["Ingress/web"]["spec"]["rules"]
    assert rule["host"] == "$(spacePrefix)$(rootSpacePrefix)web$(hostSuffix)"
    if kind != "own-dockerfile":
        assert project.container is not None and project.container.sync
