from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.charts import records
from alcove.charts.errors import HelmError, ReleaseNotFoundError
from alcove.kube import resources
from alcove.kube.fake import FakeKubeClient


def secret(name: str = "web", revision: int = 1, status: str = "deployed", **changed: Any) -> dict[str, Any]:
    record = {
        "name": name,
        "version": revision,
        "namespace": "dev",
        "config": {"image": {"tag": f"t{revision}"}},
        "chart": {"metadata": {"name": "chart", "version": "0.1.0"}},
        "info": {"status": status, "notes": "n", "last_deployed": "then", "description": "d"},
    }
    labels = {"owner": "helm", "name": name, "status": status, "version": str(revision), "modifiedAt": "1"}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": records.TYPE,
        "metadata": {
            "name": f"sh.helm.release.v1.{name}.v{revision}",
            "namespace": "dev",
            "labels": labels | {"alcove.dev/project": "p"},
        },
        "data": {"release": records.encode_record(record)},
        **changed,
    }


async def cluster(*secrets: dict[str, Any]) -> FakeKubeClient:
    kube = FakeKubeClient()
    await kube.create(resources.NAMESPACES, {"metadata": {"name": "dev"}})
    for each in secrets:
        await kube.create(resources.SECRETS, each)
    return kube


async def test_the_newest_revision_of_each_release_is_listed() -> None:
    kube = await cluster(
        secret(revision=9, status="superseded"),
        secret(revision=10, status="failed"),
        secret("api"),
        secret("other", type="Opaque"),
    )
    found = await records.list_releases(kube, "dev")
    assert [(each.name, each.revision, each.status) for each in found] == [
        ("api", 1, "deployed"),
        ("web", 10, "failed"),
    ]
    web = found[1]
    assert (web.chart, web.version, web.notes, web.description) == ("chart", "0.1.0", "n", "d")
    assert (web.namespace, web.updated, web.labels) == ("dev", "then", {"alcove.dev/project": "p"})
    assert await records.list_releases(kube, "dev", "none") == ()
    assert [each.name for each in await records.list_releases(kube, "dev", "api")] == ["api"]


async def test_a_broken_record_is_listed_by_its_labels() -> None:
    kube = await cluster(secret(data={"release": "broken"}))
    found = await records.list_releases(kube, "dev")
    assert [(each.name, each.status, each.chart) for each in found] == [("web", "deployed", "")]
    with pytest.raises(HelmError, match="cannot be read"):
        await records.read_values(kube, "web", "dev")


async def test_values_are_those_of_the_newest_revision() -> None:
    kube = await cluster(secret(revision=1), secret(revision=2))
    assert await records.read_values(kube, "web", "dev") == {"image": {"tag": "t2"}}
    with pytest.raises(ReleaseNotFoundError):
        await records.read_values(kube, "none", "dev")


async def test_only_what_is_pending_is_marked_as_failed() -> None:
    kube = await cluster(
        secret(revision=1),
        secret(revision=2, status="pending-upgrade"),
        secret("api", status="pending-install"),
    )
    assert await records.fail_pending(kube, "web", "dev") == 1
    assert [(each.name, each.status) for each in await records.list_releases(kube, "dev")] == [
        ("api", "pending-install"),
        ("web", "failed"),
    ]
    stored = await kube.get(resources.SECRETS, "sh.helm.release.v1.web.v2", namespace="dev")
    record = records.decode_record(stored)
    assert record["info"]["status"] == "failed"
    assert "killed" in record["info"]["description"]
    assert (record["config"], record["info"]["notes"]) == ({"image": {"tag": "t2"}}, "n")
    assert await records.fail_pending(kube, "web", "dev") == 0


async def test_a_pending_record_that_cannot_be_read_is_named() -> None:
    kube = await cluster(secret(status="pending-install", data={"release": "broken"}))
    with pytest.raises(HelmError) as caught:
        await records.fail_pending(kube, "web", "dev")
    assert "kubectl -n dev delete secret sh.helm.release.v1.web.v1" in caught.value.hint


@pytest.mark.parametrize(
    ("status", "pending"),
    [("pending-install", True), ("pending-rollback", True), ("failed", False), ("", False)],
)
def test_pending_is_what_helm_calls_so(status: str, pending: bool) -> None:
    assert records.is_pending(status) is pending


@given(st.text() | st.binary().map(lambda raw: base64.b64encode(raw).decode()))
def test_any_content_is_read_or_refused(content: str) -> None:
    with pytest.raises(ValueError, match="not a record"):
        records.decode_record({"data": {"release": content}})
