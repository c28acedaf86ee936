"""Secrets that hold a ServiceAccount's token."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from tests.unit.embedded.controllers.worlds import World, play

from alcove.embedded.controllers.running import ControllerSettings
from alcove.embedded.objects import Object, annotations_of, metadata


class FakeIssuer:
    """Gives tokens that tell whose they are."""

    def issue(
        self,
        namespace: str,
        service_account: str,
        *,
        audiences: Sequence[str] = (),
        seconds: int = 3600,
        bound: Object | None = None,
    ) -> tuple[str, str]:
        return f"token of {namespace}/{service_account} for {(bound or {})['name']}", "2034-01-01T00:00:00Z"


SETTINGS = ControllerSettings(ca_certificate="PEM", token_issuer=FakeIssuer())


def secret(account: str) -> Object:
    annotations = {"kubernetes.io/service-account.name": account}
    meta = {"name": "token", "annotations": annotations}
    return {"metadata": meta, "type": "kubernetes.io/service-account-token"}


def test_a_token_secret_is_filled() -> None:
    async def scenario(world: World) -> None:
        await world.settle()
        await world.create("secrets", secret("default"))
        await world.settle()
        item = world.get("secrets", "token")
        content = {key: base64.b64decode(text).decode() for key, text in item["data"].items()}
        assert content == {
            "token": "token of default/default for token",
            "ca.crt": "PEM",
            "namespace": "default",
        }
        uid = metadata(world.get("serviceaccounts", "default"))["uid"]
        assert annotations_of(item)["kubernetes.io/service-account.uid"] == uid

    play(scenario, settings=SETTINGS)


def test_a_token_secret_goes_with_its_account() -> None:
    async def scenario(world: World) -> None:
        await world.create("serviceaccounts", {"metadata": {"name": "robot"}})
        await world.create("secrets", secret("robot"))
        await world.create("secrets", {"metadata": {"name": "other"}, "type": "Opaque"})
        await world.settle()
        await world.delete("serviceaccounts", "robot")
        await world.settle()
        assert world.names("secrets") == ["other"]

    play(scenario, settings=SETTINGS)
