from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.unit.charts.test_records import secret

from alcove.charts import manifests
from alcove.charts.drivers.ports import Plan, Templates
from alcove.charts.errors import ChartError, HelmDiedError, HelmError
from alcove.charts.helm import Helm
from alcove.charts.model import Release
from alcove.kube import resources
from alcove.kube.client import KubeClient
from alcove.kube.fake import FakeKubeClient

OLD = "apiVersion: apps/v1beta1\nkind: Deployment\nmetadata: {name: web}\nspec: {}\n"
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"


class FakeDriver:
    """Helm, as far as its records show: each call is noted, and writes what Helm would."""

    def __init__(self, kube: KubeClient, rendering: str = SERVICE) -> None:
        self.kube = kube
        self.rendering = rendering
        self.calls: list[Any] = []
        self.charts: list[list[str]] = []
        self.errors: list[Exception] = []
        self.running = 0

    async def render(self, chart: Path, plan: Plan) -> Templates:
        self.calls.append(("render", plan.revision))
        self._fail()
        return Templates({"web/templates/x.yaml": self.rendering, "web/templates/NOTES.txt": "n"})

    async def install(self, chart: Path, plan: Plan) -> None:
        self.calls.append(("install", plan.revision, dict(plan.values)))
        self.charts.append(sorted(str(path.relative_to(chart)) for path in chart.rglob("*.yaml")))
        assert self.running == 0
        self.running += 1
        try:
            await asyncio.sleep(0)
            self._fail()
            await self.kube.create(resources.SECRETS, secret("r", plan.revision))
        finally:
            self.running -= 1

    async def uninstall(self, name: str, namespace: str) -> None:
        self.calls.append(("uninstall", name))
        self._fail()

    def _fail(self) -> None:
        if self.errors:
            raise self.errors.pop(0)


@pytest.fixture
async def kube() -> FakeKubeClient:
    fake = FakeKubeClient()
    await fake.create(resources.NAMESPACES, {"metadata": {"name": "dev"}})
    return fake


@pytest.fixture
def release(tmp_path: Path) -> Release:
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 0.1.0\n")
    (tmp_path / "values.yaml").write_text("")
    return Release("r", "dev", tmp_path, ({"a": 1},), {"b": 2})


async def test_an_installation_and_an_upgrade(kube: FakeKubeClient, release: Release) -> None:
    driver = FakeDriver(kube)
    helm = Helm(driver, kube)
    assert (await helm.install(await helm.inspect(release))).revision == 1
    assert (await helm.install(await helm.inspect(release))).revision == 2
    values = {"a": 1, "b": 2}
    assert driver.calls == [("render", 1), ("install", 1, values), ("render", 2), ("install", 2, values)]
    assert driver.charts[0] == ["Chart.yaml", "values.yaml"]


async def test_what_was_converted_is_installed_as_a_chart_of_its_own(
    kube: FakeKubeClient, release: Release
) -> None:
    driver = FakeDriver(kube, OLD)
    helm = Helm(driver, kube)
    rendered = await helm.inspect(release)
    assert rendered.converted
    assert rendered.notes == "n"
    await helm.install(rendered)
    assert driver.charts == [["Chart.yaml", "templates/x.yaml", "values.yaml"]]


async def test_a_pending_revision_is_marked_and_passed(kube: FakeKubeClient, release: Release) -> None:
    await kube.create(resources.SECRETS, secret("r", 4, "pending-upgrade"))
    driver = FakeDriver(kube)
    helm = Helm(driver, kube)
    rendered = await helm.inspect(release)
    assert rendered.revision == 5
    assert (await kube.get(resources.SECRETS, "sh.helm.release.v1.r.v4", namespace="dev"))["metadata"][
        "labels"
    ]["status"] == "pending-upgrade"
    assert (await helm.install(rendered)).revision == 5
    marked = await kube.get(resources.SECRETS, "sh.helm.release.v1.r.v4", namespace="dev")
    assert marked["metadata"]["labels"]["status"] == "failed"


async def test_a_release_that_was_being_uninstalled_begins_anew(
    kube: FakeKubeClient, release: Release
) -> None:
    await kube.create(resources.SECRETS, secret("r", 4, "uninstalling"))
    driver = FakeDriver(kube)
    helm = Helm(driver, kube)
    rendered = await helm.inspect(release)
    assert rendered.revision == 1
    await helm.install(rendered)
    assert [call[:2] for call in driver.calls] == [("render", 1), ("uninstall", "r"), ("install", 1)]


async def test_a_call_whose_process_died_is_made_again_once(kube: FakeKubeClient, release: Release) -> None:
    driver = FakeDriver(kube)
    helm = Helm(driver, kube)
    driver.errors = [HelmDiedError("died")]
    rendered = await helm.inspect(release)
    driver.errors = [HelmDiedError("died")]
    assert (await helm.install(rendered)).revision == 1
    driver.errors = [HelmDiedError("died"), HelmDiedError("died")]
    with pytest.raises(HelmDiedError):
        await helm.install(rendered)


async def test_calls_for_one_release_wait_for_each_other(kube: FakeKubeClient, release: Release) -> None:
    helm = Helm(FakeDriver(kube), kube)
    rendered = await helm.inspect(release)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(helm.install(rendered)) for _ in range(3)]
    assert sorted(task.result().revision for task in tasks) == [1, 2, 3]


async def test_a_failure_is_passed_on_unless_the_cluster_lacks_a_kind(
    kube: FakeKubeClient, release: Release
) -> None:
    driver = FakeDriver(kube)
    helm = Helm(driver, kube)
    rendered = await helm.inspect(release)
    driver.errors = [HelmError("no", cause="because")]
    with pytest.raises(HelmError, match="no: because"):
        await helm.install(rendered)
    driver.rendering = "apiVersion: example.com/v1\nkind: Unknown\nmetadata: {name: u}\n"
    rendered = await helm.inspect(release)
    driver.errors = [HelmError("no", cause="because")]
    with pytest.raises(HelmError, match=r"does not serve Unknown of example.com/v1; Helm said: because"):
        await helm.install(rendered)


async def test_uninstalling_tells_whether_there_was_anything(kube: FakeKubeClient) -> None:
    driver = FakeDriver(kube)
    helm = Helm(driver, kube)
    assert await helm.uninstall("r", "dev") is False
    await kube.create(resources.SECRETS, secret("r", 1, "failed"))
    assert await helm.uninstall("r", "dev") is True
    assert driver.calls == [("uninstall", "r")]


async def test_a_broken_chart_is_told_before_helm_is_asked(kube: FakeKubeClient, tmp_path: Path) -> None:
    driver = FakeDriver(kube)
    with pytest.raises(ChartError):
        await Helm(driver, kube).inspect(Release("r", "dev", tmp_path / "none"))
    assert driver.calls == []
    assert manifests.find_notes({}, "web") == ""
