"""What the worker does for each question: plain JSON in, plain JSON out.

It runs in the worker's process, where alone ``helm_python`` is imported, and in several threads at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import helm_python

from alcove.charts.drivers.ports import HOOK_SECONDS, KEPT_REVISIONS

Arguments = dict[str, Any]


def render(arguments: Arguments, _context: helm_python.HelmContext) -> Any:
    """Render a chart; ``lookup`` reads the cluster."""
    with helm_python.Chart.load(arguments["chart"]) as chart:
        chart.validate_schema(arguments["values"])
        options = {"name": arguments["name"], "namespace": arguments["namespace"]}
        revision = arguments["revision"]
        with _open(arguments) as config:
            files = config.render(
                chart,
                arguments["values"],
                **options,
                revision=revision,
                is_install=revision == 1,
                is_upgrade=revision > 1,
            )
        return {"files": files, "crds": [[crd["filename"], crd["data"]] for crd in chart.crds or ()]}


def install(arguments: Arguments, context: helm_python.HelmContext) -> Any:
    """Install or upgrade, and give the revision."""
    options = {
        "context": context,
        "namespace": arguments["namespace"],
        "timeout": HOOK_SECONDS,
        "labels": arguments["labels"] or None,
    }
    with helm_python.Chart.load(arguments["chart"]) as chart, _open(arguments) as config:
        if arguments["revision"] == 1:
            return config.install(chart, arguments["name"], arguments["values"], **options)
        return config.upgrade(
            chart,
            arguments["name"],
            arguments["values"],
            **options,
            max_history=KEPT_REVISIONS,
            reset_values=True,
        )


def uninstall(arguments: Arguments, _context: helm_python.HelmContext) -> Any:
    """Remove a release; it need not be there."""
    with _open(arguments) as config:
        return config.uninstall(arguments["name"], timeout=HOOK_SECONDS, ignore_not_found=True)


CALLS: dict[str, Callable[[Arguments, helm_python.HelmContext], Any]] = {
    "render": render,
    "install": install,
    "uninstall": uninstall,
}


@contextlib.contextmanager
def _open(arguments: Arguments) -> Iterator[helm_python.Config]:
    """Give a connection of its own to each call: what it knows of the cluster is never out of date."""
    kubeconfig = arguments.get("kubeconfig") or None
    with helm_python.Config(kubeconfig_path=kubeconfig, namespace=arguments["namespace"]) as config:
        yield config
