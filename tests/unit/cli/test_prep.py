"""``alcove prep``, as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alcove.cli import main

FILES = [
    "Dockerfile",
    "Dockerfile.develop",
    "charts/web/.helmignore",
    "charts/web/values.yaml",
    "charts/web/templates/NOTES.txt",
    "charts/web/templates/_helpers.tpl",
    "charts/web/templates/deployment.yaml",
    "charts/web/templates/ingress.yaml",
    "charts/web/templates/secrets.yaml",
    "charts/web/templates/service.yaml",
    "charts/web/Chart.yaml",
    ".dockerignore",
    ".vscode/launch.json",
    ".vscode/tasks.json",
    "azds.yaml",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "web"
    folder.mkdir()
    (folder / "package.json").write_text('{"scripts": {"start": "node server.js"}}')
    (folder / "server.js").write_text("server.listen(process.env.PORT || 3000);\n")
    return folder


def test_it_tells_what_was_found_and_what_was_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    assert main.run(["prep"]) == 0
    told = capsys.readouterr()
    assert [line.split() for line in told.out.splitlines()] == [
        ["FILE", "STATE"],
        *([path, "written"] for path in FILES),
    ]
    assert told.err.splitlines() == [
        "This is Node.js (package.json)",
        "It listens on port 3000 (server.js:1)",
        "Ready: 'alcove up' runs it",
    ]


def test_a_second_time_all_is_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main.run(["prep", str(folder)])
    capsys.readouterr()
    assert main.run(["prep", str(folder), "-o", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {file["state"] for file in document["files"]} == {"kept"}
    assert (document["name"], document["language"], document["port"]) == ("web", "Node.js", 3000)
    assert document["chart"] == "charts/web" and document["directory"] == str(folder)


@pytest.mark.parametrize("option", ["--enable-ingress", "--public"])
def test_an_ingress_has_two_names(folder: Path, option: str) -> None:
    assert main.run(["prep", str(folder), option]) == 0
    assert "ingress:\n  enabled: true\n" in (folder / "charts/web/values.yaml").read_text()


def test_an_unsupported_language_is_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["prep", str(tmp_path)]) == 0
    told = capsys.readouterr().err
    assert "warning: Dockerfile could not be generated due to unsupported language\n" in told
    assert "Write a Dockerfile, then run 'alcove prep' again" in told


def test_an_upgrade_does_nothing_else(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "azds.yaml").write_text("kind: helm-release\napiVersion: 1.0\ninstall: {chart: charts/web}\n")
    states = []
    for _ in range(2):
        assert main.run(["prep", str(folder), "--upgrade", "-o", "json"]) == 0
        states.append(json.loads(capsys.readouterr().out)["files"])
    assert states == [[{"path": "azds.yaml", "state": state}] for state in ("upgraded", "kept")]
    assert not (folder / "Dockerfile").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["nowhere"], 2, "there is no directory"),
        ([".", "--chart", "nowhere"], 2, "nowhere is no chart"),
        ([".", "--upgrade", "--public"], 2, "--upgrade goes with no other option"),
        ([".", "--upgrade"], 1, "Config file not found"),
    ],
)
def test_errors_say_what_is_wrong(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main.run(["prep", *arguments]) == code
    assert told in capsys.readouterr().err and not any(tmp_path.iterdir())
