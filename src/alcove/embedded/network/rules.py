"""The nftables rules by which a service's address means its endpoints: planned as values, applied as changes.

One table. Its frame never changes; what changes are one chain for each service port, the maps that lead to
them, and the set of addresses that may meet themselves. A change is one transaction of the kernel.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from alcove.embedded.network import addresses
from alcove.embedded.network.services import SERVICES, SLICES, PortRoute, ServiceRoute, ServiceTable
from alcove.embedded.objects import Object, WatchEvent

_FRAME = f"""\
table ip alcove
delete table ip alcove
table ip alcove {{
  map services {{ type ipv4_addr . inet_proto . inet_service : verdict; }}
  map node_ports {{ type inet_proto . inet_service : verdict; }}
  set hairpins {{ type ipv4_addr . ipv4_addr; }}
  set inside {{
    type ipv4_addr; flags interval
    elements = {{
      {addresses.PODS}, {addresses.SERVICES}, 0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16, 224.0.0.0/3
    }}
  }}
  chain dispatch {{
    ip daddr . meta l4proto . th dport vmap @services
    ip daddr {addresses.NODE} meta l4proto . th dport vmap @node_ports
    ip daddr {addresses.DNS} meta l4proto {{ tcp, udp }} th dport 53 dnat to {addresses.NODE}:53
    ip daddr @inside return
    meta l4proto tcp dnat to {addresses.NODE}:{addresses.EGRESS_PORT}
    udp dport 53 dnat to {addresses.NODE}:53
  }}
  chain prerouting {{
    type nat hook prerouting priority dstnat
    jump dispatch
  }}
  chain output {{
    type nat hook output priority -100
    jump dispatch
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat
    ct status dnat ip saddr . ip daddr @hairpins snat to {addresses.NODE}
  }}
  chain refuse {{
    meta l4proto tcp reject with tcp reset
    reject with icmp port-unreachable
  }}
  chain forward {{
    type filter hook forward priority filter
    oifname "lo" goto refuse
  }}
  chain local {{
    type filter hook output priority filter
    ip daddr {{ {addresses.PODS}, 127.0.0.0/8 }} accept
    goto refuse
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class RulePlan:
    """What is to be in the table besides its frame."""

    chains: Mapping[str, str] = field(default_factory=dict)
    """Each chain's one rule."""
    services: Mapping[str, str] = field(default_factory=dict)
    """Address, protocol and port of a service, to its chain."""
    node_ports: Mapping[str, str] = field(default_factory=dict)
    hairpins: frozenset[str] = frozenset()


def _chain_name(route: ServiceRoute, port: PortRoute) -> str:
    identity = f"{route.key.namespace}/{route.key.name}/{port.protocol}/{port.port}"
    digest = hashlib.blake2s(identity.encode(), digest_size=8).hexdigest()
    return f"svc-{digest}-{re.sub('[^a-z0-9-]', '-', route.key.name)[:63]}"


def _rule(port: PortRoute, *, sticky: bool) -> str:
    targets = [f"{endpoint.address} . {endpoint.port}" for endpoint in port.endpoints]
    head = f"meta l4proto {port.protocol} dnat ip to"
    if len(targets) == 1:
        return f"{head} {targets[0].replace(' . ', ':')}"
    chosen = "jhash ip saddr" if sticky else "numgen random"
    entries = ", ".join(f"{number} : {target}" for number, target in enumerate(targets))
    return f"{head} {chosen} mod {len(targets)} map {{ {entries} }}"


def plan_rules(routes: Iterable[ServiceRoute]) -> RulePlan:
    """Give the rules for these services; a port without endpoints has none, and so is refused."""
    chains: dict[str, str] = {}
    services: dict[str, str] = {}
    node_ports: dict[str, str] = {}
    hairpins: set[str] = set()
    for route in sorted(routes):
        for port in route.ports:
            if not port.endpoints or route.headless:
                continue
            name = _chain_name(route, port)
            chains[name] = _rule(port, sticky=route.sticky)
            hairpins.update(f"{endpoint.address} . {endpoint.address}" for endpoint in port.endpoints)
            for address in route.addresses:
                services.setdefault(f"{address} . {port.protocol} . {port.port}", name)
            if port.node_port:
                node_ports.setdefault(f"{port.protocol} . {port.node_port}", name)
    return RulePlan(chains, services, node_ports, frozenset(hairpins))


def render_ruleset(services: Iterable[Object], slices: Iterable[Object]) -> str:
    """Give the whole table for these Services and EndpointSlices, as ``nft -f`` reads it."""
    table = ServiceTable()
    for one in services:
        table.observe(WatchEvent("ADDED", SERVICES, one))
    for one in slices:
        table.observe(WatchEvent("ADDED", SLICES, one))
    return render_table(plan_rules(table.routes.values()))


def render_table(plan: RulePlan) -> str:
    """Give the text that makes the table anew, whatever was there before."""
    return _FRAME + render_change(RulePlan(), plan)


def render_change(before: RulePlan, after: RulePlan) -> str:
    """Give the text that leads from one plan to the other in one transaction; empty when they are equal."""
    lines: list[str] = []
    # References are taken away before what they refer to, and chains are there before references to them.
    _change_elements(lines, "services", before.services, after.services, add=False)
    _change_elements(lines, "node_ports", before.node_ports, after.node_ports, add=False)
    _change_set(lines, "hairpins", before.hairpins, after.hairpins)
    for name in before.chains:
        if name not in after.chains:
            lines += [f"flush chain ip alcove {name}", f"delete chain ip alcove {name}"]
    for name, rule in after.chains.items():
        if name not in before.chains:
            lines.append(f"add chain ip alcove {name}")
        elif before.chains[name] != rule:
            lines.append(f"flush chain ip alcove {name}")
        else:
            continue
        lines.append(f"add rule ip alcove {name} {rule}")
    _change_elements(lines, "services", before.services, after.services, add=True)
    _change_elements(lines, "node_ports", before.node_ports, after.node_ports, add=True)
    return "\n".join([*lines, ""]) if lines else ""


def _change_elements(
    lines: list[str], name: str, before: Mapping[str, str], after: Mapping[str, str], *, add: bool
) -> None:
    old, new = (before, after) if add else (after, before)
    changed = [f"{key} : goto {chain}" for key, chain in new.items() if old.get(key) != chain]
    if changed:
        verb = "add" if add else "delete"
        lines.append(f"{verb} element ip alcove {name} {{ {', '.join(changed)} }}")


def _change_set(lines: list[str], name: str, before: frozenset[str], after: frozenset[str]) -> None:
    for verb, elements in (("delete", before - after), ("add", after - before)):
        if elements:
            lines.append(f"{verb} element ip alcove {name} {{ {', '.join(sorted(elements))} }}")
