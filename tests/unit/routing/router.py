"""A small router that follows compiled resources, written from Envoy's documentation, not from our code.

It knows matchers, route lists and header operations, and what early header mutation and the scripts leave
behind: keys are read here by ``spaces.headers`` and ``spaces.hosts``, so whoever compares learns whether the
tables that were compiled decide as the rules do.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from alcove.routing.envoy.names import LISTENER_TYPE, ROUTES_TYPE
from alcove.routing.snapshot import Snapshot
from alcove.spaces.headers import parse_route_key
from alcove.spaces.hosts import parse_host

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """What a proxy sees of a request."""

    address: str
    port: int
    host: str = "x"
    headers: Mapping[str, str] = field(default_factory=dict)
    path: str = "/"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where it goes."""

    sockets: tuple[str, ...] = ()
    """Empty: where it was addressed, unless it is refused."""
    refused: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    """What the route writes into the request."""
    told: str = ""
    """The response header."""


def route_out(snapshot: Snapshot, request: Request) -> Verdict:
    """Follow a request that leaves the snapshot's pod."""
    at = (
        f"[{request.address}]:{request.port}"
        if ":" in request.address
        else f"{request.address}:{request.port}"
    )
    seen = _seen(request, at)
    seen.pop("x-alcove-once", None)
    return _follow(_routes(snapshot, "outbound")["virtual_hosts"][0], seen)


def route_in(snapshot: Snapshot, request: Request) -> Verdict:
    """Follow a request that reaches the snapshot's pod."""
    seen = _seen(request, str(request.port))
    if seen["x-alcove-key"] == "." and (key := parse_host(request.host).key):
        seen["x-alcove-key"] = f".{key}"
    return _follow(_routes(snapshot, "inbound")["virtual_hosts"][0], seen)


def route_entry(snapshot: Snapshot, request: Request) -> Verdict | None:
    """Follow a request that reaches the gateway; None when no host has that name."""
    seen = _seen(request, "")
    name = parse_host(request.host)
    if seen["x-alcove-key"] == "." and name.key:
        seen["x-alcove-key"] = f".{name.key}"
    host = request.host.partition(":")[0].lower()
    for each in _routes(snapshot, "gateway")["virtual_hosts"]:
        if host in each["domains"]:
            return _follow(each, seen)
    return None


def chain_of(snapshot: Snapshot, name: str) -> str:
    """Give the filter chain that a client takes who greets the gateway with a name; empty without TLS."""
    listener = snapshot.resources[LISTENER_TYPE].get("gateway_tls")
    if listener is None:
        return ""
    chains = [each["name"] for each in listener.body["filter_chains"]]
    if "filter_chain_matcher" not in listener.body:
        assert len(chains) == 1
        return str(chains[0])
    found = _walk(listener.body["filter_chain_matcher"], {"ServerNameInput": name})
    assert found is not None and found["typed_config"]["value"] in chains
    return str(found["typed_config"]["value"])


def class_of(snapshot: Snapshot, listener: str, request: Request, *, sniffed: str = "") -> str:
    """Give the filter chain of a connection whose first bytes the inspectors took for ``sniffed``."""
    inputs = {
        "DestinationPortInput": str(request.port),
        "DestinationIPInput": request.address,
        "TransportProtocolInput": "tls" if sniffed == "tls" else "raw_buffer",
        "ApplicationProtocolInput": f"'{sniffed}'" if sniffed not in ("", "tls") else None,
    }
    found = _walk(snapshot.resources[LISTENER_TYPE][listener].body["filter_chain_matcher"], inputs)
    assert found is not None
    return str(found["typed_config"]["value"])


def inspected(snapshot: Snapshot, listener: str, inspector: str, port: int) -> bool:
    """Tell whether an inspector reads the first bytes of connections to a port."""
    filters = snapshot.resources[LISTENER_TYPE][listener].body["listener_filters"]
    rule = next(each for each in filters if each["name"] == inspector).get("filter_disabled")
    rules = [] if rule is None else rule.get("or_match", {"rules": [rule]})["rules"]
    ranges = [each["destination_port_range"] for each in rules]
    return not any(each["start"] <= port < each["end"] for each in ranges)


def _seen(request: Request, at: str) -> dict[str, str | None]:
    found = parse_route_key(request.headers.items())
    return {
        **{name.lower(): value for name, value in request.headers.items()},
        ":authority": request.host,
        ":path": request.path,
        "x-alcove-at": at,
        "x-alcove-address": request.address,
        "x-alcove-key": f".{found[0]}" if found else ".",
        "x-alcove-scanned": "1",
    }


def _routes(snapshot: Snapshot, name: str) -> Body:
    return snapshot.resources[ROUTES_TYPE][name].body


def _follow(host: Body, seen: Mapping[str, str | None]) -> Verdict:
    if "routes" in host:
        routes = host["routes"]
    else:
        action = _walk(host["matcher"], seen)
        if action is None:
            return Verdict(refused="404")
        config = action["typed_config"]
        routes = config.get("routes", [config])
    route = next((each for each in routes if _matches(each["match"], seen[":path"] or "")), None)
    return Verdict(refused="404") if route is None else _verdict(_filled(route, _written(host)))


def _written(route: Body) -> dict[str, str]:
    return {
        each["header"]["key"]: each["header"]["value"] for each in route.get("request_headers_to_add", ())
    }


def _filled(route: Body, before: Mapping[str, str]) -> Body:
    """Give the route with what its headers read of those that the virtual host wrote before."""
    headers = []
    for each in route.get("request_headers_to_add", ()):
        value = each["header"]["value"]
        for name, text in before.items():
            value = value.replace(f"%REQ({name})%", text)
        headers.append({**each, "header": {**each["header"], "value": value}})
    return {**route, "request_headers_to_add": headers}


def _matches(match: Body, path: str) -> bool:
    if "path" in match:
        return bool(path == match["path"])
    if "path_separated_prefix" in match:
        prefix = match["path_separated_prefix"]
        return bool(path == prefix or path.startswith(f"{prefix}/"))
    return "prefix" in match and path.startswith(match["prefix"])


def _verdict(route: Body) -> Verdict:
    told = {
        each["header"]["key"]: each["header"]["value"] for each in route.get("response_headers_to_add", ())
    }
    answering = told.get("x-alcove-route", "")
    if "direct_response" in route:
        return Verdict(refused=route["direct_response"]["body"]["inline_string"].strip(), told=answering)
    written = _written(route)
    action = route["route"]
    if "weighted_clusters" in action:
        each = [
            cluster["request_headers_to_add"][0]["header"]
            for cluster in action["weighted_clusters"]["clusters"]
        ]
        return Verdict(tuple(header["value"] for header in each), headers=written, told=answering)
    if action.get("cluster") == "orig":
        return Verdict(headers=written, told=answering)
    return Verdict((written.pop("x-alcove-to"),), headers=written, told=answering)


def _walk(matcher: Body, inputs: Mapping[str, str | None]) -> Body | None:
    """Give the action that a matcher ends at; one that finds nothing never asks the matcher around it."""
    branch = _branch(matcher, inputs) or matcher.get("on_no_match")
    if branch is None:
        return None
    if "matcher" in branch:
        return _walk(branch["matcher"], inputs)
    action = branch["action"]
    assert isinstance(action, dict)
    return action


def _branch(matcher: Body, inputs: Mapping[str, str | None]) -> Body | None:
    found: Body | None = None
    if "matcher_list" in matcher:
        for each in matcher["matcher_list"]["matchers"]:
            if _holds(each["predicate"], inputs):
                found = each["on_match"]
                break
        return found
    tree = matcher["matcher_tree"]
    value = _input(tree["input"], inputs)
    if value is None:
        return None
    if "exact_match_map" in tree:
        found = tree["exact_match_map"]["map"].get(value)
        return found
    best = -1
    for each in tree["custom_match"]["typed_config"]["range_matchers"]:
        for network in each["ranges"]:
            length = network["prefix_len"]
            whole = ipaddress.ip_network(f"{network['address_prefix']}/{length}")
            if length > best and ipaddress.ip_address(value) in whole:
                best, found = length, each["on_match"]
    return found


def _holds(predicate: Body, inputs: Mapping[str, str | None]) -> bool:
    if "and_matcher" in predicate:
        return all(_holds(each, inputs) for each in predicate["and_matcher"]["predicate"])
    if "or_matcher" in predicate:
        return any(_holds(each, inputs) for each in predicate["or_matcher"]["predicate"])
    if "not_matcher" in predicate:
        return not _holds(predicate["not_matcher"], inputs)
    single = predicate["single_predicate"]
    value = _input(single["input"], inputs)
    if value is None:
        return False
    if "exact" in single["value_match"]:
        return bool(value == single["value_match"]["exact"])
    return re.fullmatch(single["value_match"]["safe_regex"]["regex"], value) is not None


def _input(declared: Body, inputs: Mapping[str, str | None]) -> str | None:
    config = declared["typed_config"]
    return inputs.get(config.get("header_name") or config["@type"].rpartition(".")[2])
