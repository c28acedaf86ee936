"""Where a request is sent, as actions of a matcher."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from alcove.model import RouteKey
from alcove.routing.choices import Outcome, Refusal, Target
from alcove.routing.envoy import waiting
from alcove.routing.envoy.names import (
    ONCE,
    ORIGINAL,
    OWN,
    REROUTED,
    ROUTE,
    TO,
    Body,
    ProxySettings,
    typed,
)
from alcove.spaces.headers import BAGGAGE, ROUTE_AS

_ANY: Body = {"prefix": "/"}
_OVERWRITE = "OVERWRITE_IF_EXISTS_OR_ADD"
_NO_LIMIT: Body = {"timeout": "0s"}
_LONGEST_TEXT = 900
"""Envoy allows 4096 bytes, of which a character may take four."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What is written into a request on its way."""

    own: bool = False
    """Whether the caller's space becomes the key, as its virtual host says with ``bring``."""
    once: bool = False
    """Whether nobody may reroute it again."""


NO_MARKS = Marks()


class PassOn(Protocol):
    """What sends to where a request was addressed."""

    def __call__(self, settings: ProxySettings, *, answering: str) -> Body:
        """Give the action; ``answering`` is told to the caller."""


def pass_on(settings: ProxySettings, marks: Marks = NO_MARKS, *, answering: str = "") -> Body:
    """Send to where it was addressed; ``answering`` is told to the caller when it is known."""
    return _action(
        typed(
            "Route",
            match=_ANY,
            route={"cluster": ORIGINAL, **_NO_LIMIT},
            **_request_headers(_marking(marks)),
            **_telling(settings, answering),
        )
    )


def pass_all(marks: Marks = NO_MARKS) -> Body:
    """Send to where it was addressed what has no entry, the CONNECT of those who dial a proxy included."""
    plain = {"route": {"cluster": ORIGINAL, **_NO_LIMIT}, **_request_headers(_marking(marks))}
    return _action(
        typed("RouteList", routes=[{"match": _ANY, **plain}, {"match": {"connect_matcher": {}}, **plain}])
    )


def wait_here(settings: ProxySettings, *, answering: str = "") -> Body:
    """Send to where it was addressed, the pod's own application, and wait for it; see *waiting*."""
    plain = {"match": _ANY, "route": {"cluster": ORIGINAL, **_NO_LIMIT}, **_telling(settings, answering)}
    return send_first(waiting.patiently(plain, settings))


def wait_all(settings: ProxySettings) -> Body:
    """Do the same for what has no entry; who dials a proxy by CONNECT does not wait."""
    plain = {"route": {"cluster": ORIGINAL, **_NO_LIMIT}}
    every = waiting.patiently({"match": _ANY, **plain}, settings)
    return send_first([*every, {"match": {"connect_matcher": {}}, **plain}])


def bring(key: RouteKey) -> Body:
    """Give the field of a virtual host that says which key its routes write; it must be evaluated first."""
    return {"request_headers_to_add": [_header(OWN, key, _OVERWRITE)]}


def send(settings: ProxySettings, outcome: Outcome, marks: Marks = NO_MARKS, match: Body = _ANY) -> Body:
    """Send to who answers, or refuse."""
    return _action(typed("Route", **plan_route(settings, outcome, marks, match)))


def send_first(routes: list[Body]) -> Body:
    """Take the first of several routes (without types) whose own match holds."""
    return _action(typed("RouteList", routes=routes))


def plan_route(
    settings: ProxySettings, outcome: Outcome, marks: Marks = NO_MARKS, match: Body = _ANY, *, via: str = ""
) -> Body:
    """Give the route of an outcome, without its type; ``via`` is a header that names the cluster."""
    telling = _telling(settings, f"{outcome.service}.{outcome.space}")
    if isinstance(outcome, Refusal):
        return {**tell(503, f"{outcome}", match), **telling}
    if len(outcome.sockets) == 1:
        headers = [_header(TO, outcome.sockets[0], _OVERWRITE), *_marking(marks)]
        action: Body = {**({"cluster_header": via} if via else {"cluster": REROUTED}), **_NO_LIMIT}
    else:
        headers = _marking(marks)
        action = {"weighted_clusters": {"clusters": _each(outcome, via)}, **_NO_LIMIT}
    return {"match": match, "route": action, **_request_headers(headers), **telling}


def tell(status: int, text: str, match: Body = _ANY) -> Body:
    """Give the route that answers by itself, without its type; a longer text is cut."""
    said = text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."
    return {"match": match, "direct_response": {"status": status, "body": {"inline_string": f"{said}\n"}}}


def tell_by_script(status: int, script: str) -> Body:
    """Give the route whose answer a script writes; without one it would be ``status`` alone."""
    per_route = typed("FilterConfig", config=typed("LuaPerRoute", name=script))
    return {
        "match": _ANY,
        "direct_response": {"status": status},
        "typed_per_filter_config": {"lua": per_route},
    }


def scan(script: str) -> Body:
    """Look for the key with a script, which then has the route looked up again."""
    per_route = typed("FilterConfig", config=typed("LuaPerRoute", name=script))
    plain = {"match": _ANY, "route": {"cluster": ORIGINAL, **_NO_LIMIT}}
    return _action(typed("Route", **plain, typed_per_filter_config={"lua": per_route}))


def _each(target: Target, via: str) -> list[Body]:
    named = {"cluster_header": via} if via else {"name": REROUTED}
    return [
        {**named, "weight": 1, "request_headers_to_add": [_header(TO, socket, _OVERWRITE)]}
        for socket in target.sockets
    ]


def _marking(marks: Marks) -> list[Body]:
    headers: list[Body] = []
    if marks.own:
        # Another line of baggage is another part of one list, so nothing that is there can be damaged.
        member = f"{ROUTE_AS}=%REQ({OWN})%"
        headers += [
            _header(ROUTE_AS, f"%REQ({OWN})%", _OVERWRITE),
            _header(BAGGAGE, member, "APPEND_IF_EXISTS_OR_ADD"),
        ]
    return [*headers, _header(ONCE, "1", _OVERWRITE)] if marks.once else headers


def _request_headers(headers: list[Body]) -> Body:
    return {"request_headers_to_add": headers} if headers else {}


def _telling(settings: ProxySettings, answering: str) -> Body:
    if not answering or not settings.tell_route:
        return {}
    return {"response_headers_to_add": [_header(ROUTE, answering, _OVERWRITE)]}


def _header(name: str, value: str, how: str) -> Body:
    return {"header": {"key": name, "value": value}, "append_action": how}


def _action(route: Body) -> Body:
    return {"action": {"name": "route", "typed_config": route}}
