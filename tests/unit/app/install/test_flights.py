"""What a canary is made of, and what is asked."""

from __future__ import annotations

import kubernetes_validate
import pytest
from tests.unit.app.install.test_canary import installed

from alcove.app.install import flights
from alcove.embedded.admission.pod_security import violations
from alcove.kube import resources


def test_its_objects_are_valid_and_its_pods_confined() -> None:
    flight = flights.plan_flight(installed(), "abc")
    assert flight is not None and flight.image.startswith("alcove/alcove:")
    for resource, item in flights.render_flight(flight):
        kubernetes_validate.validate(item, "1.29", strict=True)
        if resource == resources.PODS:
            assert violations("restricted", {**item["spec"], "securityContext": {}}) == []


@pytest.mark.parametrize(("suffix", "count"), [(".a.b", 6), ("", 4)])
def test_hosts_need_a_suffix(suffix: str, count: int) -> None:
    flight = flights.Flight("r", "i", "Always", suffix)
    stages = flights.plan_stages(flight)
    assert len(stages) == count
    assert count == 4 or stages[-1].host == "r-child.s.r.canary.a.b"
