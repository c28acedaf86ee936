"""Which shared libraries programs load: followed by their headers, as the loader would on any processor.

Not asked of the loader itself: it would choose variants for this machine's processor, which others may lack.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from alcove.errors import AlcoveError
from alcove.images import elf
from alcove.images.trees import File, Node, of_machine

_TRIPLETS = {62: "x86_64-linux-gnu", 183: "aarch64-linux-gnu"}
"""By the number of the processor's kind in ELF headers."""
_C_LIBRARIES = ("libc.so.6",)


@dataclass(frozen=True, slots=True)
class Closure:
    """What programs need to run."""

    interpreters: frozenset[str]
    """Paths of loaders, as the programs name them."""
    libraries: dict[str, Path]
    """By the names under which they are asked for."""


def search_directories(machine: Path = Path("/")) -> tuple[Path, ...]:
    """Give the directories that the loader searches without being told: configured ones first."""
    configured = [machine / line.lstrip("/") for line in _configured(machine / "etc/ld.so.conf", machine, 0)]
    default = ["lib64", "usr/lib64", "lib", "usr/lib", "usr/local/lib"]
    multiarch = [f"{place}/{triplet}" for triplet in _TRIPLETS.values() for place in ("lib", "usr/lib")]
    return tuple(dict.fromkeys([*configured, *(machine / name for name in (*multiarch, *default))]))


def _configured(file: Path, machine: Path, depth: int) -> Iterator[str]:
    """Yield the directories that a configuration of the loader names."""
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError:
        return
    for line in (raw.partition("#")[0].strip() for raw in lines):
        if line.startswith("include") and depth < 4:
            pattern = line.removeprefix("include").strip()
            base = machine if pattern.startswith("/") else file.parent
            for included in sorted(base.glob(pattern.lstrip("/"))):
                yield from _configured(included, machine, depth + 1)
        elif line.startswith("/"):
            yield line


def find_closure(
    programs: Iterable[Path], directories: Sequence[Path], *, optional: Sequence[str] = ()
) -> Closure:
    """Follow programs and libraries to everything they need.

    ``optional`` are libraries that are opened by name at run time: taken where they are to be had.

    Raises:
        AlcoveError: a library is missing, two differ under one name, or a file is damaged.
    """
    search = _Search(tuple(directories))
    for program in programs:
        search.follow(program, ())
    for name in optional:
        search.try_add(name)
    loaders = {Path(path).name for path in search.interpreters}
    libraries = {name: path for name, path in sorted(search.libraries.items()) if name not in loaders}
    return Closure(frozenset(search.interpreters), libraries)


class _Search:
    def __init__(self, directories: tuple[Path, ...]) -> None:
        self._directories = directories
        self._machine = 0
        self._seen: set[Path] = set()
        self.interpreters: set[str] = set()
        self.libraries: dict[str, Path] = {}

    def follow(self, path: Path, inherited: tuple[str, ...]) -> None:
        if path in self._seen:
            return
        self._seen.add(path)
        linkage = _linkage(path)
        if linkage is None:
            return
        self._machine = self._machine or linkage.machine
        if linkage.interpreter:
            self.interpreters.add(linkage.interpreter)
        origin = str(path.resolve().parent)
        rpath = tuple(_expanded(place, origin) for place in linkage.rpath) + inherited
        first = tuple(_expanded(place, origin) for place in linkage.runpath) or rpath
        for name in linkage.needed:
            found = self._find(name, (*(Path(place) for place in first), *self._directories))
            if found is None:
                raise AlcoveError(
                    f"{path} needs the library {name}, which is not on this machine",
                    hint="install the package that has it",
                )
            self._add(name, found)
            self.follow(found, rpath)

    def try_add(self, name: str) -> None:
        found = self._find(name, self._directories)
        if found is not None:
            self._add(name, found)
            self.follow(found, ())

    def _find(self, name: str, directories: Iterable[Path]) -> Path | None:
        for path in (directory / name for directory in directories):
            if path.is_file():
                linkage = _linkage(path)
                if linkage is not None and linkage.machine == self._machine:
                    return path
        return None

    def _add(self, name: str, path: Path) -> None:
        known = self.libraries.setdefault(name, path)
        if known.resolve() != path.resolve() and known.read_bytes() != path.read_bytes():
            raise AlcoveError(f"two libraries are called {name}", cause=f"{known} and {path} differ")


def _linkage(path: Path) -> elf.Linkage | None:
    try:
        return elf.read_linkage(path)
    except ValueError as error:
        raise AlcoveError(f"{path} is damaged", cause=str(error)) from error


def _expanded(place: str, origin: str) -> str:
    return place.replace("${ORIGIN}", origin).replace("$ORIGIN", origin)


def library_tree(closure: Closure, inside: Iterable[Path] = ()) -> dict[str, Node]:
    """Give the loaders at their places, and the libraries in one directory that the loader always searches.

    ``inside`` are directories that are in the image anyway: their libraries stay where they are.
    """
    tree: dict[str, Node] = {}
    for loader in sorted(closure.interpreters):
        place = Path(os.path.realpath(Path(loader).parent)) / Path(loader).name
        tree[str(place).lstrip("/")] = File(Path(loader), 0o755)
    if not closure.interpreters:
        return tree
    main = next((closure.libraries[name] for name in _C_LIBRARIES if name in closure.libraries), None)
    directory = os.path.realpath((main or Path(sorted(closure.interpreters)[0])).parent).lstrip("/")
    roots = [Path(os.path.realpath(root)) for root in inside]
    for name, path in closure.libraries.items():
        if not any(Path(os.path.realpath(path)).is_relative_to(root) for root in roots):
            tree[f"{directory}/{name}"] = of_machine(path)
    return tree
