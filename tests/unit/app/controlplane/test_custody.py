from __future__ import annotations

import base64

import pytest

from alcove.admission import configuration
from alcove.admission.certificates import Certificates
from alcove.admission.configuration import ServiceTarget, render_configuration
from alcove.app.controlplane.certificates import SECRET, WEBHOOKS, SecretStore
from alcove.app.controlplane.custody import Custodian
from alcove.kube import errors, resources
from alcove.kube.fake import FakeKubeClient

NOW = 1_800_000_000.0
NAMES = ("alcove", "alcove.azds.svc")


@pytest.fixture
async def client() -> FakeKubeClient:
    client = FakeKubeClient()
    await client.create(resources.NAMESPACES, {"metadata": {"name": "azds"}})
    await client.create(WEBHOOKS, render_configuration(ServiceTarget("azds", "alcove"), b""))
    return client


def custodian(client: FakeKubeClient, *, writes: bool) -> Custodian:
    return Custodian(SecretStore(client, "azds"), NAMES, is_writer=lambda: writes)


async def test_the_writer_makes_them_and_the_others_read_them(client: FakeKubeClient) -> None:
    writer, reader = custodian(client, writes=True), custodian(client, writes=False)
    seen = []
    for each in (reader, writer, reader):
        await each.look_after(NOW)
        seen.append(each.current)
    assert seen[0] is None
    assert seen[1] == seen[2]
    webhooks = await client.get(WEBHOOKS, configuration.NAME)
    bundle = base64.b64decode(webhooks["webhooks"][0]["clientConfig"]["caBundle"])
    assert seen[1] is not None and bundle == seen[1].bundle
    assert (await client.get(resources.SECRETS, SECRET, namespace="azds"))["type"] == "Opaque"


async def test_listeners_hear_of_changes_alone(client: FakeKubeClient) -> None:
    heard: list[Certificates] = []
    writer = custodian(client, writes=True)
    writer.tell(heard.append)
    for moment in (NOW, NOW + 60):
        await writer.look_after(moment)
    assert len(heard) == 1
    await writer.look_after(NOW + 50 * 86_400)
    assert len(heard) == 2
    assert heard[0].server != heard[1].server


async def test_two_writers_at_once_end_with_one_set(client: FakeKubeClient) -> None:
    one, two = SecretStore(client, "azds"), SecretStore(client, "azds")
    await one.load()
    await two.load()
    await one.save({"a": b"1"})
    with pytest.raises(errors.ConflictError):
        await two.save({"a": b"2"})
    assert await two.load() == {"a": b"1"}
    await one.save({"a": b"3"})
    with pytest.raises(errors.ConflictError):
        await two.save({"a": b"4"})


async def test_what_is_there_stays_when_the_store_cannot_be_read(client: FakeKubeClient) -> None:
    writer = custodian(client, writes=True)
    await writer.look_after(NOW)
    kept = writer.current
    client.unreachable = True
    with pytest.raises(errors.UnreachableError):
        await writer.look_after(NOW + 60)
    assert writer.current is kept
