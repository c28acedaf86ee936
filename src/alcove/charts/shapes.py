"""What a directory or an archive must hold to be a chart that can be installed."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from alcove.charts import manifests
from alcove.charts.errors import ChartError
from alcove.charts.model import Chart

_ARCHIVES = (".tgz", ".tar.gz")
_LARGEST_FILE = 1 << 20
_WHERE = "'install.chart' in azds.yaml names the chart's directory"


def read_chart(path: Path) -> Chart:
    """Tell which chart is at a path: a directory or a packed one.

    Raises:
        ChartError: it is not a chart, or one that cannot be installed as it is.
    """
    files = _read_archive(path) if path.name.endswith(_ARCHIVES) and path.is_file() else _read_directory(path)
    return check_chart(path, files)


def check_chart(path: Path, files: Mapping[str, str]) -> Chart:
    """Check a chart by the text of its Chart.yaml and requirements.yaml, and by the names below charts/.

    ``files`` holds paths below the chart; what is not read has an empty text.

    Raises:
        ChartError: as above.
    """
    if "Chart.yaml" not in files:
        raise ChartError(f"{path} is not a Helm chart", cause="it has no Chart.yaml", hint=_WHERE)
    about = _mapping(path / "Chart.yaml", files["Chart.yaml"])
    name, version = about.get("name"), about.get("version")
    if not isinstance(name, str) or not name:
        raise ChartError(f"{path / 'Chart.yaml'} names no chart", cause="'name' is missing, or is not a text")
    if about.get("apiVersion") not in ("v1", "v2"):
        raise ChartError(
            f"{path / 'Chart.yaml'} is of no known format",
            cause=f"apiVersion is {about.get('apiVersion')!r}",
            hint="write 'apiVersion: v1' (Helm 2 and 3) or 'apiVersion: v2' (Helm 3 and 4)",
        )
    if about.get("type") == "library":
        raise ChartError(
            f"the chart {name} cannot be installed",
            cause="it is a library chart: it only defines templates for other charts",
            hint=_WHERE,
        )
    _check_dependencies(path, files, about)
    return Chart(name, str(version or ""))


def _check_dependencies(path: Path, files: Mapping[str, str], about: Mapping[str, Any]) -> None:
    declared = about.get("dependencies") or []
    if "requirements.yaml" in files:
        declared = (
            _mapping(path / "requirements.yaml", files["requirements.yaml"]).get("dependencies") or declared
        )
    names = [str(entry.get("name")) for entry in declared if isinstance(entry, dict)]
    there = {PurePosixPath(file).parts[1] for file in files if file.startswith("charts/")}
    missing = [name for name in names if not _has(there, name)]
    if missing:
        raise ChartError(
            f"the chart {about['name']} needs charts that are not there: {', '.join(missing)}",
            cause=f"they are declared in it, and {path / 'charts'} does not hold them",
            hint=f"run 'helm dependency build {path}', and let azds.yaml's build.ignore keep the result",
        )


def _has(there: Iterable[str], name: str) -> bool:
    return any(
        entry == name or (entry.startswith(f"{name}-") and entry.endswith(_ARCHIVES)) for entry in there
    )


def _mapping(path: Path, text: str) -> Mapping[str, Any]:
    try:
        value = manifests.parse_yaml(text)
    except ValueError as error:
        raise ChartError(f"{path} is not YAML", cause=str(error)) from error
    if not isinstance(value, dict):
        raise ChartError(f"{path} is not a mapping", cause=f"it holds {type(value).__name__}")
    return value


def _read_directory(path: Path) -> dict[str, str]:
    if not path.is_dir():
        what = "it is a file" if path.exists() else "there is no such directory"
        raise ChartError(f"{path} is not a Helm chart", cause=what, hint=_WHERE)
    names = ("Chart.yaml", "requirements.yaml")
    files = {name: _read(path / name) for name in names if (path / name).is_file()}
    charts = path / "charts"
    entries = sorted(charts.iterdir()) if charts.is_dir() else []
    return files | {f"charts/{entry.name}": "" for entry in entries}


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST_FILE).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ChartError(f"{path} cannot be read", cause=str(error)) from error


def _read_archive(path: Path) -> dict[str, str]:
    """Read a packed chart: everything in it is below one directory."""
    files = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = member.name.partition("/")[2]
                wanted = name in ("Chart.yaml", "requirements.yaml") and member.isfile()
                content = archive.extractfile(member) if wanted else None
                files[name] = content.read(_LARGEST_FILE).decode() if content else ""
    except (OSError, EOFError, tarfile.TarError, UnicodeDecodeError) as error:
        raise ChartError(f"{path} is not a packed Helm chart", cause=str(error), hint=_WHERE) from error
    return files
