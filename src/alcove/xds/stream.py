"""One delta ADS stream without I/O: requests and snapshots go in, responses come out.

Make before break. Types form stages: what traffic ends at (clusters, their endpoints, secrets), then
listeners, then routes. What is new or changed is sent stage by stage, each after all that was sent before it
is answered; only then what is gone is taken away, in reverse::

    make: clusters, endpoints ─► listeners ─► routes     break: routes ─► listeners ─► endpoints, clusters

Waiting for the answer to clusters means waiting until they are warm: Envoy holds that answer back until
their endpoints have come. Therefore the types of one stage never wait for each other. A stage waits on the
newest snapshot, so a proxy that is slower than its clusters change gets its routes late: whoever publishes
batches changes.

A changed cluster is warmed anew, and Envoy does not ask again for endpoints that it is subscribed to: they
are sent again with it.

What is said next is computed only when somebody is ready to send it (``respond``), so nothing queues up here
and a slow proxy costs one response per type at most.

A nonce follows from what a response says, so streams that are told the same share one sequence of bytes: to
copy it for each of thousands of streams would cost more than all of the above. It need only differ from the
nonce before it, since that one was answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from alcove.xds import resources, wire
from alcove.xds.resources import Resource, Snapshot
from alcove.xds.subscription import Kind, StreamError, Subscription

_STAGES: tuple[tuple[str, ...], ...] = (
    (resources.SECRET, resources.CLUSTER, resources.ENDPOINTS),
    (resources.EXTENSION, resources.LISTENER),
    (resources.SCOPED_ROUTES, resources.ROUTES, resources.VIRTUAL_HOST),
)
_RANK = {url: (stage, place) for stage, urls in enumerate(_STAGES) for place, url in enumerate(urls)}
_OTHER = (0, len(_STAGES[0]))
"""Types we know nothing of depend on nothing."""

_MAKE = frozenset({Kind.MAKE})
_BREAK = frozenset({Kind.BREAK})
_LAST = len(_STAGES) - 1
_PHASES = (
    *((stage, _MAKE) for stage in range(_LAST)),
    (_LAST, _MAKE | _BREAK),
    *((stage, _BREAK) for stage in reversed(range(_LAST))),
)
_MOST_TYPES = 32
_NONCE_BITS = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Request:
    """What a ``DeltaDiscoveryRequest`` says, the node apart; ``error`` is None unless it refuses."""

    type_url: str
    subscribe: tuple[str, ...] = ()
    unsubscribe: tuple[str, ...] = ()
    initial_versions: Mapping[str, str] = field(default_factory=dict)
    nonce: str = ""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """What a ``DeltaDiscoveryResponse`` says."""

    type_url: str
    nonce: str
    version: str
    """For people who look into Envoy: that of the resource, if it is a single one."""
    resources: tuple[Resource, ...] = ()
    removed: tuple[str, ...] = ()

    def encode(self) -> bytes:
        """Give the bytes that go over the wire."""
        return _encode(self)


@lru_cache(maxsize=256)
def _encode(response: Response) -> bytes:
    parts = (part for resource in response.resources for part in (resource.head, resource.body))
    return wire.response(
        response.type_url, response.nonce, response.version, parts=parts, removed=response.removed
    )


@dataclass(frozen=True, slots=True)
class Refusal:
    """A proxy refused a response: the names in it and what the proxy said about them."""

    type_url: str
    names: tuple[str, ...]
    error: str


class DeltaStream:
    """The state of one stream."""

    def __init__(self) -> None:
        """Begin without a snapshot: nothing is said before there is one."""
        self.snapshot: Snapshot | None = None
        self._subscriptions: dict[str, Subscription] = {}

    def offer(self, snapshot: Snapshot) -> None:
        """Replace the snapshot the proxy is to have."""
        self.snapshot = snapshot

    def receive(self, request: Request) -> Refusal | None:
        """Take in a request; give what it refuses, if it refuses the response that is outstanding.

        An answer to any other response is out of date and ignored; the subscriptions it changes are not.

        Raises:
            StreamError: the request breaks the protocol or its bounds; the stream is of no more use.
        """
        subscription = self._subscription(request.type_url)
        refusal = None
        # The answer first: the proxy gave it before it changed its mind about the names in this request.
        outstanding = subscription.outstanding
        if outstanding and request.nonce == outstanding.nonce:
            if request.error is None:
                subscription.acknowledge()
            else:
                refusal = Refusal(request.type_url, tuple(outstanding.versions), request.error)
                subscription.refuse()
        subscription.change(request.subscribe, request.unsubscribe, request.initial_versions)
        return refusal

    def respond(self) -> list[Response]:
        """Give the responses that may be sent now, in order; each counts as sent."""
        if self.snapshot is None:
            return []
        responses: list[Response] = []
        for stage, kinds in _PHASES:
            urls = self._of_stage(stage, reverse=kinds == _BREAK)
            for url in urls:
                responses += self._speak(url, kinds, self.snapshot)
            if any(self._subscriptions[url].outstanding for url in urls):
                break
        return responses

    @property
    def is_settled(self) -> bool:
        """Whether the proxy answered for all it asked for, as the snapshot has it; refusing is an answer."""
        return (
            self.snapshot is not None
            and bool(self._subscriptions)
            and all(s.is_quiet(self.snapshot.of_type(url)) for url, s in self._subscriptions.items())
        )

    @property
    def refused(self) -> dict[tuple[str, str], str | None]:
        """What the proxy refused and was not offered another version of: (type URL, name) -> version."""
        return {
            (url, name): version
            for url, subscription in self._subscriptions.items()
            for name, version in subscription.refused.items()
        }

    def _subscription(self, type_url: str) -> Subscription:
        if not type_url:
            raise StreamError("a request names no type_url")
        subscription = self._subscriptions.get(type_url)
        if subscription is None:
            if len(self._subscriptions) >= _MOST_TYPES:
                raise StreamError(f"more than {_MOST_TYPES} types are subscribed to")
            subscription = self._subscriptions[type_url] = Subscription()
        return subscription

    def _of_stage(self, stage: int, *, reverse: bool) -> list[str]:
        urls = [url for url in self._subscriptions if _RANK.get(url, _OTHER)[0] == stage]
        return sorted(urls, key=lambda url: (_RANK.get(url, _OTHER), url), reverse=reverse)

    def _speak(self, type_url: str, kinds: frozenset[Kind], snapshot: Snapshot) -> list[Response]:
        subscription, wanted = self._subscriptions[type_url], snapshot.of_type(type_url)
        names = subscription.next_names(wanted, kinds)
        if names is None:
            return []
        said = tuple(wanted[name] for name in names if name in wanted)
        removed = tuple(name for name in names if name not in wanted)
        nonce = subscription.distinct_nonce(f"{hash((type_url, said, removed)) & _NONCE_BITS:x}")
        response = Response(type_url, nonce, said[0].version if len(said) == 1 else "", said, removed)
        if type_url == resources.CLUSTER and resources.ENDPOINTS in self._subscriptions:
            warmed = [resource.name for resource in response.resources if subscription.has(resource.name)]
            self._subscriptions[resources.ENDPOINTS].resend(warmed)
        versions = {name: wanted[name].version if name in wanted else None for name in names}
        subscription.sent(response.nonce, versions)
        return [response]
