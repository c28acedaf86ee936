"""Python files compiled beforehand: a container with a read-only root would compile them at each start."""

from __future__ import annotations

import importlib.util
import marshal
import multiprocessing
import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import CodeType

from alcove.images.trees import File, Node, Tree

_MAGIC = importlib.util.MAGIC_NUMBER
_FLAG_UNCHECKED = 1
_FORMAT = 2
"""Of ``marshal``: the newest in which the same code gives the same bytes, whatever else the process knows."""


def compiled(tree: Tree) -> dict[str, Node]:
    """Give the bytecode of all Python files of a tree, at the places where the interpreter looks for it.

    It holds for its source unchecked: both are in the same image. What is no valid Python has none.
    """
    sources = [
        (path, node.content) for path, node in tree.items() if path.endswith(".py") and isinstance(node, File)
    ]
    workers = len(os.sched_getaffinity(0))
    if len(sources) < 50 or workers < 2:
        return _named(zip([path for path, _ in sources], map(_compile, sources), strict=True))
    # Not "spawn": it would import the program's main module again, which is this command.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("fork")) as pool:
        contents = list(pool.map(_compile, sources, chunksize=50))
    return _named(zip([path for path, _ in sources], contents, strict=True))


def _named(contents: Iterable[tuple[str, bytes]]) -> dict[str, Node]:
    return {importlib.util.cache_from_source(path): File(content) for path, content in contents if content}


def _compile(source: tuple[str, bytes | Path]) -> bytes:
    place, content = source
    text = content if isinstance(content, bytes) else content.read_bytes()
    try:
        known = None if isinstance(content, bytes) else _compiled_here(content, text)
        code = known or compile(text, f"/{place}", "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError):
        return b""
    header = _MAGIC + _FLAG_UNCHECKED.to_bytes(4, "little") + importlib.util.source_hash(text)
    code = _moved(code, f"/{place}")
    try:
        return header + marshal.dumps(code, _FORMAT)
    except ValueError:  # constants that only newer formats have
        return header + marshal.dumps(code)


def _compiled_here(path: Path, text: bytes) -> CodeType | None:
    """Give what this machine compiled earlier, when Python would use that: it takes a quarter of the time."""
    try:
        content = Path(importlib.util.cache_from_source(str(path))).read_bytes()
    except OSError:
        return None
    status = path.stat()
    stamp = (int(status.st_mtime) & 0xFFFFFFFF).to_bytes(4, "little")
    timed = bytes(4) + stamp + (len(text) & 0xFFFFFFFF).to_bytes(4, "little")
    if content[:16] != _MAGIC + timed:
        return None
    try:
        code = marshal.loads(content[16:])  # noqa: S302 - the interpreter trusts it as much
    except (ValueError, EOFError, TypeError):
        return None
    return code if isinstance(code, CodeType) else None


def _moved(code: CodeType, place: str) -> CodeType:
    """Say of code, and of all code in it, that it is from this file."""
    constants = tuple(_moved(one, place) if isinstance(one, CodeType) else one for one in code.co_consts)
    return code.replace(co_filename=place, co_consts=constants)
