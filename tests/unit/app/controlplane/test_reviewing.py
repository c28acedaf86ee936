"""Which pods get certificates."""

from __future__ import annotations

import pytest

from alcove.admission.facts import SpaceFacts
from alcove.admission.identities import KnownTokens
from alcove.admission.issuing import PodIdentity, Refusal, Refused
from alcove.app.controlplane.reviewing import ServedReviewer
from alcove.kube.errors import KubeError
from alcove.model import SpaceName


class OneSpace:
    """Knows the space dev; what is called unknown cannot be asked about."""

    observed = True

    async def find(self, namespace: str) -> SpaceFacts | None:
        if namespace == "unknown":
            raise KubeError("no answer", code=500)
        return SpaceFacts(SpaceName("dev")) if namespace == "dev" else None


@pytest.mark.parametrize(
    ("namespace", "refusal"),
    [
        ("dev", None),
        ("azds", None),
        ("azds-build", None),
        ("kube-system", Refusal.ELSEWHERE),
        ("unknown", Refusal.UNAVAILABLE),
    ],
)
async def test_pods_of_spaces_get_certificates_whether_injected_or_not(
    namespace: str, refusal: Refusal | None
) -> None:
    pod = PodIdentity("u", namespace, "alcove-hub-1")
    reviewer = ServedReviewer(KnownTokens({"t": pod}), OneSpace(), ("azds", "azds-build"))
    found = await reviewer.review("t")
    assert found == pod if refusal is None else isinstance(found, Refused) and found.refusal is refusal


async def test_a_refusal_stays_one() -> None:
    found = await ServedReviewer(KnownTokens(), OneSpace(), ()).review("t")
    assert found == Refused(Refusal.NOT_AUTHENTIC)
