"""A project as large ones are: most files small, a few large, most of them text, and no two alike."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PAGE = "static/page.html"
"""The file that is saved."""
PROGRAM = "server.py"
_PER_DIRECTORY = 20
_MEDIAN, _SPREAD, _LARGEST = 3000, 1.4, 2 << 20
_KINDS = (("py", 12), ("js", 4), ("json", 2), ("png", 2))
"""Ends of names, and how many of a directory's files have them; the last one's bytes are random."""


@dataclass(frozen=True)
class Tree:
    """A generated project."""

    directory: Path
    files: int
    size: int


def make_tree(directory: Path, *, files: int, size: int) -> Tree:
    """Add ``files`` files of about ``size`` bytes altogether to a directory; always the same ones."""
    chance = random.Random(4)
    words = [f"{chance.randrange(1 << 40):x}"[: chance.randrange(2, 10)] for _ in range(5000)]
    text = " ".join(chance.choices(words, k=700_000)).encode()
    sizes = [min(int(chance.lognormvariate(0, _SPREAD) * _MEDIAN), _LARGEST) for _ in range(files)]
    scale = size / sum(sizes)
    written = 0
    for place, wanted in zip(_places(directory, files), sizes, strict=True):
        length = int(wanted * scale)
        if place.suffix == ".png":
            content = chance.randbytes(length)
        else:
            start = chance.randrange(len(text) // 2)
            content = f"# {place.relative_to(directory)}\n".encode() + text[start : start + length]
        place.write_bytes(content)
        written += len(content)
    return Tree(directory, files, written)


def make_project(directory: Path) -> None:
    """Make a folder with the program and the page; what else there is comes later."""
    (directory / "static").mkdir(parents=True)
    shutil.copyfile(Path(__file__).with_name("service.py"), directory / PROGRAM)
    write_page(directory, 0)


def write_page(directory: Path, number: int) -> None:
    """Save the page as an editor that writes in place does."""
    (directory / PAGE).write_bytes(f"{number} <p>{'lorem ipsum ' * 300}</p>\n".encode())


def write_program(directory: Path, version: str) -> None:
    """Save the program with another version."""
    text = Path(__file__).with_name("service.py").read_text()
    (directory / PROGRAM).write_text(text.replace('VERSION = "v0"', f'VERSION = "{version}"', 1))


def _places(directory: Path, files: int) -> Iterator[Path]:
    names = [kind for kind, count in _KINDS for _ in range(count)]
    for number in range(files):
        group, at = divmod(number, _PER_DIRECTORY)
        parent = directory / "src" / f"part{group // 50}" / f"module{group % 50}"
        if not at:
            parent.mkdir(parents=True, exist_ok=True)
        yield parent / f"file{at}.{names[at % len(names)]}"
