from __future__ import annotations

from pathlib import Path

from alcove.images.trees import Directory, File, Link, Node, of_machine, root_tree, walk, with_parents


def test_parents_come_before_what_is_in_them() -> None:
    tree: dict[str, Node] = {"a/b/c": File(b""), "a": Directory(0o700)}
    assert list(with_parents(tree).items()) == [
        ("a", Directory(0o700)),
        ("a/b", Directory()),
        ("a/b/c", File(b"")),
    ]


def test_a_walk_is_in_order_and_leaves_names_out(tmp_path: Path) -> None:
    for name in ("b/x.py", "a.py", "b/test/t.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "none").symlink_to("nowhere")
    assert [path for path, _ in walk(tmp_path, without=frozenset({"test"}))] == ["a.py", "b/x.py"]


def test_everybody_may_read_files_and_run_programs(tmp_path: Path) -> None:
    for name, mode, expected in (("p", 0o700, 0o755), ("t", 0o600, 0o644), ("l.so.1", 0o600, 0o755)):
        (tmp_path / name).touch(mode)
        assert of_machine(tmp_path / name) == File(tmp_path / name, expected)


def test_the_root_has_the_machines_links_and_accounts(tmp_path: Path) -> None:
    (tmp_path / "lib").symlink_to("usr/lib")
    (tmp_path / "lib64").mkdir()
    tree = root_tree({"me": 7}, tmp_path)
    assert (tree["lib"], tree["usr/lib"]) == (Link("usr/lib"), Directory())
    assert "lib64" not in tree
    assert tree["etc/passwd"] == File(
        b"root:x:0:0:root:/:/sbin/nologin\n"
        b"me:x:7:7:me:/:/sbin/nologin\n"
        b"nobody:x:65534:65534:nobody:/:/sbin/nologin\n"
    )
