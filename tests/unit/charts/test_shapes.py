from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.charts.errors import ChartError
from alcove.charts.model import Chart
from alcove.charts.shapes import check_chart, read_chart

V2 = "apiVersion: v2\nname: web\nversion: 0.1.0\n"
NEEDS = "dependencies: [{name: db, version: 1.0.0}, {name: cache, version: 2.0.0}]\n"


def refused(files: dict[str, str]) -> ChartError:
    with pytest.raises(ChartError) as caught:
        check_chart(Path("charts/web"), files)
    return caught.value


@pytest.mark.parametrize(
    "text", [V2, V2.replace("v2", "v1"), "apiVersion: v2\nname: web\nversion: 0.1.0\ntype: application\n"]
)
def test_charts_of_both_formats_are_known(text: str) -> None:
    assert check_chart(Path("web"), {"Chart.yaml": text}) == Chart("web", "0.1.0")


def test_a_directory_without_a_chart_is_told() -> None:
    error = refused({"values.yaml": ""})
    assert (error.message, error.cause) == ("charts/web is not a Helm chart", "it has no Chart.yaml")
    assert "install.chart" in error.hint


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("a: [", "line"),
        ("just text", "str"),
        ("apiVersion: v2\n", "'name' is missing"),
        ("apiVersion: v2\nname: 3\n", "'name' is missing"),
        ("name: web\n", "apiVersion is None"),
        ("apiVersion: v3\nname: web\n", "apiVersion is 'v3'"),
        (V2 + "type: library\n", "it is a library chart"),
    ],
)
def test_what_cannot_be_installed_is_told(text: str, cause: str) -> None:
    assert cause in refused({"Chart.yaml": text}).cause


@pytest.mark.parametrize(
    "files", [{"Chart.yaml": V2 + NEEDS}, {"Chart.yaml": V2.replace("v2", "v1"), "requirements.yaml": NEEDS}]
)
def test_missing_dependencies_are_named_with_the_command_that_gets_them(files: dict[str, str]) -> None:
    error = refused(files | {"charts/db-1.0.0.tgz": ""})
    assert error.message == "the chart web needs charts that are not there: cache"
    assert "helm dependency build charts/web" in error.hint
    check_chart(Path("web"), files | {"charts/db-1.0.0.tgz": "", "charts/cache/Chart.yaml": ""})


def test_a_chart_is_read_from_its_directory(tmp_path: Path) -> None:
    (tmp_path / "charts" / "db").mkdir(parents=True)
    (tmp_path / "Chart.yaml").write_text(V2 + "dependencies: [{name: db}]\n")
    assert read_chart(tmp_path) == Chart("web", "0.1.0")


def test_a_chart_is_read_from_an_archive(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "Chart.yaml").write_text(V2)
    with tarfile.open(tmp_path / "web-0.1.0.tgz", "w:gz") as archive:
        archive.add(tmp_path / "web", "web")
    assert read_chart(tmp_path / "web-0.1.0.tgz") == Chart("web", "0.1.0")


def test_paths_that_are_no_charts_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "broken.tgz").write_bytes(b"\x1f\x8bnothing")
    for name, cause in (("file", "it is a file"), ("none", "no such directory"), ("broken.tgz", "")):
        with pytest.raises(ChartError) as caught:
            read_chart(tmp_path / name)
        assert cause in caught.value.cause
    (tmp_path / "binary").mkdir()
    (tmp_path / "binary" / "Chart.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(ChartError, match="cannot be read"):
        read_chart(tmp_path / "binary")


@given(st.text())
def test_any_text_is_a_chart_or_refused(text: str) -> None:
    try:
        check_chart(Path("web"), {"Chart.yaml": text, "requirements.yaml": text})
    except ChartError as error:
        assert error.message
