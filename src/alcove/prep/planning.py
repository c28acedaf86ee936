"""Decides which files a folder gets. Nothing here reads or writes one."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace

from alcove.prep import chart, detection, documents
from alcove.prep.app import App
from alcove.prep.existing import Dockerfile, has_ingress, read_chart, read_dockerfile
from alcove.prep.facts import Facts, Wishes
from alcove.prep.naming import make_name
from alcove.prep.ports import USUAL, Port

UNSUPPORTED = "Dockerfile could not be generated due to unsupported language"
"""What Azure Dev Spaces said, to the letter."""


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file to be written where none is."""

    path: str
    """From the folder, with slashes."""
    content: str
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Plan:
    """What a folder gets, and what is to be said of it."""

    name: str
    app: App | None
    port: Port
    chart: str
    """From the folder, with slashes."""
    files: tuple[PlannedFile, ...]
    """In the order in which they are written; some may be there."""
    kept: tuple[str, ...] = ()
    """What is there and is not looked into."""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def plan_files(facts: Facts, wishes: Wishes) -> Plan:
    """Plan what ``alcove up`` needs."""
    found = detection.detect(facts)
    return _Planner(facts, wishes, found.app, found.others).plan()


class _Planner:
    def __init__(self, facts: Facts, wishes: Wishes, app: App | None, others: tuple[App, ...]) -> None:
        self._facts = facts
        self._wishes = wishes
        self._app = app
        self._others = others
        self._dockerfile = _existing_dockerfile(facts)
        self._name = make_name(facts.name)
        self._named = read_chart(facts.text("azds.yaml"))
        self._chart = self._choose_chart()
        self._port = self._choose_port()
        self._ours = app is not None and _is_ours(facts, app)

    def plan(self) -> Plan:
        files = (*self._images(), *self._chart_files(), *self._rest())
        return Plan(
            self._name,
            self._app,
            self._port,
            self._chart,
            files,
            kept=() if self._generates_chart or self._wishes.chart else (self._chart,),
            notes=tuple(self._notes()),
            warnings=tuple(self._warnings()),
        )

    # ------------------------------------------------------------------------------ choices

    def _choose_chart(self) -> str:
        """Give the chart's path: that which is wished for, that which azds.yaml names, or the usual one."""
        return self._wishes.chart or self._named or f"charts/{self._name}"

    def _choose_port(self) -> Port:
        exposed = self._dockerfile.port if self._dockerfile is not None else None
        return exposed or (self._app.port if self._app is not None else Port(USUAL))

    @property
    def _generates_chart(self) -> bool:
        """A chart that is there is used as it is: files that it lacks are missing on purpose."""
        known = not self._wishes.chart and "$" not in self._chart and not self._chart.startswith(("/", ".."))
        return known and not self._facts.has(f"{self._chart}/Chart.yaml")

    @property
    def _is_supported(self) -> bool:
        return self._app is not None or self._dockerfile is not None

    # ------------------------------------------------------------------------------ files

    def _images(self) -> Iterator[PlannedFile]:
        """Give the Dockerfiles; one that is there knows more of its image than we do, and stays alone."""
        if self._app is not None and self._ours:
            yield PlannedFile("Dockerfile", self._app.dockerfile)
            yield PlannedFile("Dockerfile.develop", self._app.develop)
        else:
            for path in _DOCKERFILES:
                if self._facts.has(path):
                    yield PlannedFile(path, self._facts.text(path))

    def _chart_files(self) -> Iterator[PlannedFile]:
        if not self._generates_chart:
            return
        wanted = chart.Chart(
            make_name(posixpath.basename(self._chart)),
            self._port,
            ingress=self._wishes.ingress,
            variables=self._app.variables if self._app is not None and self._ours else (),
            ours=self._ours,
        )
        for path, content in chart.render_chart(wanted):
            yield PlannedFile(f"{self._chart}/{path}", content)

    def _rest(self) -> Iterator[PlannedFile]:
        if not self._is_supported:
            return
        yield PlannedFile(".dockerignore", documents.render_dockerignore(self._app))
        if self._app is not None:
            if self._app.debugging is not None:
                launch = documents.render_launch(self._name, self._app.debugging, self._directory())
                yield PlannedFile(".vscode/launch.json", launch)
            yield PlannedFile(".vscode/tasks.json", documents.render_tasks(self._app))
        yield PlannedFile("azds.yaml", documents.render_azds(self._section()))

    def _directory(self) -> str:
        """Give where the sources are in an image that is not ours; empty when nobody says."""
        return self._dockerfile.directory if self._dockerfile is not None and not self._ours else ""

    def _section(self) -> documents.Section:
        app, ours = self._app, self._ours
        live = app.live if app is not None and ours else None
        if app is not None and self._dockerfile is not None and not ours and app.interpreted:
            live = replace(app.live, command=()) if self._dockerfile.is_updatable else None
        return documents.Section(
            self._name,
            self._chart,
            public=self._wishes.ingress and not self._generates_chart,
            develop="Dockerfile.develop" if ours or self._facts.has("Dockerfile.develop") else "",
            arguments=app.arguments if app is not None and ours else {},
            live=live,
        )

    # ------------------------------------------------------------------------------ words

    def _notes(self) -> Iterator[str]:
        app = self._app
        if app is not None:
            others = [f"{other.language.value} ({other.because})" for other in self._others]
            beside = f", not {' or '.join(others)}" if others else ""
            yield f"This is {app.language.value} ({app.because}){beside}"
            yield from app.notes if self._ours else ()
        if self._is_supported:
            yield from self._notes_of_port()
        charts = sorted(
            posixpath.dirname(path) for path in self._facts.below(r"Chart\.yaml", deep=2) if "/" in path
        )
        unused = [chart for chart in charts if chart != self._chart]
        if self._generates_chart and unused:
            yield f"To use the chart {unused[0]} instead: alcove prep --chart {unused[0]}"

    def _notes_of_port(self) -> Iterator[str]:
        where = f" ({self._port.because})" if self._port.because else ", as nothing says otherwise"
        yield f"It listens on port {self._port.number}{where}"
        named = self._app.port if self._app is not None else self._port
        if named.because and named.number != self._port.number:
            yield f"{named.because} names port {named.number}, but that of EXPOSE counts: PORT says so"

    def _warnings(self) -> Iterator[str]:
        if not self._is_supported:
            yield UNSUPPORTED
        wished = self._wishes.chart
        if wished and self._facts.has("azds.yaml") and self._named != wished:
            yield f"azds.yaml is kept: set install.chart to {wished} in it"
        if self._wishes.ingress and not self._generates_chart and self._facts.has("azds.yaml"):
            values = self._facts.text(f"{self._chart}/values.yaml")
            if not has_ingress(values, self._facts.text("azds.yaml")):
                yield f"what is there is kept: set ingress.enabled to true in {self._chart}/values.yaml"
        exposed = [read_dockerfile(self._facts.text(path), path).port for path in _DOCKERFILES]
        ports = [port for port in exposed if port is not None]
        if len({port.number for port in ports}) > 1:
            yield (
                " and ".join(f"{port.because} exposes port {port.number}" for port in ports) + ": choose one"
            )


GENERATED = "# For `alcove up`:"
"""How each Dockerfile.develop of ours begins."""
_DOCKERFILES = ("Dockerfile", "Dockerfile.develop")


def _existing_dockerfile(facts: Facts) -> Dockerfile | None:
    path = facts.first("Dockerfile.develop", "Dockerfile")
    return read_dockerfile(facts.text(path), path) if path else None


def _is_ours(facts: Facts, app: App) -> bool:
    """Tell whether the image for developing is the one that we make, or would make."""
    if facts.has("Dockerfile.develop"):
        return facts.text("Dockerfile.develop").startswith(GENERATED)
    return not facts.has("Dockerfile") or facts.text("Dockerfile") == app.dockerfile
