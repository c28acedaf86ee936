"""The networks that a cluster gives its pods and Services, as far as it tells."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

from alcove.admission.markers import Object, mapping
from alcove.app.observation.reports import Complain, read_list, text


def observe_node_ranges(item: Object, complain: Complain) -> Iterator[str]:
    """Yield the networks of a node's pods; none where something else than nodes hands addresses out."""
    spec = dict(mapping(item, "spec"))
    single = [spec["podCIDR"]] if spec.get("podCIDR") else []
    yield from _networks(read_list(spec, "podCIDRs", complain) or single, complain)


def observe_service_ranges(item: Object, complain: Complain) -> Iterator[str]:
    """Yield the networks of a ServiceCIDR."""
    yield from _networks(read_list(dict(mapping(item, "spec")), "cidrs", complain), complain)


def _networks(written: list[object], complain: Complain) -> Iterator[str]:
    for each in written:
        try:
            if "%" in text(each):
                raise ValueError("a network has no zone")  # noqa: TRY301  # told like all damage
            yield str(ip_network(text(each), strict=False))
        except ValueError:
            complain("holds what is no network")
