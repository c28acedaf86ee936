"""Helm, as the hub uses it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import tempfile
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from alcove.charts import deriving, layers, manifests, records, shapes, taking
from alcove.charts.converting import documents
from alcove.charts.drivers.ports import Driver, Plan
from alcove.charts.drivers.process import open_pool
from alcove.charts.drivers.program import ProgramDriver, find_program
from alcove.charts.drivers.sdk import SdkDriver
from alcove.charts.errors import HelmDiedError, HelmError
from alcove.charts.model import Installed, Release, Rendered
from alcove.kube.client import KubeClient
from alcove.kube.errors import KubeError, NotFoundError

T = TypeVar("T")

_GOING = ("uninstalling", "uninstalled")


class Helm:
    """Renders, installs, upgrades and uninstalls; one call at a time for each release.

    Nobody else may be at work on the same releases: one that is pending when a call begins was left so by a
    process that was killed, and is mended.
    """

    def __init__(self, driver: Driver, kube: KubeClient) -> None:
        """Ask ``driver``, and mend Helm's records by ``kube``."""
        self._driver = driver
        self._kube = kube
        self._locks: weakref.WeakValueDictionary[tuple[str, str], asyncio.Lock] = (
            weakref.WeakValueDictionary()
        )

    async def inspect(self, release: Release) -> Rendered:
        """Render with the real values, for install or upgrade, and convert what is retired; change nothing.

        Raises:
            ChartError: the chart or its values are wrong.
            HelmError: the cluster cannot be asked.
        """
        chart = await asyncio.to_thread(shapes.read_chart, release.chart)
        last = await self.status(release.name, release.namespace)
        plan = _plan(release, last.revision + 1 if last and last.status not in _GOING else 1)
        templates = await _twice(lambda: self._driver.render(release.chart, plan))
        converted = documents.convert_documents(manifests.parse_templates(templates.files))
        crds, notes = documents.convert_definitions(templates.crds)
        return Rendered(
            release=release,
            chart=chart,
            documents=converted.documents,
            crds=crds,
            notes=manifests.find_notes(templates.files, chart.name),
            converted=converted.notes + notes,
            revision=plan.revision,
        )

    async def install(self, rendered: Rendered) -> Installed:
        """Install, or upgrade what is there, without waiting for pods: hooks are waited for.

        Raises:
            ChartError: the chart or its values are wrong.
            HelmError: it failed; the cause names the object.
        """
        release = rendered.release
        async with self._alone(release.name, release.namespace):
            return await _twice(lambda: self._install(rendered))

    async def uninstall(self, name: str, namespace: str) -> bool:
        """Remove a release with its history, whatever state it is in; False when there was none."""
        async with self._alone(name, namespace):
            if await self.status(name, namespace) is None:
                return False
            await _twice(lambda: self._driver.uninstall(name, namespace))
            return True

    async def list(self, namespace: str) -> tuple[Installed, ...]:
        """Give the newest revision of each release, whatever its status."""
        return await records.list_releases(self._kube, namespace)

    async def status(self, name: str, namespace: str) -> Installed | None:
        """Give the newest revision of a release; None when there is no such release."""
        return next(iter(await records.list_releases(self._kube, namespace, name)), None)

    async def values(self, name: str, namespace: str) -> Mapping[str, Any]:
        """Give the values that a release was installed with, as ``helm get values`` does."""
        return await records.read_values(self._kube, name, namespace)

    async def _install(self, rendered: Rendered) -> Installed:
        release = rendered.release
        last = await self._mend(release.name, release.namespace)
        plan = _plan(release, last.revision + 1 if last else 1)
        with tempfile.TemporaryDirectory(prefix="alcove-chart-") as directory:
            chart = release.chart
            if rendered.converted:
                chart = await asyncio.to_thread(deriving.write_derived, rendered, Path(directory))
            taken = await self._install_chart(chart, plan, rendered)
        return dataclasses.replace(await self._installed(release), taken=taken)

    async def _install_chart(self, chart: Path, plan: Plan, rendered: Rendered) -> tuple[str, ...]:
        """Install; give what had to be taken back from others for it."""
        try:
            try:
                await self._driver.install(chart, plan)
            except HelmError as error:
                if not taking.is_conflict(error):
                    raise
            else:
                return ()
            taken = await taking.take_fields(self._kube, rendered.objects, rendered.release)
            await self._driver.install(chart, dataclasses.replace(plan, revision=plan.revision + 1))
        except HelmDiedError:
            raise
        except HelmError as error:
            raise await self._explain(error, rendered) from error
        return taken

    async def _explain(self, error: HelmError, rendered: Rendered) -> HelmError:
        """Add what Helm says least clearly: that the cluster does not know a kind."""
        kinds = dict.fromkeys((str(item["apiVersion"]), str(item["kind"])) for item in rendered.objects)
        for api_version, kind in kinds:
            try:
                await self._kube.find_resource(api_version, kind)
            except NotFoundError:
                cause = f"the cluster does not serve {kind} of {api_version}; Helm said: {error.cause}"
                hint = "leave it out by the chart's values, or install what defines it"
                return HelmError(error.message, cause=cause, hint=hint)
            except KubeError:
                return error
        return error

    async def _installed(self, release: Release) -> Installed:
        """Give what was just installed, with its notes."""
        installed = await self.status(release.name, release.namespace)
        if installed is None:
            raise HelmError(
                f"the release {release.name} is gone again",
                cause="somebody removed it while it was installed",
            )
        return installed

    async def _mend(self, name: str, namespace: str) -> Installed | None:
        """Give the newest revision once Helm will go on from it: None when it begins anew."""
        last = await self.status(name, namespace)
        if last is not None and records.is_pending(last.status):
            await records.fail_pending(self._kube, name, namespace)
        if last is not None and last.status in _GOING:
            await self._driver.uninstall(name, namespace)
            return None
        return last

    @contextlib.asynccontextmanager
    async def _alone(self, name: str, namespace: str) -> AsyncIterator[None]:
        lock = self._locks.setdefault((namespace, name), asyncio.Lock())
        async with lock:
            yield


async def _twice(attempt: Callable[[], Awaitable[T]]) -> T:
    """Try again when Helm's process died: it did so for everybody when one call had to be cut off."""
    try:
        return await attempt()
    except HelmDiedError:
        return await attempt()


def _plan(release: Release, revision: int) -> Plan:
    values = layers.merge_values(release)
    return Plan(release.name, release.namespace, values, release.labels, revision)


@contextlib.asynccontextmanager
async def open_helm(
    kube: KubeClient, *, environment: Mapping[str, str], kubeconfig: Path | None = None
) -> AsyncIterator[Helm]:
    """Yield Helm for the cluster of ``kubeconfig``, or the one in whose pod this runs.

    The ``helm`` on PATH is asked if there is one, otherwise the SDK, whose process is started by the first
    call and ends with the block.
    """
    program = find_program(environment)
    if program:
        yield Helm(ProgramDriver(program, environment, kubeconfig), kube)
        return
    async with open_pool(environment) as pool:
        yield Helm(SdkDriver(pool, kubeconfig), kube)
