"""The ``helm`` on PATH: Helm 3.13 or newer, or Helm 4; one process for each call."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import signal
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alcove.charts import manifests
from alcove.charts.drivers.ports import HOOK_SECONDS, KEPT_REVISIONS, Plan, Templates
from alcove.charts.errors import ChartError, HelmError
from alcove.charts.reading import mapping, mappings, text

_SOURCE = re.compile(r"# Source: (\S+)\n")
_GRACE_SECONDS = 5.0
"""How long a cancelled program may take to end by itself: it then marks the revision as failed."""


def find_program(environment: Mapping[str, str]) -> str:
    """Give the path of the ``helm`` on PATH; empty when there is none."""
    return shutil.which("helm", path=environment.get("PATH", "")) or ""


class ProgramDriver:
    """A ``Driver`` that runs the program."""

    def __init__(self, program: str, environment: Mapping[str, str], kubeconfig: Path | None = None) -> None:
        """Run ``program`` against the cluster of ``kubeconfig``, or the one in whose pod this runs."""
        self._program = program
        self._environment = {**environment, "HELM_DRIVER": "secret"}
        self._common = ["--kubeconfig", str(kubeconfig)] if kubeconfig else []

    async def render(self, chart: Path, plan: Plan) -> Templates:
        """Render without changing anything.

        The program renders as for a first installation, and its ``lookup`` finds nothing: asked to look at
        the cluster it would refuse what has to be converted.
        """
        message = f"the chart {chart} cannot be rendered"
        dry = ["install", plan.name, str(chart), "--dry-run=client", "-o", "json"]
        try:
            said = await self._run(dry, plan, message)
            crds = await self._run(["show", "crds", str(chart)], None, message)
        except HelmError as error:  # nothing but the chart and its values was looked at
            raise ChartError(error.message, cause=error.cause) from error
        return read_release(json.loads(said), crds)

    async def install(self, chart: Path, plan: Plan) -> None:
        """Install or upgrade, without waiting for pods."""
        doing = "upgrade" if plan.upgrade else "install"
        options = ["--timeout", f"{HOOK_SECONDS}s", "-o", "json"]
        if plan.upgrade:
            options += ["--history-max", str(KEPT_REVISIONS), "--reset-values"]
        if plan.labels:
            options += ["--labels", ",".join(f"{key}={value}" for key, value in plan.labels.items())]
        message = f"the release {plan.name} cannot be {'upgraded' if plan.upgrade else 'installed'}"
        await self._run([doing, plan.name, str(chart), *options], plan, message)

    async def uninstall(self, name: str, namespace: str) -> None:
        """Remove a release with its history."""
        plan = Plan(name, namespace)
        message = f"the release {name} cannot be uninstalled"
        await self._run(["uninstall", name, "--timeout", f"{HOOK_SECONDS}s"], plan, message)

    async def _run(self, arguments: Sequence[str], plan: Plan | None, message: str) -> str:
        """Run the program and give what it wrote; values go by a file: they may be long, and secret."""
        with tempfile.TemporaryDirectory(prefix="alcove-helm-") as directory:
            full = [*arguments]
            if plan is not None:
                full += ["--namespace", plan.namespace, *self._common]
            if plan is not None and plan.values:
                values = Path(directory) / "values.json"
                values.write_text(json.dumps(plan.values))
                full += ["--values", str(values)]
            code, out, err = await self._wait(full)
        if code:
            raise HelmError(message, cause=err.strip().removeprefix("Error: ") or f"it ended with {code}")
        return out

    async def _wait(self, arguments: Sequence[str]) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            self._program,
            *arguments,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            out, err = await process.communicate()
        finally:
            if process.returncode is None:
                await asyncio.shield(_end(process))
        return process.returncode or 0, out.decode(), err.decode(errors="replace")


def read_release(release: Mapping[str, Any], crds: str) -> Templates:
    """Read the program's report of a dry run: templates by the paths that it writes above each object."""
    files: dict[str, str] = {}
    for part in manifests.split_documents(text(release.get("manifest"))):
        found = _SOURCE.match(part)
        if found:
            files[found[1]] = f"{files.get(found[1], '')}---\n{part[found.end() :].strip()}\n"
    for hook in mappings(release.get("hooks")):
        path = text(hook.get("path"))
        files[path] = f"{files.get(path, '')}---\n{text(hook.get('manifest')).strip()}\n"
    about = mapping(mapping(release.get("chart")).get("metadata"))
    notes = text(mapping(release.get("info")).get("notes"))
    if notes:
        files[f"{text(about.get('name'))}/templates/NOTES.txt"] = notes
    return Templates(files, (("crds.yaml", crds),) if crds.strip() else ())


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the program as Ctrl+C does, then by force."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    try:
        async with asyncio.timeout(_GRACE_SECONDS):
            await process.communicate()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
