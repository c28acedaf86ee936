"""Projects on the disk, made of what a file names."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alcove.config.azds import ConfigError, Project, load_project
from alcove.config.azds.loading import parse_settings
from alcove.config.azds.settings import Settings

FILES = Path(__file__).parent / "files"
ERRORS = Path(__file__).parent / "errors"
ENV = {
    "REDIS_HOST_VALUE": "redis.example",
    "IMAGE": "registry/web",
    "EMPTY": "",
    "PORT": "8080",
    "YES": "true",
    "TOKEN": "a$(tag)b",
}
WELL_KNOWN = {"with-tag.yaml": "image:\n  tag: $(tag)\n", "misspelt.yaml": "a: $(spacePrefx)\nb: $(POD_IP)\n"}


def configuration_of(content: bytes) -> str:
    """Give the configuration that a golden file names in its first line."""
    first = content.partition(b"\n")[0].decode("utf-8", "replace")
    _, mark, name = first.partition("# configuration: ")
    return name.strip() if mark else "develop"


def make_project(
    root: Path, content: bytes, *, configuration: str = "develop", environment: Mapping[str, str] = ENV
) -> Path:
    """Write a file, far enough below ``root`` for paths that go up, and whatever it needs beside it."""
    directory = root / "one" / "two" / "three" / "four" / "project"
    directory.mkdir(parents=True)
    (directory / "azds.yaml").write_bytes(content)
    fill(directory, parse_settings(content, environment=environment, configuration=configuration))
    return directory


def fill(directory: Path, settings: Settings) -> None:
    """Write what the settings name: context, Dockerfile, chart, values files that must be there."""
    _path(directory, settings.context.text).mkdir(parents=True, exist_ok=True)
    _write(_path(directory, settings.dockerfile.text), "FROM scratch\n")
    if settings.chart:
        chart = _path(directory, settings.chart.text)
        _write(chart if chart.suffix == ".tgz" else chart / "Chart.yaml", "name: chart\n")
    for said in settings.values:
        if not said.text.endswith("?"):
            path = _path(directory, said.text)
            _write(path, WELL_KNOWN.get(path.name, ""))


def load(directory: Path, *, configuration: str = "develop") -> Project:
    """Load a project with the environment of the golden files."""
    return load_project(directory, environment=ENV, configuration=configuration)


def render_project(project: Project) -> dict[str, Any]:
    """Give a project as JSON can hold it, paths relative to its directory."""
    rendered: dict[str, Any] = _plain(dataclasses.asdict(project), project.directory)
    rendered.pop("directory")
    return rendered


def _plain(value: Any, directory: Path) -> Any:
    if isinstance(value, Path):
        return Path(os.path.relpath(value, directory)).as_posix()
    if isinstance(value, dict):
        return {key: _plain(one, directory) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one, directory) for one in value]
    return value


def _path(directory: Path, text: str) -> Path:
    return (directory / text.replace("\\", "/")).resolve()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def render_error(error: ConfigError, root: Path) -> str:
    """Give an error as golden files have it."""
    text = error.message + (f"\ncause: {error.cause}" if error.cause else "")
    text += f"\nhint: {error.hint}" if error.hint else ""
    return text.replace(str(root), "ROOT") + "\n"


def make_bare(directory: Path, content: bytes) -> Path:
    """Write a file beside a chart ``charts/web`` and a Dockerfile, and nothing else."""
    _write(directory / "charts" / "web" / "Chart.yaml", "name: web\n")
    _write(directory / "Dockerfile", "FROM scratch\n")
    (directory / "azds.yaml").write_bytes(content)
    return directory
