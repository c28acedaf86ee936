"""What an image consists of: files of this machine and files that are made, by their places in the image."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class File:
    """A regular file; links to its source are followed."""

    content: bytes | Path
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory; those that only lead to something need not be named."""

    mode: int = 0o755


Node = File | Link | Directory
Tree = Mapping[str, Node]
"""Nodes by their paths, which are relative to the root: ``usr/bin/env``."""

PROGRAM_DIRECTORIES = ("bin", "sbin", "lib", "lib64")


def with_parents(tree: Tree) -> dict[str, Node]:
    """Give the tree in the order of its paths, with every directory that leads to something in it."""
    parents: set[str] = set()
    for path in tree:
        parent = path.rpartition("/")[0]
        while parent and parent not in parents:
            parents.add(parent)
            parent = parent.rpartition("/")[0]
    return dict(sorted({**dict.fromkeys(parents, Directory()), **tree}.items()))


def walk(directory: Path, *, without: frozenset[str] = frozenset()) -> Iterator[tuple[str, File]]:
    """Yield the regular files below a directory, by relative paths in order; ``without`` are names left out.

    Links to directories are not followed.
    """
    for place, directories, names in os.walk(directory):
        directories[:] = sorted(name for name in directories if name not in without)
        for name in sorted(names):
            path = Path(place, name)
            if name not in without and path.is_file():
                yield str(path.relative_to(directory)), of_machine(path)


def of_machine(path: Path) -> File:
    """Give a file of this machine: everybody may read it, and run it when its owner may."""
    return File(path, 0o755 if path.stat().st_mode & 0o100 or ".so" in path.suffixes else 0o644)


def below(place: str, tree: Tree) -> dict[str, Node]:
    """Give the tree below a directory."""
    return {f"{place}/{path}": node for path, node in tree.items()}


def root_tree(accounts: Mapping[str, int], machine: Path = Path("/")) -> dict[str, Node]:
    """Give what every image has: directories, links as this machine has them, accounts, sources of names.

    ``accounts`` are those besides root and nobody, by their numbers.
    """
    rows = [("root", 0), *accounts.items(), ("nobody", 65534)]
    users = "".join(f"{name}:x:{number}:{number}:{name}:/:/sbin/nologin\n" for name, number in rows)
    groups = "".join(f"{name}:x:{number}:\n" for name, number in rows)
    tree: dict[str, Node] = {
        "etc/passwd": File(users.encode()),
        "etc/group": File(groups.encode()),
        "etc/nsswitch.conf": File(b"passwd: files\ngroup: files\nhosts: files dns\n"),
        "tmp": Directory(0o1777),
        "var/tmp": Directory(0o1777),
        "var/run": Link("/run"),
        **dict.fromkeys(("dev", "etc", "proc", "run", "sys", "usr/bin", "usr/sbin"), Directory()),
    }
    for name in PROGRAM_DIRECTORIES:
        path = machine / name
        if path.is_symlink():
            tree[name] = Link(str(path.readlink()))
            tree[os.path.normpath(str(path.readlink())).lstrip("/")] = Directory()
    return tree
