"""The chart that is installed instead of one that had to be converted.

It has the same name, version, values and schema, so that what Helm tells of the release is as with the
original; its templates are what the original rendered, converted, and render to just that. It has no
subcharts: what they rendered is in it.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from alcove.charts import manifests
from alcove.charts.errors import ChartError
from alcove.charts.model import Document, Rendered

_KEPT = ("Chart.yaml", "values.yaml", "values.schema.json")
_LARGEST_FILE = 4 << 20


def escape(text: str) -> str:
    """Write text as a template that renders to it."""
    return text.replace("{{", '{{ "{{" }}')


def derive_files(rendered: Rendered, kept: Mapping[str, str]) -> dict[str, str]:
    """Give the files of the chart to install, by their paths; ``kept`` holds those of the original.

    Raises:
        ChartError: the original's Chart.yaml is not one.
    """
    files = {name: text for name, text in kept.items() if name != "Chart.yaml"}
    files["Chart.yaml"] = _without_dependencies(kept.get("Chart.yaml", ""))
    for template, documents in _by_template(rendered.documents).items():
        files[_place(template)] = escape("---\n".join(document.text for document in documents))
    if rendered.notes:
        files["templates/NOTES.txt"] = escape(rendered.notes)
    for number, (name, text) in enumerate(rendered.crds):
        files[f"crds/{number:03}-{PurePosixPath(name).name}"] = text
    return files


def _by_template(documents: Iterable[Document]) -> dict[str, list[Document]]:
    found: dict[str, list[Document]] = {}
    for document in documents:
        found.setdefault(document.template, []).append(document)
    return found


def _place(template: str) -> str:
    """Tell where a template goes: ``web/templates/x.yaml`` stays, those of subcharts go below templates/."""
    path = template.partition("/")[2]
    return path if path.startswith("templates/") else f"templates/{path}"


def _without_dependencies(text: str) -> str:
    try:
        about = manifests.parse_yaml(text)
    except ValueError as error:
        raise ChartError("the chart's Chart.yaml is not YAML", cause=str(error)) from error
    return manifests.render_yaml({key: value for key, value in about.items() if key != "dependencies"})


def write_derived(rendered: Rendered, directory: Path) -> Path:
    """Write the chart to install below ``directory`` and give its path."""
    chart = directory / rendered.chart.name
    for name, text in derive_files(rendered, _read_kept(rendered.release.chart)).items():
        path = chart / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return chart


def _read_kept(chart: Path) -> dict[str, str]:
    if chart.is_dir():
        return {name: (chart / name).read_text() for name in _KEPT if (chart / name).is_file()}
    kept = {}
    with tarfile.open(chart) as archive:
        for member in archive:
            name = member.name.partition("/")[2]
            content = archive.extractfile(member) if name in _KEPT and member.isfile() else None
            if content:
                kept[name] = content.read(_LARGEST_FILE).decode()
    return kept
