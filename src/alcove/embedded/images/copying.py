"""COPY and ADD: a new layer with files of the build's directory or another image."""

from __future__ import annotations

import os
import posixpath
import re
import shutil
import stat
import tarfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from alcove.embedded.images import expansion, gathering, unpacking
from alcove.embedded.images.dockerfile import Instruction
from alcove.embedded.images.gathering import Ignored, Piece
from alcove.embedded.images.merged import MergedTree
from alcove.embedded.images.stacking import Stack
from alcove.embedded.images.threads import run_to_end
from alcove.errors import AlcoveError

_REMOTE = re.compile(r"(?:https?|ftp|git|ssh)://|git@")
_ROOT = (0, 0)


class CopyStep:
    """One COPY or ADD."""

    def __init__(self, instruction: Instruction, stack: Stack, escape: str) -> None:
        """Put variables into its words; ValueError when that cannot be done."""
        values = stack.settings.variables
        words = instruction.items if instruction.items is not None else tuple(instruction.text.split())
        if len(words) < 2:
            raise AlcoveError("it needs a source and a destination")
        *sources, target = (expansion.expand(word, values, escape) for word in words)
        self._sources, self._target = sources, target
        self._flags = {
            name: expansion.expand(instruction.flag(name), values, escape) for name in instruction.flags
        }
        self._texts = {
            heredoc.name: expansion.expand_text(heredoc.content, values, escape)
            if heredoc.expanded
            else heredoc.content
            for heredoc in instruction.heredocs
        }
        self._unpacks = instruction.keyword == "ADD"
        self._stack = stack

    async def perform(self, tree: MergedTree, ignored: Ignored | None) -> None:
        """Put the layer on the stack; ``ignored`` is None when ``tree`` is another image."""
        unpacked = ExitStack()
        try:
            pieces, content = await run_to_end(partial(self._gather, tree, ignored, unpacked))

            async def make(made: Path) -> None:
                await run_to_end(partial(self._write, made / "upper", pieces))

            await self._stack.add([self._target, self._flags, content], make)
        finally:
            await run_to_end(unpacked.close)

    def _gather(
        self, tree: MergedTree, ignored: Ignored | None, unpacked: ExitStack
    ) -> tuple[list[Piece], list[list[str]]]:
        pieces: list[Piece] = []
        for source in self._sources:
            name = source.lstrip("<-")
            if source.startswith("<<") and name in self._texts:
                pieces.append(Piece(name, None, self._texts[name].encode()))
            elif self._unpacks and _REMOTE.match(source):
                raise AlcoveError(f"{source} is remote, which ADD does not support here: fetch it in a RUN")
            else:
                pieces += gathering.gather(tree, source, ignored, keeps_owner=ignored is None)
        if self._unpacks:
            pieces = [part for piece in pieces for part in self._unpack(piece, unpacked)]
        return pieces, [[piece.name, piece.digest()] for piece in pieces]

    def _unpack(self, piece: Piece, unpacked: ExitStack) -> list[Piece]:
        """ADD of a tar file means what is in it."""
        path = piece.path
        if piece.inside or path is None or not path.is_file() or not tarfile.is_tarfile(path):
            return [piece]
        made = unpacked.enter_context(self._stack.index.new_layer())
        with path.open("rb") as stream:
            unpacking.unpack(stream, made, whiteouts=False)
        return gathering.gather(MergedTree((made,)), "/", None, keeps_owner=True)

    def _write(self, layer: Path, pieces: list[Piece]) -> None:
        stack, text = self._stack, self._target
        destination = posixpath.join(stack.settings.config.directory or "/", text)
        tree = MergedTree((*stack.layers, layer), stack.trees)
        existing = tree.locate(destination)[1]
        into = text.endswith(("/", "/.", "/..")) or text in (".", "..")
        into = into or (existing is not None and existing.is_dir())
        if not into and sum(not piece.inside for piece in pieces) > 1:
            raise AlcoveError(f"several files need a directory to go to, one that ends with /: {text}/")
        owner = resolve_owner(self._flags["chown"], stack.read)[:2] if self._flags.get("chown") else None
        writer = LayerWriter(layer, tree, owner=owner, mode=_mode(self._flags.get("chmod", "")))
        if into or not pieces or any(piece.inside for piece in pieces):
            writer.directory(destination)
        for piece in pieces:
            path = posixpath.join(destination, piece.name) if into or piece.inside else destination
            writer.write(posixpath.normpath(path), piece)


def _mode(text: str) -> int | None:
    if text and not re.fullmatch(r"[0-7]{3,4}", text):
        raise AlcoveError(f"--chmod needs an octal number such as 755, not {text!r}")
    return int(text, 8) if text else None


class LayerWriter:
    """Writes into a new layer as if it were the whole tree: what is below it, links included, counts."""

    def __init__(
        self,
        layer: Path,
        tree: MergedTree,
        *,
        owner: tuple[int, int] | None = None,
        mode: int | None = None,
    ) -> None:
        """See ``tree``, ``layer`` on top; new files get this owner (else root) and mode (or keep theirs)."""
        self._layer = layer
        self._tree = tree
        self._owner = owner
        self._mode = mode
        self._as_root = os.geteuid() == 0

    def directory(self, path: str, piece: Piece | None = None) -> str:
        """Have a directory at ``path``, parents included, and give its path with links followed.

        An existing one keeps its owner and mode; a new one gets those of ``piece``.
        """
        resolved, existing = self._tree.locate(path)
        place = self._layer / resolved.lstrip("/")
        if place.is_dir():
            return resolved
        self.directory(posixpath.dirname(resolved))
        if existing is not None and not existing.is_dir():
            raise AlcoveError(f"{path} is no directory")
        place.mkdir()
        like = existing or (piece.path if piece is not None else None)
        place.chmod(stat.S_IMODE(like.stat().st_mode) if like is not None else 0o755)
        self._own(place, piece, existing)
        return resolved

    def write(self, path: str, piece: Piece) -> None:
        """Copy a piece to ``path``, in place of any file that is there."""
        source = piece.path
        if source is not None and source.is_dir() and not source.is_symlink():
            self.directory(path, piece)
            return
        parent = self.directory(posixpath.dirname(path))
        place = self._layer / parent.lstrip("/") / posixpath.basename(path)
        existing = self._tree.locate(path, follow=False)[1]
        if existing is not None and existing.is_dir() and not existing.is_symlink():
            raise AlcoveError(f"{path} is a directory and would become a file")
        place.unlink(missing_ok=True)
        if source is not None and source.is_symlink():
            place.symlink_to(source.readlink())
        elif source is None or source.is_file():
            self._copy(source, place, piece)
        else:
            return  # pipes and sockets are no part of an image
        self._own(place, piece, None)
        if not place.is_symlink():
            place.chmod(self._mode if self._mode is not None else _mode_of(source))

    @staticmethod
    def _copy(source: Path | None, place: Path, piece: Piece) -> None:
        if source is None:
            place.write_bytes(piece.content)
        else:
            shutil.copyfile(source, place)
            status = source.stat()
            os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))

    def _own(self, place: Path, piece: Piece | None, existing: Path | None) -> None:
        if not self._as_root:
            return
        owner = self._owner or _ROOT
        kept = existing
        if piece is not None and piece.keeps_owner and self._owner is None:
            kept = existing or piece.path
        if kept is not None:
            status = kept.lstat()
            owner = status.st_uid, status.st_gid
        os.chown(place, *owner, follow_symlinks=False)


def _mode_of(source: Path | None) -> int:
    return stat.S_IMODE(source.stat().st_mode) if source is not None else 0o644


def resolve_owner(text: str, read: Callable[[str], str]) -> tuple[int, int, str]:
    """Give the user's and group's numbers and the home directory for ``user[:group]``.

    ``read`` gives the text of a file of the image, empty when it is not there. A user whom the image does not
    know (by number) is in group 0.

    Raises:
        AlcoveError: the image has no such name.
    """
    user, _, group = text.partition(":")
    row = _row(read("/etc/passwd"), user)
    if row is None and not user.isdecimal():
        raise AlcoveError(f"the image has no user {user!r}")
    uid = int(row[2]) if row else int(user)
    gid = int(row[3]) if row and row[3].isdecimal() else 0
    if group:
        other = _row(read("/etc/group"), group)
        if other is None and not group.isdecimal():
            raise AlcoveError(f"the image has no group {group!r}")
        gid = int(other[2]) if other else int(group)
    return uid, gid, row[5] if row and len(row) > 5 else "/"


def _row(text: str, name: str) -> list[str] | None:
    rows = [line.split(":") for line in text.splitlines()]
    rows = [row for row in rows if len(row) > 3 and row[2].isdecimal()]
    named = [row for row in rows if row[0] == name] or [row for row in rows if row[2] == name]
    return named[0] if named else None
