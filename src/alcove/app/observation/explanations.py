"""A question about one request, and the answer as people and programs read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from alcove.app.observation.addressing import Addressed
from alcove.model import Port, Protocol, RouteKey, ServiceName, SpaceName
from alcove.routing.choices import Outcome
from alcove.spaces.resolve import Decision

CALLERS_SPACE = "caller's space"
ENTRY_HOST = "entry host"
_MOST_SOCKETS = 4


@dataclass(frozen=True, slots=True)
class Caller:
    """The pod that asks."""

    space: SpaceName
    pod: str
    proxied: bool = True
    """Whether it has our proxy, without which its space is nobody's key."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request that somebody might make."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    caller: Caller | None = None
    """None: someone outside, or of whom nothing is known."""


class Keyed(NamedTuple):
    """The key of a request, and what carries it: a header, ``CALLERS_SPACE`` or ``ENTRY_HOST``."""

    key: RouteKey | None
    carrier: str


NO_KEY = Keyed(None, "")


@dataclass(frozen=True, slots=True)
class Decided:
    """What the rules make of a request."""

    addressed: Addressed
    keyed: Keyed
    decision: Decision
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Who answers a request, and why."""

    service: ServiceName
    addressed: SpaceName
    """The space that the host or address names."""
    key: RouteKey | None = None
    carrier: str = ""
    """Where the key is from; empty without one."""
    chain: tuple[SpaceName, ...] = ()
    """The spaces that are asked for a version, in order: the key's, else the addressed one's."""
    answer: SpaceName | None
    """The space that answers; None: nobody does, and the caller gets a 503 (or no connection)."""
    port: Port | None
    """The port of the version that answers."""
    sockets: tuple[str, ...] = ()
    """Where it is reached, each as good as the other."""
    protocol: Protocol
    """What the addressed port is declared to speak."""
    reason: str
    """One word, for programs: a name of ``spaces.resolve.Reason``, ``NOT_HTTP`` or ``EXTERNAL_NAME``."""
    why: str
    """The reason as a sentence."""
    notes: tuple[str, ...] = ()
    """What else the caller should know."""

    def document(self) -> dict[str, Any]:
        """Give it in the form that ``-o json`` prints."""
        return {
            "service": self.service,
            "addressed": self.addressed,
            "key": self.key,
            "carrier": self.carrier or None,
            "chain": list(self.chain),
            "answer": self.answer,
            "port": self.port.number if self.port else None,
            "target": self.port.target if self.port else None,
            "sockets": list(self.sockets),
            "protocol": self.protocol.value,
            "reason": self.reason,
            "why": self.why,
            "notes": list(self.notes),
        }

    def lines(self) -> dict[str, str]:
        """Give it as titles and texts for people; what is empty is ``-``."""
        record = {
            "addressed": f"{self.service} of {self.addressed}",
            "key": f"{self.key} ({self.carrier})" if self.key else "-",
            "chain": " -> ".join(self.chain) or "-",
            "answers": f"{self.service} of {self.answer}" if self.answer else "nobody",
            "port": f"{self.port.number} ({self.protocol.value})" if self.port else "-",
            "reached at": _list_sockets(self.sockets) or "-",
            "because": self.why,
        }
        return record | ({"note": "; ".join(self.notes)} if self.notes else {})


def _list_sockets(sockets: tuple[str, ...]) -> str:
    """Give the first of them: of a version with many instances they say little."""
    more = len(sockets) - _MOST_SOCKETS
    return ", ".join(sockets[:_MOST_SOCKETS]) + (f" and {more} more" if more > 0 else "")
