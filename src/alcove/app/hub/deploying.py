"""From a chart in the store to a release in the space, with a tag of its own for every build."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from alcove.charts import conflicts, sessions
from alcove.charts.errors import ChartError
from alcove.charts.helm import Helm
from alcove.charts.model import Release, Rendered
from alcove.charts.naming import release_name
from alcove.charts.shapes import read_chart
from alcove.config.azds.tokens import Tokens, expand_tokens, expand_values
from alcove.kube.client import KubeClient, Object, Selection
from alcove.kube.errors import ForbiddenError, NotFoundError
from alcove.sessions.calls import Port
from alcove.sessions.objects import SESSIONS, parse_session
from alcove.sessions.settings import SpaceTokens, UpSettings
from alcove.sync.manifest import File, Manifest
from alcove.sync.store import Store
from alcove.sync.trees import write_tree

_LARGEST_VALUES = 4 << 20
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Deployed:
    """What a release put into the space."""

    release: str
    ports: tuple[Port, ...]
    hosts: tuple[str, ...]
    notices: tuple[str, ...]
    workloads: tuple[str, ...] = ()
    """The names of what makes the session's pods."""


class Deployer:
    """Installs and upgrades; one call at a time for each release."""

    def __init__(self, helm: Helm, client: KubeClient, store: Store, namespace: str) -> None:
        """Install into ``namespace`` what ``store`` holds."""
        self._helm = helm
        self._client = client
        self._store = store
        self._namespace = namespace

    async def deploy(
        self, settings: UpSettings, manifest: Manifest, tag: str, tell: Callable[[str], None]
    ) -> Deployed:
        """Install the chart with a tag.

        Raises:
            AlcoveError: the chart cannot be rendered or installed, or what it makes is another's.
        """
        try:
            # A thread may still write into it when this is given up.
            with tempfile.TemporaryDirectory(prefix="chart-", ignore_cleanup_errors=True) as scratch:
                release = await self._release(settings, manifest, tag, Path(scratch))
                rendered = await self._helm.inspect(release)
                for converted in rendered.converted:
                    tell(f"converted {converted}")
                found = sessions.find_session_containers(rendered.objects, tag)
                await self._refuse_conflicts(rendered)
                await self._helm.install(rendered)
        except OSError as error:
            raise ChartError(
                "the chart cannot be written in the hub's pod", cause=error.strerror or str(error)
            ) from error
        return _deployed(rendered, tag, found)

    async def remove(self, project: str) -> tuple[str, ...]:
        """Uninstall what was installed for a project, finished or not; give the names of the releases."""
        label = conflicts.project_label(project)
        found = [
            one.name
            for one in await self._helm.list(self._namespace)
            if one.labels.get(conflicts.PROJECT_LABEL) == label
        ]
        return tuple([name for name in found if await self._helm.uninstall(name, self._namespace)])

    async def _release(self, settings: UpSettings, manifest: Manifest, tag: str, scratch: Path) -> Release:
        chart = await asyncio.to_thread(self._write_chart, settings, manifest, scratch)
        tokens = _tokens(settings.space, tag)
        values = [self._read_values(manifest, path, tokens) for path in settings.install.values]
        about = await asyncio.to_thread(read_chart, chart)
        name = release_name(about.name, space=self._namespace, project=settings.project.id)
        labels = {conflicts.PROJECT_LABEL: conflicts.project_label(settings.project.id)}
        tree = expand_tokens(settings.install.set, tokens)
        return Release(name, self._namespace, chart, values, tree, labels)

    def _write_chart(self, settings: UpSettings, manifest: Manifest, scratch: Path) -> Path:
        prefix = settings.install.chart
        target = scratch / (Path(prefix).name or "chart")
        packaged = manifest.entries.get(prefix)
        if isinstance(packaged, File):
            target.write_bytes(self._store.read(packaged.digest))
        else:
            write_tree(manifest, self._store, prefix, target)
        return target

    def _read_values(self, manifest: Manifest, path: str, tokens: Tokens) -> Mapping[str, Any]:
        entry = manifest.entries.get(path)
        if not isinstance(entry, File):
            raise ChartError(f"the values file {path} is not among the synchronized files")
        if entry.size > _LARGEST_VALUES:
            raise ChartError(f"the values file {path} has {entry.size} bytes")
        text = self._store.read(entry.digest).decode(errors="replace")
        try:
            found = yaml.safe_load(expand_values(text, tokens))
        except (yaml.YAMLError, RecursionError) as error:
            raise ChartError(f"the values file {path} is no YAML", cause=str(error)) from error
        if found is not None and not isinstance(found, dict):
            raise ChartError(f"the values file {path} is not a mapping")
        return found or {}

    async def _refuse_conflicts(self, rendered: Rendered) -> None:
        release = rendered.release
        limit = asyncio.Semaphore(_AT_ONCE)

        async def look(reference: conflicts.Reference) -> Object | None:
            async with limit:
                return await self._live(reference)

        async with asyncio.TaskGroup() as group:
            asked = [
                group.create_task(look(one), name=f"look at {one.kind} {one.name}")
                for one in conflicts.references(rendered.objects, release.namespace)
            ]
        live = [found for task in asked if (found := task.result()) is not None]
        clashes = conflicts.find_conflicts(rendered.objects, live, release)
        if clashes:
            raise conflicts.conflict_error(clashes, release, await self._projects())

    async def _projects(self) -> Mapping[str, str]:
        """Give the project of each release of a session, for messages."""
        found = {}
        for item in (await self._client.list(SESSIONS, Selection(self._namespace))).items:
            with contextlib.suppress(ValueError):
                session = parse_session(item)
                project = session.settings.project
                found[session.status.release] = f"in {project.directory} of {project.client}"
        return found

    async def _live(self, reference: conflicts.Reference) -> Object | None:
        """Give an object as it is in the cluster; what may not be seen is left to Helm."""
        try:
            resource = await self._client.find_resource(reference.api_version, reference.kind)
            namespace = reference.namespace if resource.namespaced else ""
            return await self._client.get(resource, reference.name, namespace=namespace)
        except (NotFoundError, ForbiddenError):
            return None


def _deployed(rendered: Rendered, tag: str, found: Sequence[sessions.SessionContainer]) -> Deployed:
    ports = tuple(
        Port(one.service, one.name, one.service_port or one.port, one.port)
        for one in sessions.find_endpoints(rendered.objects, tag)
    )
    return Deployed(
        rendered.release.name,
        ports,
        tuple(dict.fromkeys(host.url for host in sessions.find_hosts(rendered.objects))),
        tuple(sessions.find_warnings(rendered.objects, tag)),
        tuple(dict.fromkeys(one.workload for one in found)),
    )


def _tokens(space: SpaceTokens, tag: str) -> Tokens:
    return Tokens(tag, space.space_prefix, space.root_space_prefix, space.host_suffix)
