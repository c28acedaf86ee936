from __future__ import annotations

import pytest

from alcove.charts.errors import HelmError
from alcove.charts.taking import describe, is_conflict

ONE = 'Apply failed with 1 conflict: conflict with "kubectl" using apps/v1: .spec.replicas'
SCALED = ONE.replace('"kubectl"', '"kube-controller-manager" with subresource "scale"')
MANY = """Apply failed with 3 conflicts: conflicts with "kubectl-edit" using apps/v1:
- .spec.replicas
- .spec.template.spec.containers[name="web"].image
conflicts with "other" using apps/v1:
- .metadata.labels.a"""


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (ONE, (".spec.replicas was changed by kubectl",)),
        (SCALED, (".spec.replicas was changed by kube-controller-manager",)),
        (
            MANY,
            (
                ".spec.replicas was changed by kubectl-edit",
                '.spec.template.spec.containers[name="web"].image was changed by kubectl-edit',
                ".metadata.labels.a was changed by other",
            ),
        ),
        ("something else", ("fields were changed by others",)),
    ],
)
def test_who_held_what_is_read_from_the_servers_words(message: str, found: tuple[str, ...]) -> None:
    assert describe(message) == found


def test_only_a_refused_application_is_a_conflict() -> None:
    assert is_conflict(HelmError("no", cause=f"conflict occurred while applying object: {ONE}"))
    assert not is_conflict(HelmError("no", cause="web cannot be imported"))
