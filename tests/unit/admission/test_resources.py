"""What the proxy asks for."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.admission.worlds import CHILD, SETTINGS, app, pod

from alcove.admission.bounds import Bounds
from alcove.admission.quantities import parse_quantity
from alcove.admission.resources import Shares, exceeded_budget, proxy_resources, share_resources
from alcove.admission.settings import Resources

DEFAULTS = Resources({"cpu": "20m", "memory": "48Mi"}, {"cpu": "500m", "memory": "256Mi"})


def asked(text: object) -> tuple[Resources, tuple[str, ...]]:
    return proxy_resources(pod(metadata={"annotations": {"azds.io/proxy-resources": text}}), DEFAULTS)


@pytest.mark.parametrize(
    ("text", "requests", "limits"),
    [
        ("{}", {}, {}),
        ('{"limits":{"cpu":1}}', {}, {"cpu": "1"}),
        ('{"limits":{"cpu":0.5}}', {}, {"cpu": "0.5"}),
        ('{"LIMITS":{"CPU":"10m"}}', {"cpu": "10m"}, {"cpu": "10m"}),
        ('{"Requests":{"memory":"1Gi"}}', {"memory": "1Gi"}, {"memory": "1Gi"}),
        (
            '{"Requests":{"ephemeral-storage":"1Gi"},"Limits":{"memory":"1Gi"}}',
            {"ephemeral-storage": "1Gi"},
            {"memory": "1Gi"},
        ),
    ],
)
def test_the_annotation_counts_and_requests_never_exceed_limits(
    text: str, requests: dict[str, str], limits: dict[str, str]
) -> None:
    wanted = Resources({**DEFAULTS.requests, **requests}, {**DEFAULTS.limits, **limits})
    assert asked(text) == (wanted, ())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        (None, ""),
        ("[" * 100_000, "not JSON"),
        ("[]", "not a JSON object"),
        ('{"Limits":[]}', "Limits is not a JSON object"),
        ('{"Limits":{"cpu":"much"}}', "Limits.cpu is not a positive quantity"),
        ('{"Limits":{"cpu":0}}', "Limits.cpu is not a positive quantity"),
        ('{"Limits":{"cpu":true}}', "Limits.cpu is not a positive quantity"),
        ('{"Limits":{"cpu":"1n"}}', "Limits.cpu is not a positive quantity"),
        ('{"Limits":{"cpu":"999999999999999999E"}}', "Limits.cpu is not a positive quantity"),
        ('{"Limits":{"cpu":"1e99"}}', "Limits.cpu is not a positive quantity"),
        ('{"Limits":{"memory":"1m"}}', "Limits.memory is not a positive quantity"),
        ('{"Limits":{"cpu":-1}}', "Limits.cpu is not a positive quantity"),
        ('{"Limits":{"cpu":"1"},"Requests":{"cpu":"2"}}', "requests more cpu than its limit"),
    ],
)
def test_a_mistake_gives_the_defaults_and_a_warning(text: object, why: str) -> None:
    resources, warnings = asked(text)
    assert resources == DEFAULTS
    assert bool(warnings) == bool(why)
    assert all(why in warning for warning in warnings)


def test_what_means_nothing_is_told_and_ignored() -> None:
    resources, (warning,) = asked('{"limits":{"gpu":"1","cpu":"1"},"other":1}')
    assert resources.limits["cpu"] == "1"
    assert "ignored gpu, other" in warning


def test_without_the_annotation_there_is_nothing_to_say() -> None:
    assert proxy_resources(pod(), DEFAULTS) == (DEFAULTS, ())


QUANTITIES = st.sampled_from(["1m", "1", "10", "100Mi", "2Gi", "x", "", "-1", 3])
SECTIONS = st.dictionaries(st.sampled_from(["cpu", "Memory", "gpu"]), QUANTITIES, max_size=3)


@given(limits=SECTIONS, requests=SECTIONS)
def test_whatever_is_asked_the_result_is_valid(limits: dict[str, Any], requests: dict[str, Any]) -> None:
    resources, _ = asked(msgspec.json.encode({"Limits": limits, "requests": requests}).decode())
    for name, request in resources.requests.items():
        wanted, limit = parse_quantity(request), parse_quantity(resources.limits[name])
        assert wanted is not None
        assert limit is not None
        assert 0 < wanted <= limit


@given(st.text())
def test_no_text_raises(text: str) -> None:
    asked(text)


def test_the_bounds_of_the_namespace_hold_for_both_containers() -> None:
    bounds = Bounds(least={"cpu": Decimal("0.1")}, most={"memory": Decimal(32 << 20)})
    shares = share_resources(pod(), dataclasses.replace(CHILD, bounds=bounds), SETTINGS)
    for ours in (shares.init, shares.proxy):
        assert ours.requests["cpu"] == "100m"
        assert ours.limits["memory"] == str(32 << 20)


def budget(item: dict[str, Any]) -> str:
    return exceeded_budget(item, Shares(SETTINGS.init_resources, DEFAULTS))


def requesting(cpu: str, **more: Any) -> dict[str, Any]:
    return app(f"c{cpu}", resources={"requests": {"cpu": cpu}}, **more)


@pytest.mark.parametrize(
    ("item", "exceeded"),
    [
        (pod(), ""),
        (pod(resources={"limits": {"cpu": "1m"}}), ""),
        (pod(resources={"requests": {"cpu": "20m"}}), ""),
        (pod(requesting("100m"), resources={"requests": {"cpu": "120m"}}), ""),
        (pod(requesting("100m"), resources={"requests": {"cpu": "119m"}}), "cpu"),
        (
            pod(initContainers=[requesting("100m")], resources={"requests": {"cpu": "110m"}}),
            "cpu",
        ),
        (
            pod(
                requesting("50m"),
                initContainers=[requesting("50m", restartPolicy="Always")],
                resources={"requests": {"cpu": "120m"}},
            ),
            "",
        ),
        (pod(resources={"requests": {"hugepages-2Mi": "2Mi"}}), ""),
    ],
)
def test_the_budget_of_a_pod_as_a_whole_must_have_room(item: dict[str, Any], exceeded: str) -> None:
    assert budget(item) == exceeded
