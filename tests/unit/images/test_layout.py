from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from alcove.errors import AlcoveError
from alcove.images.layout import Layer, Recipe, full_name, write_archive, write_tree
from alcove.images.trees import Directory, File, Link, Tree


def recipe(tree: Tree, name: str = "alcove/x:1") -> Recipe:
    return Recipe(name, "amd64", [Layer("only", tree)], {"Entrypoint": ["x"]})


def members(tree: Tree) -> dict[str, tarfile.TarInfo]:
    stream = io.BytesIO()
    write_tree(stream, tree)
    with tarfile.open(fileobj=io.BytesIO(stream.getvalue())) as archive:
        return {member.name: member for member in archive}


def read(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        opened = {member.name: archive.extractfile(member) for member in archive if member.isfile()}
        return {name: file.read() for name, file in opened.items() if file}


def test_a_tree_has_its_parents_first_and_belongs_to_root(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("text")
    found = members({"b/c": File(tmp_path / "f", 0o755), "a": Link("b/c"), "tmp": Directory(0o1777)})
    assert list(found) == ["a", "b", "b/c", "tmp"]
    assert (found["a"].linkname, found["b"].isdir(), found["b/c"].mode) == ("b/c", True, 0o755)
    assert found["tmp"].mode == 0o1777
    assert {(m.uid, m.gid, m.mtime, m.uname) for m in found.values()} == {(0, 0, 0, "")}


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("text")
    tree = {"b": File(source), "a": File(b"x" * 100_000)}
    write_archive(tmp_path / "one.tar", [recipe(tree)])
    os.utime(source, (1, 1))
    write_archive(tmp_path / "two.tar", [recipe(dict(reversed(tree.items())))])
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


def test_everything_in_an_archive_is_named_by_its_digest(tmp_path: Path) -> None:
    write_archive(tmp_path / "i.tar", [recipe({"a": File(b"1")}), recipe({"a": File(b"2")}, "r:5000/y:2")])
    files = read(tmp_path / "i.tar")
    for name, content in files.items():
        if name.startswith("blobs/"):
            assert name == f"blobs/sha256/{hashlib.sha256(content).hexdigest()}"
    index: dict[str, Any] = json.loads(files["index.json"])
    assert [m["annotations"]["io.containerd.image.name"] for m in index["manifests"]] == [
        "docker.io/alcove/x:1",
        "r:5000/y:2",
    ]
    docker: list[dict[str, Any]] = json.loads(files["manifest.json"])
    assert [entry["RepoTags"] for entry in docker] == [["alcove/x:1"], ["r:5000/y:2"]]
    config = json.loads(files[docker[0]["Config"]])
    layer = gzip.decompress(files[docker[0]["Layers"][0]])
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    assert (config["architecture"], config["config"]) == ("amd64", {"Entrypoint": ["x"]})


def test_layers_of_equal_files_are_there_once(tmp_path: Path) -> None:
    write_archive(tmp_path / "i.tar", [recipe({"a": File(b"1")}), recipe({"a": File(b"1")}, "y:2")])
    docker = json.loads(read(tmp_path / "i.tar")["manifest.json"])
    assert docker[0]["Layers"] == docker[1]["Layers"]


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(AlcoveError, match="cannot write"):
        write_archive(tmp_path / "i.tar", [recipe({"a": File(tmp_path / "missing")})])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("x:1", "docker.io/library/x:1"),
        ("alcove/x:1", "docker.io/alcove/x:1"),
        ("example.test/x:1", "example.test/x:1"),
        ("localhost/x:1", "localhost/x:1"),
        ("host:5000/a/x:1", "host:5000/a/x:1"),
    ],
)
def test_a_name_without_registry_is_completed(name: str, full: str) -> None:
    assert full_name(name) == full
