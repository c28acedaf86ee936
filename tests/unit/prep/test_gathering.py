"""What is read of a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from alcove.errors import UsageError
from alcove.prep.gathering import gather_facts


def test_names_of_all_and_contents_of_what_decides(tmp_path: Path) -> None:
    folder = tmp_path / "Größe 1"
    for path in (
        "package.json",
        "src/ä b.js",
        "node_modules/x/index.js",
        ".git/config",
        ".vscode/tasks.json",
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(f"of {path}", encoding="utf-8")
    (folder / "picture.png").write_bytes(b"\xff")
    facts = gather_facts(folder)
    assert facts.name == "Größe 1"
    assert facts.files == {"package.json", "src/ä b.js", ".vscode/tasks.json", "picture.png"}
    assert dict(facts.texts) == {"package.json": "of package.json", "src/ä b.js": "of src/ä b.js"}


def test_large_files_bytes_and_loops_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "large.js").write_bytes(b"x" * 300_000)
    (tmp_path / "bytes.js").write_bytes(b"\xff\xfe")
    (tmp_path / "broken.js").symlink_to(tmp_path / "nowhere")
    (tmp_path / "again").symlink_to(tmp_path)
    facts = gather_facts(tmp_path)
    assert facts.files == {"large.js", "bytes.js", "broken.js", "again"}
    assert set(facts.texts) == {"bytes.js"}


def test_a_mark_of_the_order_of_bytes_is_no_content(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_bytes(b"\xef\xbb\xbf{}")
    assert gather_facts(tmp_path).text("package.json") == "{}"


def test_what_is_no_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "nowhere"):
        with pytest.raises(UsageError, match="there is no directory"):
            gather_facts(path)
