"""One type on one stream: what the proxy asked for, what it has, and what must be said next.

For each name of interest the proxy *wants* what the snapshot says (a version, or that there is none) and
*has* what it last acknowledged. Something is said about a name when the two differ, with three exceptions:

* A name just subscribed to is *due*: it is answered even if the proxy seems to have it, because it may have
  forgotten it. Only the versions a reconnecting proxy presents in its first request count as had.
* A name whose version was *refused* stays quiet until the snapshot wants another version of it.
* A refused response of several resources does not tell which one was bad: they become *suspects* and are
  offered again once, one at a time. So one bad resource cannot hold the others back, the report of the last
  refusal names it, and the number of responses is bounded by the number of resources.

At most one response is outstanding; what changes meanwhile is seen when its answer has come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from alcove.xds.resources import Resource

WILDCARD = "*"
_MOST_NAMES = 100_000
"""Names one proxy may subscribe to; beyond any sensible use, below what would hurt the server."""


class StreamError(Exception):
    """The proxy breaks the protocol or its bounds: the stream has to end with this reason."""


class Kind(Enum):
    """Whether saying something makes things reachable or takes them away."""

    MAKE = "make"
    BREAK = "break"


@dataclass(frozen=True, slots=True)
class Outstanding:
    """A response that was not answered yet: name -> version, None for a removal."""

    nonce: str
    versions: Mapping[str, str | None]


class Subscription:
    """The state of one type on one stream."""

    def __init__(self) -> None:
        """Begin as before the first request: interested in nothing."""
        self.outstanding: Outstanding | None = None
        self.refused: dict[str, str | None] = {}
        """Name -> the version the proxy refused; None when it refused the removal."""
        self._last_nonce = ""
        self._started = False
        self._wildcard = False
        self._names: set[str] = set()
        self._has: dict[str, str | None] = {}
        self._due: set[str] = set()
        self._suspects: set[str] = set()
        self._owes_answer = False
        self._quiet_with: Mapping[str, Resource] | None = None

    # -- what the proxy says ------------------------------------------------------------------------

    def change(
        self, subscribe: Iterable[str], unsubscribe: Iterable[str], presented: Mapping[str, str]
    ) -> None:
        """Change what is of interest; ``presented`` (what the proxy has) counts in the first request only.

        Raises:
            StreamError: the proxy subscribes to too many names.
        """
        subscribe, unsubscribe = tuple(subscribe), tuple(unsubscribe)
        first, self._started = not self._started, True
        if first and not subscribe and not unsubscribe:
            subscribe = (WILDCARD,)  # the older way to say so, of proxies that never name anything
        if subscribe or unsubscribe:
            self._quiet_with = None
        for name in unsubscribe:
            self._unsubscribe(name)
        for name in subscribe:
            self._subscribe(name)
        if first:
            self._has = {name: version for name, version in presented.items() if self._cares(name)}
            self._due -= self._has.keys()
            # A proxy that presents something is not waiting for a first answer.
            self._owes_answer = self._wildcard and not self._has
        if len(self._names) > _MOST_NAMES:
            raise StreamError(f"more than {_MOST_NAMES} names of one type are subscribed to")

    def acknowledge(self) -> None:
        """Take the outstanding response as applied."""
        for name, version in self._answered().items():
            self.refused.pop(name, None)
            self._suspects.discard(name)
            if version is not None or name in self._names:
                self._has[name] = version
            else:
                self._has.pop(name, None)

    def refuse(self) -> None:
        """Take the outstanding response as refused, in whole or in part."""
        answered = self._answered()
        if len(answered) > 1:
            self._suspects.update(answered)
        else:
            self.refused.update(answered)
            self._suspects.difference_update(answered)

    def resend(self, names: Iterable[str]) -> None:
        """Say again what the proxy explicitly subscribed to, though it did not ask."""
        again = self._names.intersection(names)
        if again:
            self._due |= again
            self._quiet_with = None

    # -- what is said to it -------------------------------------------------------------------------

    def has(self, name: str) -> bool:
        """Tell whether the proxy acknowledged some version of it."""
        return self._has.get(name) is not None

    def is_quiet(self, resources: Mapping[str, Resource]) -> bool:
        """Tell whether the proxy has, or refused, all that it wants, and answered for it."""
        if self.outstanding or self._owes_answer:
            return False
        if self._quiet_with is not resources:
            if any(self._kind(name, resources) for name in self._interest(resources)):
                return False
            self._quiet_with = resources
        return True

    def next_names(self, resources: Mapping[str, Resource], kinds: frozenset[Kind]) -> list[str] | None:
        """Give the names to speak about now; None when there is nothing to say, [] when an answer is owed."""
        if self.outstanding or self.is_quiet(resources):
            return None
        names = [name for name in self._interest(resources) if self._kind(name, resources) in kinds]
        plain = sorted(name for name in names if name not in self._suspects)
        if plain or not names:
            return plain if plain or (self._owes_answer and Kind.MAKE in kinds) else None
        return [min(names)]

    def distinct_nonce(self, nonce: str) -> str:
        """Give the nonce, made different from the one before it if need be."""
        return nonce if nonce != self._last_nonce else f"{nonce}'"

    def sent(self, nonce: str, versions: Mapping[str, str | None]) -> None:
        """Remember a response until it is answered."""
        self.outstanding, self._last_nonce = Outstanding(nonce, versions), nonce
        self._due.difference_update(versions)
        self._owes_answer = False

    # -----------------------------------------------------------------------------------------------

    def _answered(self) -> dict[str, str | None]:
        """End the outstanding response; give what of it is still of interest."""
        assert self.outstanding is not None  # noqa: S101  # the stream compared the nonce
        versions, self.outstanding = self.outstanding.versions, None
        self._quiet_with = None
        return {name: version for name, version in versions.items() if self._cares(name)}

    def _subscribe(self, name: str) -> None:
        if name == WILDCARD:
            self._due |= self._has.keys()
            self._wildcard = self._owes_answer = True
        else:
            self._names.add(name)
            self._due.add(name)

    def _unsubscribe(self, name: str) -> None:
        if name == WILDCARD:
            self._wildcard = self._owes_answer = False
            for known in (self._has, self.refused):
                for other in known.keys() - self._names:
                    del known[other]
            self._due &= self._names
            self._suspects &= self._names
        elif name in self._names:
            self._names.discard(name)
            if self._wildcard:  # the proxy cannot know whether it still gets it: it has to be told
                self._due.add(name)
            else:
                self._forget(name)

    def _forget(self, name: str) -> None:
        self._has.pop(name, None)
        self.refused.pop(name, None)
        self._due.discard(name)
        self._suspects.discard(name)

    def _cares(self, name: str) -> bool:
        return self._wildcard or name in self._names

    def _interest(self, resources: Mapping[str, Resource]) -> set[str]:
        interest = self._names | self._has.keys() | self.refused.keys() | self._due | self._suspects
        return interest | resources.keys() if self._wildcard else interest

    def _kind(self, name: str, resources: Mapping[str, Resource]) -> Kind | None:
        """Decide whether something must be said about a name, and what saying it does."""
        resource = resources.get(name)
        wanted = resource.version if resource else None
        if not self._must_say(name, wanted):
            return None
        may_have = self._has.get(name) is not None or name in self.refused or name in self._suspects
        return Kind.BREAK if wanted is None and may_have else Kind.MAKE

    def _must_say(self, name: str, wanted: str | None) -> bool:
        if name in self._due or name in self._suspects:
            return True
        if name in self.refused:
            return self.refused[name] != wanted
        if name in self._has:
            return self._has[name] != wanted
        return wanted is not None or name in self._names
