from __future__ import annotations

from pathlib import Path

import pytest

from alcove.charts import deriving
from alcove.charts.errors import ChartError
from alcove.charts.model import Chart, Document, Release, Rendered

CHART_YAML = "apiVersion: v2\nname: web\nversion: 0.1.0\ndependencies: [{name: db}]\n"


def rendered(chart: Path = Path(), *documents: Document) -> Rendered:
    return Rendered(
        release=Release("r", "default", chart),
        chart=Chart("web", "0.1.0"),
        documents=documents,
        crds=(("web/crds/a.yaml", "a"), ("web/charts/db/crds/a.yaml", "b")),
        notes="see {{ this }}",
    )


def document(template: str, text: str) -> Document:
    return Document(template, text, {"apiVersion": "v1", "kind": "A"})


def test_braces_are_written_as_text() -> None:
    assert deriving.escape("a {{ b }} {{- c }}{{{{") == (
        'a {{ "{{" }} b }} {{ "{{" }}- c }}{{ "{{" }}{{ "{{" }}'
    )


def test_templates_keep_their_places_and_subcharts_become_part_of_the_chart() -> None:
    documents = [
        document("web/templates/x.yaml", "one: {{\n"),
        document("web/charts/db/templates/x.yaml", "two\n"),
        document("web/templates/x.yaml", "three\n"),
    ]
    files = deriving.derive_files(
        rendered(Path(), *documents), {"Chart.yaml": CHART_YAML, "values.yaml": "a: 1"}
    )
    assert files == {
        "Chart.yaml": '"apiVersion": "v2"\n"name": "web"\n"version": "0.1.0"\n',
        "values.yaml": "a: 1",
        "templates/x.yaml": 'one: {{ "{{" }}\n---\nthree\n',
        "templates/charts/db/templates/x.yaml": "two\n",
        "templates/NOTES.txt": 'see {{ "{{" }} this }}',
        "crds/000-a.yaml": "a",
        "crds/001-a.yaml": "b",
    }


def test_a_chart_is_written_with_what_is_kept_of_the_original(tmp_path: Path) -> None:
    original = tmp_path / "original"
    (original / "templates").mkdir(parents=True)
    (original / "Chart.yaml").write_text(CHART_YAML)
    (original / "values.schema.json").write_text("{}")
    (original / "templates" / "secret.yaml").write_text("gone")
    written = deriving.write_derived(
        rendered(original, document("web/templates/x.yaml", "x\n")), tmp_path / "new"
    )
    assert written == tmp_path / "new" / "web"
    assert sorted(str(path.relative_to(written)) for path in written.rglob("*") if path.is_file()) == [
        "Chart.yaml",
        "crds/000-a.yaml",
        "crds/001-a.yaml",
        "templates/NOTES.txt",
        "templates/x.yaml",
        "values.schema.json",
    ]


def test_a_chart_that_was_broken_meanwhile_is_told() -> None:
    with pytest.raises(ChartError):
        deriving.derive_files(rendered(), {"Chart.yaml": "a: ["})
