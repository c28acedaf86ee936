"""What was left out of a cluster state, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

from alcove.admission.markers import Object, mapping
from alcove.spaces.hosts import is_label

Complain = Callable[[str], None]
"""Says what is wrong with the object that is being read."""

_HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True, order=True)
class Report:
    """One piece of an object that does not count."""

    kind: str
    namespace: str
    """Empty for objects that are in none."""
    name: str
    """Empty when it concerns all objects of the kind."""
    why: str

    def __str__(self) -> str:
        """Say it in one line."""
        place = f" {self.namespace}/{self.name}" if self.namespace else f" {self.name}" if self.name else ""
        return f"{self.kind}{place}: {self.why}"


class Reporter:
    """Collects reports, each once."""

    def __init__(self) -> None:
        """Begin with none."""
        self._found: set[Report] = set()

    @property
    def reports(self) -> tuple[Report, ...]:
        """What was found, in order."""
        return tuple(sorted(self._found))

    def about(self, kind: str, item: object) -> Complain:
        """Give the way to complain about one object."""
        meta = mapping(item, "metadata") if isinstance(item, dict) else {}
        namespace, name = text(meta.get("namespace")), text(meta.get("name"))
        return lambda why: self._found.add(Report(kind, namespace, name, why))


def text(value: object) -> str:
    """Give a text, an empty one for anything else."""
    return value if isinstance(value, str) else ""


def read_list(item: Object, name: str, complain: Complain) -> list[object]:
    """Give a list, an empty one where there is none; something else is complained of."""
    found = item.get(name)
    if found is not None and not isinstance(found, list):
        complain(f"{name} is no list")
    return found if isinstance(found, list) else []


def read_objects(item: Object, name: str, complain: Complain) -> list[Object]:
    """Give the objects of a list; anything else in it is complained of."""
    found = read_list(item, name, complain)
    for one in found:
        if not isinstance(one, dict):
            complain(f"{name} holds what is no object")
    return [one for one in found if isinstance(one, dict)]


def read_label(value: object, what: str, complain: Complain) -> str:
    """Give a name as namespaces and Services have it; empty, and complained of, when it is none."""
    if is_label(text(value)):
        return text(value)
    complain(f"{what} is no valid name")
    return ""


def read_port(value: object, what: str, complain: Complain) -> int | None:
    """Give the number of a port."""
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _HIGHEST_PORT:
        return value
    complain(f"{what} is no port number")
    return None


def read_address(value: object, what: str, complain: Complain) -> str:
    """Give an IP address in its canonical spelling; an address with a zone is of no use to others."""
    try:
        if "%" not in text(value):
            return str(ip_address(text(value)))
    except ValueError:
        pass
    complain(f"{what} holds what is no IP address")
    return ""
