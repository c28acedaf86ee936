"""How the pods of a child space look names up: their own space first, then each ancestor.

``dnsConfig.searches`` is only appended after the cluster's and the node's domains, so a parent's Service
would be found last, after whatever the outside knows by that name. For pods that use the cluster's DNS the
whole list is therefore written out, as the kubelet would have made it, with the ancestors after the pod's
own space. A root has no ancestors: its pods already have the right list, and are not touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from alcove.admission import markers
from alcove.admission.facts import SpaceFacts
from alcove.admission.markers import Object
from alcove.admission.settings import ClusterDns

_CLUSTER_POLICIES = (None, "", "ClusterFirst", "ClusterFirstWithHostNet")
_MOST_SERVERS = 3
_MOST_SEARCHES = 32
_LONGEST_SEARCHES = 2048
_LONGEST_FOR_MUSL = 255


def search_list(facts: SpaceFacts, dns: ClusterDns) -> tuple[str, ...]:
    """Give the domains in which a pod of the space looks a short name up, in order, each once."""
    spaces = [f"{name}.svc.{dns.domain}" for name in (facts.name, *facts.ancestors)]
    return _once([*spaces, f"svc.{dns.domain}", dns.domain, *dns.node_searches])


def warn_of_length(searches: Iterable[str]) -> tuple[str, ...]:
    """Give the warning for a list that some C libraries do not read, for ``space create`` too."""
    length = len(" ".join(searches).encode())
    if length <= _LONGEST_FOR_MUSL:
        return ()
    told = f"images with musl (Alpine) ignore lists above {_LONGEST_FOR_MUSL} bytes and find no short names"
    return (f"the DNS search list is {length} bytes long: {told}; use shorter or fewer ancestors",)


def with_search_list(spec: Object, facts: SpaceFacts, dns: ClusterDns) -> tuple[Object, tuple[str, ...]]:
    """Give a pod's spec with the space's search list, and warnings; unchanged where it has none of ours."""
    if not facts.ancestors or spec.get("dnsPolicy") not in _CLUSTER_POLICIES:
        return spec, ()
    if not dns.servers:
        return spec, ("the address of the cluster's DNS is unknown: short names of parents do not resolve",)
    own = markers.mapping(spec, "dnsConfig")
    wanted = _once([*search_list(facts, dns), *(own.get("searches") or ())])
    searches = _fitting(wanted)
    config = {
        **own,
        "nameservers": list(_once([*dns.servers, *(own.get("nameservers") or ())])[:_MOST_SERVERS]),
        "searches": list(searches),
        "options": _options(own),
    }
    dropped = ("the DNS search list is too long for Kubernetes: its end was cut off",)
    warnings = warn_of_length(searches) + (dropped if searches != wanted else ())
    return {**spec, "dnsPolicy": "None", "dnsConfig": config}, warnings


def _options(own: Mapping[str, Any]) -> list[Object]:
    given = list(markers.sequence(own, "options"))
    if any(option.get("name") == "ndots" for option in given):
        return given
    return [{"name": "ndots", "value": "5"}, *given]


def _fitting(searches: tuple[str, ...]) -> tuple[str, ...]:
    found = searches[:_MOST_SEARCHES]
    while len(" ".join(found)) > _LONGEST_SEARCHES:
        found = found[:-1]
    return found


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
