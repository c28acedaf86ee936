from __future__ import annotations

from pathlib import Path

import pytest

from alcove.embedded.images.merged import MergedTree, make_opaque, put_whiteout
from alcove.errors import AlcoveError


@pytest.fixture
def layers(tmp_path: Path) -> tuple[Path, Path]:
    low, high = tmp_path / "low", tmp_path / "high"
    for path in ("low/etc", "low/usr/bin", "low/gone", "low/hidden", "high/etc", "high/hidden"):
        (tmp_path / path).mkdir(parents=True)
    for path in ("low/etc/a", "low/etc/b", "high/etc/b", "low/gone/x", "low/hidden/x", "low/usr/bin/sh"):
        (tmp_path / path).write_text(path)
    (low / "bin").symlink_to("usr/bin")
    (low / "out").symlink_to("/../../etc/a")
    return low, high


def text(tree: MergedTree, path: str) -> str:
    found = tree.locate(path)[1]
    return found.read_text() if found is not None else ""


def test_the_highest_layer_counts(layers: tuple[Path, Path]) -> None:
    tree = MergedTree(layers)
    assert [text(tree, "/etc/a"), text(tree, "etc/b")] == ["low/etc/a", "high/etc/b"]
    assert list(tree.children("/etc")) == ["a", "b"]
    assert tree.locate("/etc/missing") == ("/etc/missing", None)


@pytest.mark.root
def test_deleted_and_hidden_files_are_not_there(layers: tuple[Path, Path]) -> None:
    put_whiteout(layers[1] / "gone")
    make_opaque(layers[1] / "hidden")
    tree = MergedTree(layers)
    assert text(tree, "/gone/x") == text(tree, "/hidden/x") == ""
    assert "gone" not in tree.children("/") and tree.children("/hidden") == {}


def test_links_are_followed_inside(layers: tuple[Path, Path]) -> None:
    tree = MergedTree(layers)
    assert tree.locate("/bin/sh") == ("/usr/bin/sh", layers[0] / "usr/bin/sh")
    assert tree.locate("/out") == ("/etc/a", layers[0] / "etc/a")
    assert tree.locate("/bin", follow=False) == ("/bin", layers[0] / "bin")
    assert tree.locate("/bin/../../bin/sh")[0] == "/usr/bin/sh"


def test_links_in_a_circle_are_refused(layers: tuple[Path, Path]) -> None:
    (layers[1] / "loop").symlink_to("/loop")
    with pytest.raises(AlcoveError, match="too many symbolic links"):
        MergedTree(layers).locate("/loop")


def test_a_machine_tree_shows_beneath_the_layers(tmp_path: Path, layers: tuple[Path, Path]) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "tool").write_text("own")
    (layers[1] / str(own).lstrip("/")).mkdir(parents=True)
    (layers[1] / str(own).lstrip("/") / "more").write_text("layer")
    tree = MergedTree(layers, (str(own),))
    assert [text(tree, f"{own}/tool"), text(tree, f"{own}/more")] == ["own", "layer"]
    assert list(tree.children(str(own))) == ["more", "tool"]
