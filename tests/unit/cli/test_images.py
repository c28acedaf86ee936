from __future__ import annotations

from pathlib import Path

import pytest

from alcove.cli import main


def test_the_commands_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["images", "--help"]) == 0
    said = capsys.readouterr().out
    assert "build" in said and "export" in said


def test_an_archive_needs_a_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["images", "export", str(tmp_path / "none" / "x.tar")]) == 1
    assert "there is no directory" in capsys.readouterr().err
