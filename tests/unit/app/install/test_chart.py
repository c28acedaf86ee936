"""The Helm chart makes the objects that ``enable`` makes, whatever is chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from alcove import __version__
from alcove.admission.settings import Resources
from alcove.app.install.rendering import render_objects
from alcove.app.install.settings import Endpoint, InstallSettings, PodSettings, parse_suffix
from alcove.kube.client import Object

CHART = Path(__file__).parents[4] / "deploy" / "chart"
VALUES: list[dict[str, Any]] = [
    {},
    {"endpoint": "private", "imageRegistry": "registry.example.com/team", "imagePullPolicy": "Always"},
    {"endpoint": "none", "hostSuffix": "dev.example.com", "controlPlane": {"replicas": 1}},
    {"gateway": {"replicas": 1, "serviceAnnotations": {"example.com/pool": "edge"}}, "hostSuffix": ".a.b"},
    {
        "endpoint": "private",
        "imagePullSecrets": ["pull"],
        "controlPlane": {
            "replicas": 3,
            "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "2", "memory": "2Gi"}},
            "nodeSelector": {"pool": "system"},
            "tolerations": [{"key": "system", "operator": "Exists", "effect": "NoSchedule"}],
        },
        "gateway": {
            "nodeSelector": {"pool": "edge", "kubernetes.io/os": "linux"},
            "tolerations": [{"key": "edge", "operator": "Exists"}],
            "serviceAnnotations": {"networking.gke.io/load-balancer-type": "External"},
        },
    },
]


def rendered(values: dict[str, Any], *, namespace: str = "azds") -> dict[tuple[str, str], Object]:
    chart = helm_python.Chart.load(CHART)
    with chart:
        chart.validate_schema(values)
        texts = chart.render(values, name="alcove", namespace=namespace)
    found = [
        item for path, text in texts.items() if path.endswith(".yaml") for item in yaml.safe_load_all(text)
    ]
    return {key(item): item for item in found if item}


def key(item: Object) -> tuple[str, str]:
    return item["kind"], item["metadata"]["name"]


def pods(values: dict[str, Any], default: PodSettings) -> PodSettings:
    """Merge as Helm merges: objects by key, lists whole."""
    resources = values.get("resources", {})
    before = default.resources
    return PodSettings(
        Resources(
            {**before.requests, **resources.get("requests", {})},
            {**before.limits, **resources.get("limits", {})},
        ),
        values.get("replicas", default.replicas),
        values.get("nodeSelector", {}),
        values.get("tolerations", ()),
    )


def settings_of(values: dict[str, Any]) -> InstallSettings:
    defaults = InstallSettings()
    return InstallSettings(
        registry=values.get("imageRegistry", defaults.registry),
        pull_policy=values.get("imagePullPolicy", defaults.pull_policy),
        pull_secrets=values.get("imagePullSecrets", ()),
        endpoint=Endpoint(values.get("endpoint", "public")),
        host_suffix=parse_suffix(values.get("hostSuffix", "")),
        controlplane=pods(values.get("controlPlane", {}), defaults.controlplane),
        gateway=pods(values.get("gateway", {}), defaults.gateway),
        service_annotations=values.get("gateway", {}).get("serviceAnnotations", {}),
    )


@pytest.mark.parametrize("values", VALUES)
def test_the_chart_makes_what_enable_makes(values: dict[str, Any]) -> None:
    wanted = {
        key(item): item for item in render_objects(settings_of(values)) if key(item) != ("Namespace", "azds")
    }
    found = rendered(values)
    assert found.keys() == wanted.keys()
    for name, item in wanted.items():
        assert found[name] == item, name


def test_the_chart_is_of_this_version() -> None:
    metadata = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert metadata["version"] == metadata["appVersion"] == __version__


def test_another_namespace_is_refused() -> None:
    with pytest.raises(helm_python.HelmError, match="its own namespace"):
        rendered({}, namespace="default")


@pytest.mark.parametrize("values", [{"endpoint": "open"}, {"replicas": 2}, {"hostSuffix": "UPPER"}])
def test_what_is_no_value_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(helm_python.HelmError):
        rendered(values)
