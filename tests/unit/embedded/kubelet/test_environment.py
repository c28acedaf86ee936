"""Variables and command lines as Kubernetes makes them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.embedded.kubelet.readers import FakeReader, config_map, secret

from alcove.embedded.kubelet.downward import PodFacts
from alcove.embedded.kubelet.environment import (
    ConfigError,
    command_line,
    container_environment,
    expand,
    service_variables,
)
from alcove.embedded.objects import Object
from alcove.embedded.ports import ImageConfig

POD: Object = {"metadata": {"name": "web", "namespace": "default"}, "spec": {"containers": []}}
FACTS = PodFacts(POD, "node-1", "10.0.0.1", "10.1.0.1", {"cpu": "2"})
READER = FakeReader(config_map("map", a="1", b="2") | secret("key", token="s3cret"))


def environment(*entries: Object, reader: FakeReader = READER, **container: Any) -> dict[str, str]:
    return container_environment({"name": "main", "env": list(entries), **container}, FACTS, reader)


def reference(kind: str, name: str, key: str, **more: Any) -> Object:
    return {"name": "X", "valueFrom": {kind: {"name": name, "key": key, **more}}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(A)", "a"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$a"),
        ("$(NOPE)", "$(NOPE)"),
        ("$(A)$(A)-$A", "aa-$A"),
        ("$(A", "$(A"),
        ("$", "$"),
        ("$$", "$"),
        ("$()", "$()"),
    ],
)
def test_references_are_expanded(text: str, expected: str) -> None:
    assert expand(text, {"A": "a"}) == expected


@given(st.text(alphabet="$()AB x"))
def test_expansion_changes_nothing_without_references_to_known_names(text: str) -> None:
    assert expand(text.replace("$$", ""), {}) == text.replace("$$", "")


@given(st.text())
def test_doubled_dollars_protect_any_text(text: str) -> None:
    assert expand(text.replace("$", "$$"), {"A": "a"}) == text


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({}, ("/app", "serve")),
        ({"args": ["$(A)"]}, ("/app", "a")),
        ({"command": ["sh"]}, ("sh",)),
        ({"command": ["sh"], "args": ["-c", "x"]}, ("sh", "-c", "x")),
    ],
)
def test_command_and_args_replace_those_of_the_image(container: Object, expected: tuple[str, ...]) -> None:
    image = ImageConfig(entrypoint=("/app",), command=("serve",))
    assert command_line(container, image, {"A": "a"}) == expected


def test_later_variables_may_use_earlier_ones() -> None:
    found = environment({"name": "A", "value": "1"}, {"name": "B", "value": "$(A)$(C)"})
    assert found == {"A": "1", "B": "1$(C)"}


def test_whole_objects_are_taken_in_with_a_prefix() -> None:
    sources = [{"prefix": "P_", "configMapRef": {"name": "map"}}, {"secretRef": {"name": "key"}}]
    assert environment(envFrom=sources) == {"P_a": "1", "P_b": "2", "token": "s3cret"}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (reference("configMapKeyRef", "map", "a"), {"X": "1"}),
        (reference("secretKeyRef", "key", "token"), {"X": "s3cret"}),
        (reference("configMapKeyRef", "map", "z", optional=True), {}),
        (reference("secretKeyRef", "gone", "z", optional=True), {}),
        ({"name": "X", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}, {"X": "10.1.0.1"}),
        ({"name": "X", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}, {"X": "2"}),
        ({"name": "X"}, {"X": ""}),
    ],
)
def test_values_come_from_elsewhere(entry: Object, expected: dict[str, str]) -> None:
    assert environment(entry) == expected


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (reference("configMapKeyRef", "gone", "a"), 'configmap "gone" not found'),
        (reference("secretKeyRef", "gone", "a"), 'secret "gone" not found'),
        (reference("configMapKeyRef", "map", "z"), "couldn't find key z in ConfigMap default/map"),
        (reference("secretKeyRef", "key", "z"), "couldn't find key z in Secret default/key"),
    ],
)
def test_what_is_missing_is_told(entry: Object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        environment(entry)


def service(name: str, /, namespace: str = "default", **port: Any) -> dict[tuple[str, str, str], Object]:
    spec = {"clusterIP": "10.96.0.1", "ports": [{"port": 80, **port}]}
    return {("services", namespace, name): {"metadata": {"name": name}, "spec": spec}}


def test_services_are_told_by_variables() -> None:
    assert service_variables(list(service("my-db", name="sql").values())) == {
        "MY_DB_SERVICE_HOST": "10.96.0.1",
        "MY_DB_SERVICE_PORT": "80",
        "MY_DB_SERVICE_PORT_SQL": "80",
        "MY_DB_PORT": "tcp://10.96.0.1:80",
        "MY_DB_PORT_80_TCP": "tcp://10.96.0.1:80",
        "MY_DB_PORT_80_TCP_PROTO": "tcp",
        "MY_DB_PORT_80_TCP_PORT": "80",
        "MY_DB_PORT_80_TCP_ADDR": "10.96.0.1",
    }


@pytest.mark.parametrize(("links", "expected"), [(True, True), (False, False)])
def test_only_the_api_is_told_without_service_links(links: bool, expected: bool) -> None:
    pod = {**POD, "spec": {"containers": [], "enableServiceLinks": links}}
    facts = PodFacts(pod, "n", "", "", {})
    found = container_environment({}, facts, FakeReader(service("kubernetes") | service("db")))
    assert found["KUBERNETES_SERVICE_HOST"] == "10.96.0.1"
    assert ("DB_SERVICE_HOST" in found) is expected


def test_own_variables_win_over_those_of_services() -> None:
    reader = FakeReader(service("db"))
    found = environment({"name": "DB_SERVICE_HOST", "value": "mine"}, reader=reader)
    assert found["DB_SERVICE_HOST"] == "mine"
