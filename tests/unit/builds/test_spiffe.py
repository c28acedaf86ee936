from __future__ import annotations

from typing import Any

import pytest

from alcove.builds.spiffe import Peer, resolve_peer


def shown(*alternatives: tuple[str, str]) -> dict[str, Any]:
    return {"subjectAltName": alternatives}


def test_a_certificate_names_its_pod() -> None:
    found = resolve_peer(shown(("URI", "spiffe://alcove/u-1/dev/alcove-hub-7d9f-x2x")))
    assert found == Peer("u-1", "dev", "alcove-hub-7d9f-x2x") and found.is_hub


@pytest.mark.parametrize(
    "certificate",
    [
        None,
        {},
        shown(("DNS", "spiffe://alcove/u-1/dev/web-0")),
        shown(("URI", "spiffe://other/u-1/dev/web-0")),
        shown(("URI", "spiffe://alcove/u-1/dev")),
        shown(("URI", "spiffe://alcove/u-1/dev/web-0/more")),
        shown(("URI", "spiffe://alcove/u-1/Dev/web-0")),
        shown(("URI", "spiffe://alcove/u-1/dev/web-0\n")),
        shown(("URI", "spiffe://alcove/u/dev/a"), ("URI", "spiffe://alcove/u/prod/a")),
    ],
)
def test_others_name_none(certificate: dict[str, Any] | None) -> None:
    assert resolve_peer(certificate) is None


@pytest.mark.parametrize(
    "pod", ["web-0", "alcove-hub", "alcove-hub-7d9f", "x-alcove-hub-7d9f-x2x", "alcove-hub-a-b-c"]
)
def test_only_pods_of_the_hubs_deployment_are_hubs(pod: str) -> None:
    assert not Peer("u", "dev", pod).is_hub
