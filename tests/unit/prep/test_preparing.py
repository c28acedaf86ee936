"""``alcove prep`` on folders that are on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.prep.folders import FOLDERS, facts_of

from alcove.errors import AlcoveError, ConflictError, UsageError
from alcove.prep.facts import Wishes
from alcove.prep.planning import plan_files
from alcove.prep.preparing import prepare, upgrade_project


def put(folder: Path, files: dict[str, str]) -> Path:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, encoding="utf-8")
    return folder


def tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns) for path in files
    }


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_folder_gets_what_was_planned_and_a_second_time_nothing(tmp_path: Path, kind: str) -> None:
    folder = put(tmp_path / "web", dict(FOLDERS[kind]))
    before = tree(folder)
    prepared = prepare(folder)
    after = tree(folder)
    planned = {file.path: file.content.encode() for file in plan_files(facts_of(kind), Wishes()).files}
    own = {path: content for path, (content, _) in before.items()}
    assert {path: content for path, (content, _) in after.items()} == {**planned, **own}
    assert prepared.files == {path: "kept" if path in own else "written" for path in planned}
    again = prepare(folder)
    assert tree(folder) == after and set(again.files.values()) == {"kept"}


def test_any_name_will_do(tmp_path: Path) -> None:
    folder = put(tmp_path / "Größe & Co. 日本", dict(FOLDERS["node-plain"]))
    prepared = prepare(folder)
    assert prepared.plan.name == "grosse-co"
    assert (folder / "charts/grosse-co/Chart.yaml").is_file()


def test_a_relative_folder_has_the_name_of_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(put(tmp_path / "shop", dict(FOLDERS["go"])))
    assert prepare(Path()).plan.name == "shop"


def test_a_chart_is_named_as_seen_from_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, {"shared/chart/Chart.yaml": "name: x\n"})
    folder = put(tmp_path / "web", dict(FOLDERS["go"]))
    monkeypatch.chdir(tmp_path)
    prepare(Path("web"), chart=Path("shared/chart"))
    assert 'chart: "../shared/chart"' in (folder / "azds.yaml").read_text()
    assert not (folder / "charts").exists()


def test_a_chart_that_is_none_is_refused(tmp_path: Path) -> None:
    folder = put(tmp_path / "web", dict(FOLDERS["go"]))
    with pytest.raises(UsageError, match="is no chart"):
        prepare(folder, chart=tmp_path)
    assert not (folder / "azds.yaml").exists()


def test_a_file_where_the_charts_belong_is_a_conflict(tmp_path: Path) -> None:
    folder = put(tmp_path / "web", {**FOLDERS["go"], "charts": ""})
    with pytest.raises(ConflictError, match="charts is a file"):
        prepare(folder)
    assert not (folder / "Dockerfile").exists()


def test_a_file_is_upgraded_once(tmp_path: Path) -> None:
    old = "kind: helm-release\napiVersion: 1.0 # old\nbuild: {context: .}\ninstall: {chart: charts/web}\n"
    folder = put(tmp_path, {"azds.yaml": old})
    assert upgrade_project(folder)
    text = (folder / "azds.yaml").read_text()
    assert "apiVersion: 1.1" in text and "# old" in text
    assert not upgrade_project(folder) and (folder / "azds.yaml").read_text() == text


def test_what_cannot_be_upgraded_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(AlcoveError, match=r"Config file not found: .*azds\.yaml"):
        upgrade_project(tmp_path)
    (tmp_path / "azds.yaml").write_bytes(b"\xff")
    with pytest.raises(AlcoveError, match="it is not UTF-8"):
        upgrade_project(tmp_path)
