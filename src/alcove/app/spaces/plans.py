"""What a command is about to do, as values: to be shown, agreed to, and applied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from alcove.kube.client import Object
from alcove.kube.resources import Resource
from alcove.model import SpaceName


@dataclass(frozen=True, slots=True)
class Action:
    """One write."""

    verb: Literal["create", "patch", "delete"]
    resource: Resource
    name: str
    namespace: str = ""
    body: Object | None = None
    """The object to create, or the merge patch."""
    uid: str = ""
    """The object that was meant, when another of its name must not be deleted."""
    told: str = ""
    """What is said once it is done."""

    def __str__(self) -> str:
        where = f" in the namespace {self.namespace!r}" if self.namespace else ""
        return f"{self.verb} {self.resource} {self.name!r}{where}"


class Ending(NamedTuple):
    """A namespace that will be gone."""

    name: SpaceName
    uid: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The actions of one command, in order."""

    actions: tuple[Action, ...]
    summary: str
    """What is said at the end."""
    question: str = ""
    """What the user must agree to first; empty when there is nothing to ask."""
    warnings: tuple[str, ...] = ()
    unselects: SpaceName | None = None
    """The space that cannot stay selected."""
    ends: Ending | None = None
    """The namespace whose end is waited for."""
