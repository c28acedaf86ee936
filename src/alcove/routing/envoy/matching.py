"""The grammar of Envoy's generic matcher, as functions: each gives what may stand on a branch.

A branch (``OnMatch``) is an action or another matcher. A matcher that finds nothing never goes back to the
one around it, so every one here is given what follows when it finds nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from alcove.routing.envoy.names import Body, extension


def match_header(name: str, branches: Mapping[str, Body], otherwise: Body) -> Body:
    """Branch on the exact value of a header; without branches ``otherwise`` alone is left."""
    return match_exact(extension("header", "HeaderInput", header_name=name), branches, otherwise)


def match_exact(value: Body, branches: Mapping[str, Body], otherwise: Body) -> Body:
    """Branch on an input's exact value."""
    if not branches:
        return otherwise
    ordered = {text: branches[text] for text in sorted(branches)}
    return _matcher({"matcher_tree": {"input": value, "exact_match_map": {"map": ordered}}}, otherwise)


def match_network(value: Body, branches: Sequence[tuple[Iterable[str], Body]], otherwise: Body) -> Body:
    """Branch on the network (CIDR, or a plain address) that an input's address lies in."""
    ranges = [
        {"ranges": [_network(each) for each in networks], "on_match": branch}
        for networks, branch in ((tuple(networks), branch) for networks, branch in branches)
        if networks
    ]
    if not ranges:
        return otherwise
    tree = {"input": value, "custom_match": extension("network", "IPMatcher", range_matchers=ranges)}
    return _matcher({"matcher_tree": tree}, otherwise)


def match_first(branches: Sequence[tuple[Body, Body]], otherwise: Body) -> Body:
    """Take the branch of the first predicate that holds."""
    if not branches:
        return otherwise
    matchers = [{"predicate": predicate, "on_match": branch} for predicate, branch in branches]
    return _matcher({"matcher_list": {"matchers": matchers}}, otherwise)


def header_is(name: str, value: str) -> Body:
    """Hold when a header has exactly this value."""
    return _single(name, {"exact": value})


def header_like(name: str, regex: str) -> Body:
    """Hold when the whole value of a header matches; lines of a repeated header are joined by commas."""
    return _single(name, {"safe_regex": {"google_re2": {}, "regex": regex}})


def all_of(*predicates: Body) -> Body:
    """Hold when every one of at least two holds."""
    return {"and_matcher": {"predicate": list(predicates)}}


def any_of(*predicates: Body) -> Body:
    """Hold when one of at least two holds."""
    return {"or_matcher": {"predicate": list(predicates)}}


def none_of(predicate: Body) -> Body:
    """Hold when the predicate does not."""
    return {"not_matcher": predicate}


def _single(name: str, value: Body) -> Body:
    header = extension("header", "HeaderInput", header_name=name)
    return {"single_predicate": {"input": header, "value_match": value}}


def _matcher(matcher: Body, otherwise: Body) -> Body:
    return {"matcher": {**matcher, "on_no_match": otherwise}}


def _network(network: str) -> Body:
    prefix, _, length = network.partition("/")
    return {"address_prefix": prefix, "prefix_len": int(length or (128 if ":" in prefix else 32))}
