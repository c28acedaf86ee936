"""Ingresses of foreign classes, and our copies of them: where they lead in a space's view."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from alcove.admission.markers import Object, annotations_of, mapping, sequence
from alcove.app.gateway.bodies import SPACE_ANNOTATION, is_copy
from alcove.app.gateway.links import Link
from alcove.app.gateway.reaching import observe_entrance
from alcove.app.observation.entries import CLASSES, find_class
from alcove.app.observation.reports import text
from alcove.kube.client import object_key
from alcove.model import RouteKey, ServiceName, SpaceName
from alcove.routing.world import World
from alcove.spaces.hosts import is_host
from alcove.spaces.resolve import decide


def find_foreign(world: World, ingresses: Iterable[object], space: SpaceName) -> Iterator[Link]:
    """Yield where a space's own Ingresses lead, and the copies that were made for it."""
    for item in ingresses:
        if not isinstance(item, dict) or find_class(item) in CLASSES:
            continue
        home = SpaceName(object_key(item)[0])
        if is_copy(item):
            if annotations_of(item).get(SPACE_ANNOTATION) == space and home in world.tree.chain(space):
                yield from _links(world, item, home, RouteKey(space))
        elif home == space:
            yield from _links(world, item, home, None)


def _links(world: World, item: Object, home: SpaceName, key: RouteKey | None) -> Iterator[Link]:
    entrance, spec = observe_entrance(item), mapping(item, "spec")
    for rule in sequence(spec, "rules"):
        # Without a host, all that comes to the controller's address is meant.
        host = text(rule.get("host")).lower() or (*entrance.addresses, "")[0]
        if not host or (rule.get("host") and not is_host(host)):
            continue
        for path in sequence(mapping(rule, "http"), "paths"):
            service = ServiceName(text(mapping(path, "backend", "service").get("name")))
            found = decide(world.tree, world.services, service=service, space=home, key=key)
            if found.space is not None:
                scheme = "https" if _has_tls(item, host) else "http"
                yield Link(scheme, host, text(path.get("path")) or "/", found.space, service, entrance)


def _has_tls(item: Object, host: str) -> bool:
    blocks = sequence(mapping(item, "spec"), "tls")
    return any(host in (block.get("hosts") or [host]) for block in blocks)
