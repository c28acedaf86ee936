"""Where a service listens: what its sources say, else what is usual."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from alcove.prep.facts import Facts

USUAL = 8080
"""Where programs listen that nobody told otherwise; no right is needed for it."""
_PRIVILEGED = 1024


@dataclass(frozen=True, slots=True)
class Port:
    """A port, and where it comes from."""

    number: int
    because: str = ""
    """The file and line that name it; empty for the usual one."""

    @property
    def is_privileged(self) -> bool:
        """Tell whether only root may listen there on some systems."""
        return self.number < _PRIVILEGED


@dataclass(frozen=True, slots=True)
class Hint:
    """An expression whose group ``port`` is a port."""

    expression: str
    yielding: bool = False
    """The program listens elsewhere when the environment's PORT says so."""


def find_port(facts: Facts, hints: Iterable[Hint], paths: list[str]) -> Port:
    """Give the port that the sources name: the first hint that is found in any of the files.

    One that only root may use is passed over when the program would also listen elsewhere.
    """
    for hint in hints:
        for path, found in facts.search(hint.expression, paths):
            number = int(found["port"])
            if not 0 < number < 65536 or (hint.yielding and number < _PRIVILEGED):
                continue
            line = facts.text(path).count("\n", 0, found.start("port")) + 1
            return Port(number, f"{path}:{line}")
    return Port(USUAL)


_LOOPBACK = r"(?i:listen|server\(|\.run\(|serve)[^\n]{0,80}['\"](?:localhost|127\.0\.0\.1)[:'\"]"


def warn_of_loopback(facts: Facts, paths: list[str]) -> Iterator[str]:
    """Say where a program listens to its own container alone; nobody else would reach it."""
    for path, found in facts.search(_LOOPBACK, paths):
        line = facts.text(path).count("\n", 0, found.start()) + 1
        yield f"{path}:{line} listens to its own container only: let it listen on all addresses (0.0.0.0)"
        return
