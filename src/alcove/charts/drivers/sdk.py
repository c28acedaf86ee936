"""Helm's own code, in a process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alcove.charts.drivers.ports import Plan, Templates
from alcove.charts.drivers.process import WorkerError, WorkerPool
from alcove.charts.errors import ChartError, HelmError, ReleaseNotFoundError

_OF_CHARTS = {"HelmChartLoadError", "HelmChartInvalidError", "HelmValuesError", "HelmRenderError"}


class SdkDriver:
    """A ``Driver`` that asks the worker."""

    def __init__(self, pool: WorkerPool, kubeconfig: Path | None = None) -> None:
        """Reach the cluster of ``kubeconfig``, or the one in whose pod this runs."""
        self._pool = pool
        self._kubeconfig = str(kubeconfig) if kubeconfig else ""

    async def render(self, chart: Path, plan: Plan) -> Templates:
        """Render without changing anything."""
        given = await self._ask("render", f"the chart {chart} cannot be rendered", **_of(chart, plan))
        return Templates(given["files"], tuple((name, text) for name, text in given["crds"]))

    async def install(self, chart: Path, plan: Plan) -> None:
        """Install or upgrade, without waiting for pods."""
        doing = "upgraded" if plan.upgrade else "installed"
        await self._ask(
            "install",
            f"the release {plan.name} cannot be {doing}",
            labels=dict(plan.labels),
            **_of(chart, plan),
        )

    async def uninstall(self, name: str, namespace: str) -> None:
        """Remove a release with its history."""
        await self._ask(
            "uninstall", f"the release {name} cannot be uninstalled", name=name, namespace=namespace
        )

    async def _ask(self, call: str, message: str, **arguments: Any) -> Any:
        try:
            return await self._pool.ask(call, {**arguments, "kubeconfig": self._kubeconfig})
        except WorkerError as error:
            raise _translate(error, message) from error


def _of(chart: Path, plan: Plan) -> dict[str, Any]:
    return {
        "chart": str(chart),
        "name": plan.name,
        "namespace": plan.namespace,
        "values": dict(plan.values),
        "revision": plan.revision,
    }


def _translate(error: WorkerError, message: str) -> HelmError | ChartError:
    """Say it in our words, with Helm's own as the cause."""
    first = error.text.partition("\n")[0]
    said = [line for line in error.said.strip().splitlines() if not first or first not in line]
    cause = "\n".join([error.text, *said])
    if error.kind in _OF_CHARTS:
        return ChartError(message, cause=cause)
    if error.kind == "HelmNotFoundError":
        return ReleaseNotFoundError(message, cause=cause)
    return HelmError(message, cause=cause)
