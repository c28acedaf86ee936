"""A proxy as the protocol describes it, without I/O, and the network between it and the server's stream."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from alcove.xds.resources import CLUSTER, ENDPOINTS, LISTENER, ROUTES, Resource, Snapshot
from alcove.xds.stream import DeltaStream, Refusal, Request, Response

TYPES = (CLUSTER, ENDPOINTS, LISTENER, ROUTES)


def resource(type_url: str, name: str, version: str = "1") -> Resource:
    """Make a resource whose body tells its version."""
    return Resource(type_url, name, version, f"{name}@{version}".encode())


def snapshot(*entries: tuple[str, str, str]) -> Snapshot:
    """Make a snapshot of (type URL, name, version) entries."""
    return Snapshot(resource(*entry) for entry in entries)


@dataclass
class Proxy:
    """Applies what it is sent, refuses what is bad, and remembers it over reconnects."""

    bad: frozenset[tuple[str, str]] = frozenset()
    """(name, version) pairs it refuses."""
    wildcards: set[str] = field(default_factory=set)
    names: dict[str, set[str]] = field(default_factory=dict)
    holds: dict[str, dict[str, str]] = field(default_factory=dict)

    def connect(self) -> list[Request]:
        """Give the first request of each type it is interested in."""
        return [
            Request(
                url,
                subscribe=self._subscriptions(url),
                initial_versions=dict(self.holds.get(url, {})),
            )
            for url in TYPES
            if url in self.wildcards or self.names.get(url)
        ]

    def subscribe(self, url: str, name: str) -> Request:
        """Become interested."""
        if name == "*":
            self.wildcards.add(url)
        else:
            self.names.setdefault(url, set()).add(name)
        return Request(url, subscribe=(name,))

    def unsubscribe(self, url: str, name: str) -> Request:
        """Lose interest; what is no longer subscribed to in any way is forgotten."""
        if name == "*":
            self.wildcards.discard(url)
        else:
            self.names.get(url, set()).discard(name)
        self._forget(url)
        return Request(url, unsubscribe=(name,))

    def apply(self, response: Response) -> Request:
        """Apply a response as far as it is good; give the answer."""
        holds = self.holds.setdefault(response.type_url, {})
        errors = []
        for name in response.removed:
            holds.pop(name, None)
        for each in response.resources:
            if (each.name, each.version) in self.bad:
                errors.append(each.name)
            elif self._wants(response.type_url, each.name):
                holds[each.name] = each.version
        error = f"bad: {', '.join(errors)}" if errors else None
        return Request(response.type_url, nonce=response.nonce, error=error)

    def expects(self, url: str, truth: Snapshot) -> dict[str, str]:
        """Give what it should hold of one type."""
        return {n: r.version for n, r in truth.of_type(url).items() if self._wants(url, n)}

    def _wants(self, url: str, name: str) -> bool:
        return url in self.wildcards or name in self.names.get(url, ())

    def _subscriptions(self, url: str) -> tuple[str, ...]:
        names = sorted(self.names.get(url, ()))
        if url not in self.wildcards:
            return tuple(names)
        return ("*", *names) if names else ()

    def _forget(self, url: str) -> None:
        holds = self.holds.get(url, {})
        for name in [name for name in holds if not self._wants(url, name)]:
            del holds[name]


class Link:
    """One connection: requests and responses under way, in order, in both directions."""

    def __init__(self, proxy: Proxy) -> None:
        """Connect the proxy anew; the server remembers nothing of it."""
        self.proxy = proxy
        self.stream = DeltaStream()
        self.requests = deque(proxy.connect())
        self.responses: deque[Response] = deque()
        self.refusals: list[Refusal] = []
        self.sent: list[Response] = []

    def deliver_request(self) -> None:
        """Let the server take in the oldest request."""
        if self.requests:
            refusal = self.stream.receive(self.requests.popleft())
            if refusal:
                self.refusals.append(refusal)

    def speak(self) -> None:
        """Let the server send what it has to say."""
        responses = self.stream.respond()
        self.responses.extend(responses)
        self.sent.extend(responses)

    def deliver_response(self) -> None:
        """Let the proxy take in the oldest response."""
        if self.responses:
            self.requests.append(self.proxy.apply(self.responses.popleft()))

    def run(self) -> None:
        """Deliver everything until both sides are silent, which they must become."""
        for _ in range(1000):
            while self.requests:
                self.deliver_request()
            self.speak()
            if not self.responses:
                return
            self.deliver_response()
        raise AssertionError("the two never come to rest")
