"""What a namespace demands of containers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.admission.bounds import UNBOUNDED, Bounds, amounts_of, fit, observe_bounds
from alcove.admission.settings import PROXY_RESOURCES, Resources


def limit_range(kind: str = "Container", **entry: Any) -> dict[str, Any]:
    return {"spec": {"limits": [{"type": kind, **entry}]}}


def test_the_tightest_bounds_count() -> None:
    found = observe_bounds(
        [
            limit_range(min={"cpu": "10m"}, max={"cpu": "2", "memory": "1Gi"}),
            limit_range(min={"cpu": "20m"}, max={"cpu": "1"}, maxLimitRequestRatio={"cpu": "4"}),
            limit_range("Pod", max={"cpu": "1m"}),
            {"spec": None},
        ]
    )
    assert found.least == {"cpu": Decimal("0.02")}
    assert found.most == {"cpu": 1, "memory": 1 << 30}
    assert found.ratio == {"cpu": 4}


@pytest.mark.parametrize(
    ("bounds", "request_", "limit"),
    [
        (UNBOUNDED, "20m", "500m"),
        (Bounds(least={"cpu": Decimal("0.1")}), "100m", "500m"),
        (Bounds(most={"cpu": Decimal("0.3")}), "20m", "300m"),
        (Bounds(most={"cpu": Decimal("0.01")}), "10m", "10m"),
        (Bounds(least={"cpu": Decimal(1)}), "1000m", "1000m"),
        (Bounds(ratio={"cpu": Decimal(3)}), "167m", "500m"),
        (Bounds(most={"memory": Decimal(1)}), "20m", "500m"),
    ],
)
def test_what_we_ask_for_gives_way(bounds: Bounds, request_: str, limit: str) -> None:
    found = fit(PROXY_RESOURCES, bounds)
    assert (found.requests["cpu"], found.limits["cpu"]) == (request_, limit)


def test_a_request_without_a_limit_only_has_a_least() -> None:
    found = fit(Resources({"memory": "1Mi"}, {}), Bounds(least={"memory": Decimal(2 << 20)}))
    assert found == Resources({"memory": str(2 << 20)}, {})


AMOUNTS = st.integers(1, 4000).map(lambda thousandths: Decimal(thousandths) / 1000)


@given(least=AMOUNTS, most=AMOUNTS, ratio=st.integers(1, 5))
def test_whatever_is_demanded_is_kept(least: Decimal, most: Decimal, ratio: int) -> None:
    least = min(least, most)
    bounds = Bounds({"cpu": least}, {"cpu": most}, {"cpu": Decimal(ratio)})
    found = fit(PROXY_RESOURCES, bounds)
    request, limit = amounts_of(found.requests)["cpu"], amounts_of(found.limits)["cpu"]
    assert least <= request <= limit <= most
    assert limit <= request * ratio
