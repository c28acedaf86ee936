"""Python files compiled beforehand: a container with a read-only root would compile them at each start."""

from __future__ import annotations

import importlib.util
import marshal
import multiprocessing
import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from alcove.images.trees import File, Node, Tree

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
        code = compile(text, f"/{place}", "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError):
        return b""
    header = (
        importlib.util.MAGIC_NUMBER + _FLAG_UNCHECKED.to_bytes(4, "little") + importlib.util.source_hash(text)
    )
    try:
        return header + marshal.dumps(code, _FORMAT)
    except ValueError:  # constants that only newer formats have
        return header + marshal.dumps(code)
