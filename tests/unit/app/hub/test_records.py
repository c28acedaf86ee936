from __future__ import annotations

import logging

import msgspec
import pytest
from tests.unit.app.hub.pods import ID
from tests.unit.sessions.samples import make_settings

from alcove.app.hub.records import Records
from alcove.kube import resources
from alcove.kube.errors import NotFoundError
from alcove.kube.fake import FakeKubeClient
from alcove.sessions.objects import SESSIONS, Session, SessionStatus
from alcove.sessions.settings import BuildSettings, InstallSettings, UpSettings

SESSION = Session(ID, make_settings())


@pytest.fixture
async def client() -> FakeKubeClient:
    client = FakeKubeClient()
    for name in ("dev", "other"):
        await client.create(resources.NAMESPACES, {"metadata": {"name": name}})
    return client


@pytest.fixture
def records(client: FakeKubeClient) -> Records:
    return Records(client, "dev", lambda: 1_900_000_000.0)


def with_settings(settings: UpSettings) -> Session:
    return msgspec.structs.replace(SESSION, settings=settings)


async def test_what_was_written_is_loaded(records: Records) -> None:
    await records.save(SESSION)
    assert await records.load() == [SESSION]
    status = records.stamped(SESSION.status, {"phase": "Running", "build": 2})
    assert status.updated == "2030-03-17T17:46:40Z"
    await records.report(msgspec.structs.replace(SESSION, status=status))
    (loaded,) = await records.load()
    assert loaded.status == status == SessionStatus("Running", build=2, updated=status.updated)


async def test_settings_that_are_written_again_are_as_they_are_now(records: Records) -> None:
    first = make_settings(
        install=InstallSettings("c", ("a.yaml",), {"gone": {"x": 1}, "kept": {"y": 2, "z": 3}}),
        build=BuildSettings("", "Dockerfile", {"GONE": "1"}),
    )
    second = make_settings(
        install=InstallSettings("c", (), {"kept": {"y": None}}), build=BuildSettings("", "Dockerfile", {})
    )
    await records.save(with_settings(first))
    await records.report(with_settings(first))
    await records.save(with_settings(second))
    (loaded,) = await records.load()
    assert loaded.settings == second


async def test_what_cannot_be_read_is_logged_and_left_alone(
    client: FakeKubeClient, records: Records, caplog: pytest.LogCaptureFixture
) -> None:
    await records.save(SESSION)
    odd = {"metadata": {"name": "odd", "namespace": "dev"}, "spec": {"settings": 7}}
    await client.create(SESSIONS, odd)
    foreign = Session(ID, make_settings()).render("other")
    await client.create(SESSIONS, foreign)
    with caplog.at_level(logging.WARNING):
        assert await records.load() == [SESSION]
    assert "odd: not a session" in caplog.text
    assert await client.get(SESSIONS, "odd", namespace="dev")


async def test_removal_is_done_when_there_is_nothing(records: Records) -> None:
    await records.save(SESSION)
    for _ in range(2):
        await records.remove(SESSION)
    assert await records.load() == []
    with pytest.raises(NotFoundError):
        await records.report(SESSION)
