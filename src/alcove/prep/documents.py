"""The texts of azds.yaml, .dockerignore and of what is for editors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from alcove.prep.app import App, Debugging, Live
from alcove.prep.templates import fill_template

CHART_IGNORED = (
    *(".dockerignore", ".git", ".gitignore", ".vs", ".vscode", "azds.yaml", "charts", "Dockerfile"),
    *("node_modules", "secrets.dev.yaml", "values.dev.yaml"),
)
"""What is in no image; the list of Azure Dev Spaces."""
_DEBUG_TASK = "alcove: up to debug"
_OURS = ("/app", "/src")
"""Where our images have the sources."""
INGRESS_CLASS = "traefik-azds"
"""The class of Ingresses that the gateway serves, under the name by which charts have known it."""


@dataclass(frozen=True, slots=True)
class Section:
    """What azds.yaml says that differs from folder to folder."""

    name: str
    chart: str
    public: bool
    """The chart is somebody's own: that it has an Ingress is said here, not in its values."""
    develop: str
    """The Dockerfile for developing; empty when there is but one."""
    arguments: Mapping[str, str]
    live: Live | None
    """How files that change come into the container; None when each change makes a new image."""


def render_azds(section: Section) -> str:
    """Write azds.yaml."""
    return fill_template(
        "azds.yaml",
        {
            "name": section.name,
            "chart": quote(section.chart),
            "class": INGRESS_CLASS,
            "public": "      enabled: true" if section.public else "",
            "develop": f"      dockerfile: {section.develop}" if section.develop else "",
            "arguments": _block("      args:", [f"        {k}: {v}" for k, v in section.arguments.items()]),
            "container": _container(section.live),
        },
    )


def _container(live: Live | None) -> str:
    if live is None:
        return "    # Without a container section each change makes a new image."
    lines = ["    container:", "      sync:", *(f"      - {quote(pattern)}" for pattern in live.sync)]
    if live.command:
        lines.append(f"      command: {_flow(live.command)}")
    if live.kill:
        lines += ["      iterate:", f"        processesToKill: {_flow(live.kill)}"]
        lines += _lines("        buildCommands:", [f"        - {_flow(command)}" for command in live.build])
    return "\n".join(lines)


def _lines(title: str, lines: list[str]) -> list[str]:
    return [title, *lines] if lines else []


def _block(title: str, lines: list[str]) -> str:
    return "\n".join(_lines(title, lines))


def _flow(words: Iterable[str]) -> str:
    return f"[{', '.join(map(quote, words))}]"


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=+:")
_MEANING = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n", "~", ".", ".."})


def quote(text: str) -> str:
    """Write a text as YAML, in a list too: with quotes where it could be taken for something else."""
    plain = _PLAIN.issuperset(text) and text.lower() not in _MEANING and not text.endswith(":")
    if plain and (text[:1].isalpha() or text.lstrip("-")[:1].isalpha() or text[:1] == "/"):
        return text
    return f'"{"".join(map(_escape, text))}"'


def _escape(sign: str) -> str:
    if sign in '"\\':
        return f"\\{sign}"
    return sign if sign.isprintable() else f"\\U{ord(sign):08x}"


def render_dockerignore(app: App | None) -> str:
    """Write .dockerignore: what nobody's image needs, then what the language's does not."""
    lines = (*CHART_IGNORED, "Dockerfile.develop", *(app.ignored if app is not None else ()))
    return "".join(f"{line}\n" for line in lines)


def render_launch(name: str, debugging: Debugging, directory: str) -> str:
    """Write .vscode/launch.json: how an editor's debugger comes to the service.

    ``directory`` is where the sources are in the container, when it is not where our images have them.
    """
    configuration = _relocated(debugging.configuration, directory) if directory else debugging.configuration
    attach = {"name": f"Alcove: attach to {name}", **configuration, "preLaunchTask": _DEBUG_TASK}
    return _json({"version": "0.2.0", "configurations": [attach]})


def _relocated(tree: Any, directory: str) -> Any:
    """Put the container's directory of sources in the place of ours."""
    if isinstance(tree, Mapping):
        return {
            directory if key in _OURS else key: _relocated(value, directory) for key, value in tree.items()
        }
    if isinstance(tree, list):
        return [_relocated(item, directory) for item in tree]
    return directory if tree in _OURS else tree


def render_tasks(app: App) -> str:
    """Write .vscode/tasks.json: what an editor can start."""
    tasks = [_task("alcove: up", ["up"], background=True)]
    if app.debugging is not None:
        tasks.append(_task(_DEBUG_TASK, ["up", "--debug"], background=True))
    tasks.append(_task("alcove: down", ["down"], background=False))
    return _json({"version": "2.0.0", "tasks": tasks})


def _task(label: str, arguments: list[str], *, background: bool) -> dict[str, object]:
    task: dict[str, object] = {
        "label": label,
        "type": "process",
        "command": "alcove",
        "args": arguments,
        "options": {"cwd": "${workspaceFolder}"},
    }
    if background:
        watched = {
            "activeOnStart": True,
            "beginsPattern": "^Synchronizing files",
            "endsPattern": "Press Ctrl\\+C to detach",
        }
        never = {"regexp": "^(?!)$", "file": 1, "location": 1, "message": 1}
        task |= {"isBackground": True, "problemMatcher": {"pattern": never, "background": watched}}
    else:
        task |= {"problemMatcher": []}
    return task


def _json(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
