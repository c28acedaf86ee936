"""Reads a folder: the names of its files, and the contents of those that decide something."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from alcove.errors import AlcoveError, UsageError
from alcove.prep.facts import Facts

_SKIPPED = frozenset(
    (
        *("node_modules", "bower_components", "vendor", "target", "bin", "obj", "dist", "out", "build"),
        *("venv", "env", "__pycache__", "site-packages", "coverage", "tmp", "log"),
    )
)
"""Directories in which tools leave what is not source; those with a dot before their name are skipped too."""
_KEPT = frozenset({".vscode"})
_TEXTS = re.compile(
    r"package\.json|.*\.(js|mjs|cjs|ts|mts|cts|py|go|rb|java|kt|cs|csproj|fsproj|vbproj|gradle|kts)"
    r"|pom\.xml|go\.mod|Gemfile|composer\.json|.*requirements.*\.txt|pyproject\.toml|Pipfile|runtime\.txt"
    r"|libs\.versions\.toml|\.(nvmrc|node-version|python-version|ruby-version)|Dockerfile(\.develop)?|azds\.yaml|values\.yaml"
    r"|application(-\w+)?\.(properties|ya?ml)|appsettings\.json|setup\.(py|cfg)",
    re.IGNORECASE,
)
_DEEPEST, _MOST_FILES, _MOST_TEXTS, _LARGEST = 8, 20_000, 400, 256 * 1024


def gather_facts(directory: Path) -> Facts:
    """Read a folder, that which is near its top first; very large ones are not read to the end.

    Raises:
        AlcoveError: it is no folder, or may not be read.
    """
    if not directory.is_dir():
        raise UsageError(f"there is no directory {directory}")
    files, texts = set[str](), dict[str, str]()
    for path, relative in _walk(directory):
        files.add(relative)
        if len(texts) < _MOST_TEXTS and _TEXTS.fullmatch(path.name):
            text = _read(path)
            if text is not None:
                texts[relative] = text
        if len(files) >= _MOST_FILES:
            break
    return Facts(directory.resolve().name, frozenset(files), texts)


def _walk(directory: Path) -> Iterator[tuple[Path, str]]:
    """Yield files and their paths from the folder; links to directories are not followed."""
    pending = deque([(directory, "")])
    while pending:
        place, prefix = pending.popleft()
        try:
            with os.scandir(place) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if place == directory:
                raise AlcoveError(f"cannot read {directory}", cause=error.strerror or "") from error
            continue
        for entry in found:
            relative = f"{prefix}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if _is_source(entry.name) and relative.count("/") < _DEEPEST:
                    pending.append((Path(entry.path), f"{relative}/"))
            else:
                yield Path(entry.path), relative


def _is_source(name: str) -> bool:
    return name in _KEPT or (name.lower() not in _SKIPPED and not name.startswith("."))


def _read(path: Path) -> str | None:
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return None
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return None
