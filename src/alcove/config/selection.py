"""Which space is selected, remembered per cluster.

One JSON file, ``{"clusters": {IDENTITY: {"space": NAME, "server": URL}}}``. A cluster is known by what it is,
not by what a kubeconfig calls it: contexts are renamed, and a cluster that was made anew at the same address
has other spaces. ``server`` is there for people who read the file.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from alcove import errors
from alcove.model import SpaceName

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

FILE_NAME = "selection.json"

Document = Mapping[str, Any]


def parse_selections(text: str) -> Document:
    """Read the file's text.

    Raises:
        ValueError: it is not JSON, or not of this shape.
    """
    try:
        document = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(document, dict):
        raise ValueError("it is not an object")  # noqa: TRY004  # one error for all damage
    clusters = document.get("clusters", {})
    if not isinstance(clusters, dict) or not all(isinstance(one, dict) for one in clusters.values()):
        raise ValueError("'clusters' is not an object of objects")
    if not all(isinstance(one.get("space", ""), str) for one in clusters.values()):
        raise ValueError("a 'space' is not a text")
    return document


def selected_space(document: Document, cluster: str) -> SpaceName | None:
    """Give the space that is selected on a cluster."""
    name = document.get("clusters", {}).get(cluster, {}).get("space")
    return SpaceName(name) if name else None


def with_selection(document: Document, cluster: str, space: SpaceName | None, *, server: str) -> Document:
    """Give the document with another selection, None for none; whatever else it holds stays."""
    clusters = document.get("clusters", {})
    entry = {key: value for key, value in clusters.get(cluster, {}).items() if key != "space"}
    entry |= {"space": space, "server": server} if space else {}
    kept = {key: value for key, value in clusters.items() if key != cluster}
    return {**document, "clusters": kept | ({cluster: entry} if space or set(entry) - {"server"} else {})}


class SelectionStore:
    """The file, with mode 0600."""

    def __init__(self, directory: Path) -> None:
        """Keep it in ``directory``, which is made at the first write."""
        self.path = directory / FILE_NAME

    def read(self, cluster: str) -> SpaceName | None:
        """Give the space that is selected on a cluster.

        Raises:
            AlcoveError: the file is damaged or cannot be read.
        """
        return selected_space(self._load(), cluster)

    def write(self, cluster: str, space: SpaceName | None, *, server: str) -> None:
        """Remember a selection, None for none; other commands may do the same at the same time.

        Raises:
            AlcoveError: the file is damaged, or cannot be written.
        """
        with self._locked():
            before = self._load()
            after = with_selection(before, cluster, space, server=server)
            if after != before:
                self._replace(json.dumps(after, indent=2) + "\n")

    def _load(self) -> Document:
        try:
            return parse_selections(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise errors.AlcoveError(
                f"cannot read {self.path}",
                cause=str(error),
                hint="mend the file, or remove it: it only remembers which space is selected",
            ) from error

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the directory's lock, which leaves no file behind and ends with the process."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.path.parent, os.O_RDONLY)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            _lock(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _replace(self, text: str) -> None:
        target = self.path.resolve()  # the file may be a link into somebody's collection of settings
        draft = ""
        try:
            descriptor, draft = tempfile.mkstemp(prefix=f".{FILE_NAME}-", dir=target.parent)
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            Path(draft).replace(target)
        except OSError as error:
            if draft:
                Path(draft).unlink(missing_ok=True)
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> errors.AlcoveError:
        return errors.AlcoveError(
            f"cannot write {self.path}",
            cause=error.strerror or str(error),
            hint="set XDG_CONFIG_HOME to a directory that you may write to",
        )


def _lock(descriptor: int) -> None:
    """Wait for the only lock on a file; it goes when the file is closed."""
    if sys.platform == "win32":
        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
