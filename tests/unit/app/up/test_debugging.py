from __future__ import annotations

import json
from pathlib import Path

import pytest

from alcove.app.up.debugging import LAUNCH, attach_lines, find_debugger, write_launch
from alcove.errors import UsageError
from alcove.sessions.debugging import DEBUGGERS


@pytest.mark.parametrize(
    ("file", "content", "debugger"),
    [
        ("package.json", '{"scripts": {"start": "node server.js"}}', "node"),
        ("requirements.txt", "flask\n", "python"),
        ("pom.xml", "<project/>", "java"),
        ("web.csproj", '<Project Sdk="Microsoft.NET.Sdk.Web"/>', "dotnet"),
    ],
)
def test_a_language_has_a_debugger_and_an_editor_is_told_how(
    tmp_path: Path, file: str, content: str, debugger: str
) -> None:
    (tmp_path / file).write_text(content)
    assert find_debugger(tmp_path) == debugger and debugger in DEBUGGERS
    assert write_launch(tmp_path) and json.loads((tmp_path / LAUNCH).read_text())["configurations"]
    (tmp_path / LAUNCH).write_text("{}")
    assert not write_launch(tmp_path) and (tmp_path / LAUNCH).read_text() == "{}"


@pytest.mark.parametrize(("files", "cause"), [((), "cannot be told"), (("go.mod",), "this is Go")])
def test_languages_without_one(tmp_path: Path, files: tuple[str, ...], cause: str) -> None:
    for name in files:
        (tmp_path / name).write_text("module web\n")
    with pytest.raises(UsageError, match="no debugger can be started") as caught:
        find_debugger(tmp_path)
    assert cause in caught.value.cause


@pytest.mark.parametrize(
    ("debugger", "ports", "line"),
    [
        ("node", {9229: 9229}, "Debugger: attach to localhost:9229 (node)"),
        ("python", {5678: 25678}, "Debugger: attach to localhost:25678 (debugpy)"),
        ("java", {}, "Debugger: attach to localhost:5005 (JDWP)"),
        ("dotnet", {}, "Debugger: attach by a pipe: alcove exec -- /vsdbg/vsdbg --interpreter=vscode"),
    ],
)
def test_how_people_attach(debugger: str, ports: dict[int, int], line: str) -> None:
    first, second = attach_lines(debugger, ports, written=True)
    assert first == line and second.startswith(f"{LAUNCH} was written")
    assert list(attach_lines(debugger, ports, written=False))[1].startswith(f"{LAUNCH} is kept")
