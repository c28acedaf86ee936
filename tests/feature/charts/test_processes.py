"""Helm's process: killed, cancelled, and what that leaves behind in the cluster."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from tests.feature.charts import samples
from tests.feature.charts.samples import write_chart
from tests.feature.charts.test_installing import install, release

from alcove.charts.drivers.ports import Plan
from alcove.charts.drivers.process import open_pool
from alcove.charts.drivers.sdk import SdkDriver
from alcove.charts.errors import ChartError, HelmDiedError, HelmError
from alcove.charts.helm import Helm, open_helm
from alcove.charts.model import Rendered
from alcove.kube import resources
from alcove.kube.client import KubeClient, Selection
from alcove.kube.resources import Resource

JOBS = Resource("batch", "v1", "jobs", "Job")


async def started(client: KubeClient) -> None:
    """Wait until the hook's job is there: from then on Helm waits for its end, which never comes."""
    async for event in client.watch(JOBS, Selection("default")):
        if event.type == "ADDED":
            return


@pytest.fixture
async def waiting(helm: Helm, tmp_path: Path) -> Rendered:
    """Give a chart whose installation does not end."""
    return await helm.inspect(release(write_chart(tmp_path / "waiting", samples.WAITING)))


@pytest.fixture
async def plain(helm: Helm, tmp_path: Path) -> Rendered:
    """Give the same chart without what it waits for."""
    return await helm.inspect(release(write_chart(tmp_path / "plain", samples.MODERN)))


async def cut(helm: Helm, client: KubeClient, rendered: Rendered) -> None:
    """Cancel an installation in the middle."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(helm.install(rendered))
        await started(client)
        task.cancel()


async def test_a_cancelled_installation_ends_and_the_next_one_goes_on(
    helm: Helm, client: KubeClient, waiting: Rendered, plain: Rendered
) -> None:
    await cut(helm, client, waiting)
    status = await helm.status("r", "default")
    assert status is not None
    assert status.status in ("failed", "pending-install")
    assert not (await client.list(resources.DEPLOYMENTS)).items
    installed = await helm.install(plain)
    assert (installed.status, installed.revision) == ("deployed", 2)


async def test_a_cancelled_upgrade_leaves_the_running_revision(
    helm: Helm, client: KubeClient, waiting: Rendered, plain: Rendered
) -> None:
    await helm.install(plain)
    await cut(helm, client, waiting)
    stored = await client.get(resources.DEPLOYMENTS, "web", namespace="default")
    assert stored["metadata"]["labels"]["revision"] == "1"
    assert (await helm.install(plain)).status == "deployed"


async def kill_in_the_middle(
    client: KubeClient, environment: dict[str, str], kubeconfig: Path, plan: Plan, chart: Path
) -> None:
    """Have a process killed while it installs."""
    async with open_pool(environment) as pool, asyncio.TaskGroup() as group:
        worker = await pool.start()
        task = group.create_task(died(SdkDriver(pool, kubeconfig), chart, plan))
        await started(client)
        os.kill(worker.pid, signal.SIGKILL)
        await task


async def died(driver: SdkDriver, chart: Path, plan: Plan) -> None:
    with pytest.raises(HelmDiedError):
        await driver.install(chart, plan)


async def test_what_a_killed_process_left_pending_is_mended(
    client: KubeClient, environment: dict[str, str], tmp_path: Path, helm: Helm, plain: Rendered
) -> None:
    await helm.install(plain)
    chart = write_chart(tmp_path / "waiting", samples.WAITING)
    plan = Plan("r", "default", revision=2)
    await kill_in_the_middle(client, environment, tmp_path / "kubeconfig", plan, chart)
    status = await helm.status("r", "default")
    assert status is not None
    assert status.status == "pending-upgrade"
    assert (await helm.install(plain)).status == "deployed"
    kept = (await client.list(resources.SECRETS, Selection("default", labels="owner=helm"))).items
    by_revision = {
        secret["metadata"]["labels"]["version"]: secret["metadata"]["labels"]["status"] for secret in kept
    }
    assert by_revision == {"1": "superseded", "2": "failed", "3": "deployed"}


async def test_a_first_installation_that_was_killed_is_mended(
    client: KubeClient, environment: dict[str, str], tmp_path: Path, helm: Helm, plain: Rendered
) -> None:
    chart = write_chart(tmp_path / "waiting", samples.WAITING)
    await kill_in_the_middle(client, environment, tmp_path / "kubeconfig", Plan("r", "default"), chart)
    installed = await helm.install(plain)
    assert (installed.status, installed.revision) == ("deployed", 2)


async def test_what_is_pending_is_uninstalled(
    client: KubeClient, environment: dict[str, str], tmp_path: Path, helm: Helm
) -> None:
    chart = write_chart(tmp_path / "waiting", samples.WAITING)
    await kill_in_the_middle(client, environment, tmp_path / "kubeconfig", Plan("r", "default"), chart)
    assert await helm.uninstall("r", "default") is True
    assert await helm.list("default") == ()


async def test_a_call_is_told_that_its_process_died_and_the_next_starts_another(
    environment: dict[str, str],
) -> None:
    async with open_pool(environment) as pool:
        worker = await pool.start()
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(HelmDiedError):
            await worker.ask("render", {})
        again = await pool.start()
        assert again.pid != worker.pid


async def test_a_process_ends_with_its_parent_or_its_pool(environment: dict[str, str]) -> None:
    async with open_pool(environment) as pool:
        worker = await pool.start()
    with pytest.raises(ProcessLookupError):
        os.kill(worker.pid, 0)


PARENT = """
import asyncio, os
from alcove.charts.drivers.process import open_pool

async def main():
    async with open_pool(os.environ) as pool:
        print((await pool.start()).pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_process_ends_when_its_parent_is_killed(environment: dict[str, str]) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert parent.stdout is not None
    worker = os.pidfd_open(int(await parent.stdout.readline()))
    parent.kill()
    await parent.wait()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(worker, ended.set)
    await ended.wait()
    asyncio.get_running_loop().remove_reader(worker)
    os.close(worker)


async def test_a_process_that_cannot_start_says_why(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "broken.so").write_text("no library")
    async with open_pool({**environment, "HELM_C_LIB": str(tmp_path / "broken.so")}) as pool:
        with pytest.raises(HelmDiedError, match=r"library at .*broken\.so but could not load it"):
            await pool.start()


async def test_several_releases_are_installed_at_once(helm: Helm, tmp_path: Path) -> None:
    files = {
        "Chart.yaml": samples.V2,
        "templates/c.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}'}\n",
    }
    chart = write_chart(tmp_path / "web", files)
    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(install(helm, release(chart, name=f"r{number}")))
    assert [each.status for each in await helm.list("default")] == ["deployed"] * 5


async def test_a_cluster_that_cannot_be_reached_is_told(
    client: KubeClient, environment: dict[str, str], plain: Rendered, tmp_path: Path
) -> None:
    text = (tmp_path / "kubeconfig").read_text()
    address = next(line.split("server: ")[1] for line in text.splitlines() if "server: " in line)
    (tmp_path / "elsewhere").write_text(text.replace(address, "https://127.0.0.1:1"))
    async with open_helm(client, environment=environment, kubeconfig=tmp_path / "elsewhere") as helm:
        with pytest.raises(HelmError, match="refused"):
            await helm.install(plain)


async def test_the_program_on_path_serves_instead(
    client: KubeClient, environment: dict[str, str], tmp_path: Path
) -> None:
    program = tmp_path / "bin" / "helm"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'Error: this is the program' >&2\nexit 1\n")
    program.chmod(0o755)
    chart = write_chart(tmp_path / "web", samples.MODERN)
    path = {"PATH": f"{program.parent}:/bin:/usr/bin"}
    async with open_helm(client, environment=environment | path, kubeconfig=tmp_path / "kubeconfig") as helm:
        with pytest.raises(ChartError) as caught:
            await helm.inspect(release(chart))
    assert caught.value.cause == "this is the program"
