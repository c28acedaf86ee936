"""Which paths a manifest may hold: relative, with ``/`` between names, the same on every system."""

from __future__ import annotations

import re

LONGEST_PATH = 4096
LONGEST_NAME = 255
"""Both in bytes of UTF-8, as Linux limits them."""

_NAME = r"(?!\.{1,2}(?:/|\Z))[^/\0\\]+"
_SOUND = re.compile(rf"{_NAME}(?:/{_NAME})*")


def is_sound(path: str) -> bool:
    """Tell whether a path may be in a manifest; ``find_fault`` says why not."""
    if len(path) <= LONGEST_NAME and path.isascii():
        return _SOUND.fullmatch(path) is not None
    return not find_fault(path)


def is_plain(name: str) -> bool:
    """Tell whether a name needs no closer look before it is appended to a sound path."""
    return name.isascii() and "\\" not in name and len(name) <= LONGEST_NAME


def find_fault(path: str) -> str:
    """Say what is wrong with a path, nothing when it may be in a manifest."""
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        return "its name is no valid UTF-8"
    if not path or "//" in path or path[0] == "/" or path[-1] == "/":
        return "it is no relative path"
    if {".", ".."}.intersection(path.split("/")):
        return "it holds '.' or '..'"
    if "\0" in path or "\\" in path:
        return "its name holds a NUL" if "\0" in path else "its name holds a backslash"
    if len(encoded) > LONGEST_PATH or any(len(name) > LONGEST_NAME for name in encoded.split(b"/")):
        return "its name is too long"
    return ""


def parent_of(path: str) -> str:
    """Give the directory that holds it, nothing for one at the top."""
    return path.rpartition("/")[0]


def join(directory: str, name: str) -> str:
    """Give the path of a name in a directory; an empty directory is the top."""
    return f"{directory}/{name}" if directory else name


def is_below(path: str, directory: str) -> bool:
    """Tell whether a path is a directory, or in it at any depth; everything is below the top."""
    return not directory or path == directory or path.startswith(directory + "/")


def find_case_clashes(paths: list[str]) -> list[tuple[str, ...]]:
    """Give the groups of paths that differ in nothing but case: one file on some systems."""
    groups: dict[str, list[str]] = {}
    for path in paths:
        groups.setdefault(path.casefold(), []).append(path)
    return [tuple(sorted(group)) for group in groups.values() if len(group) > 1]
