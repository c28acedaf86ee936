"""The rules of the kinds that lead traffic: Services, Ingresses, NetworkPolicies and endpoints."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from alcove.embedded.faults import Cause
from alcove.embedded.objects import Object
from alcove.embedded.schema import causes, syntax
from alcove.embedded.schema.metadata_rules import check_labels
from alcove.embedded.schema.rules import (
    Rule,
    Whole,
    at_least,
    between,
    like,
    one_of,
    port_or_name,
    present,
    selector,
    unchanging,
    unique,
)

_PROTOCOL = one_of("TCP", "UDP", "SCTP")
_CLASS_ANNOTATION = "kubernetes.io/ingress.class"

# ------------------------------------------------------------------------------------------- services


def _service(item: Object, old: Object | None) -> Iterator[Cause]:
    spec = item.get("spec") or {}
    kind, ports = spec.get("type", "ClusterIP"), spec.get("ports") or []
    if not ports and kind != "ExternalName" and spec.get("clusterIP") != "None":
        yield causes.required("spec.ports")
    if kind == "ExternalName":
        yield from _external_name(spec)
    if kind in ("LoadBalancer", "NodePort") and spec.get("clusterIP") == "None":
        why = f"may not be set to 'None' for {kind} services"
        yield causes.invalid("spec.clusterIPs[0]", "None", why)
    for index, port in enumerate(ports if len(ports) > 1 else ()):
        if not port.get("name"):
            yield causes.required(f"spec.ports[{index}].name")
    before = (old or {}).get("spec") or {}
    address = spec.get("clusterIP", "")
    stays = before.get("clusterIP") and "ExternalName" not in (kind, before.get("type"))
    if stays and address != before["clusterIP"]:
        yield causes.invalid("spec.clusterIPs[0]", [address], "may not change once set")


def _external_name(spec: Object) -> Iterator[Cause]:
    name = spec.get("externalName", "")
    if not name:
        yield causes.required("spec.externalName")
    for complaint in syntax.dns_subdomain(name.rstrip(".").lower()) if name else ():
        yield causes.invalid("spec.externalName", name, complaint)
    if spec.get("clusterIP") and spec["clusterIP"] != "None":
        yield causes.forbidden("spec.clusterIPs", "may not be set for ExternalName services")


def _reachability(item: Object, old: Object | None) -> Iterator[Cause]:
    spec = item.get("spec") or {}
    kind = spec.get("type", "ClusterIP")
    outside = kind in ("NodePort", "LoadBalancer") or spec.get("externalIPs")
    if spec.get("externalTrafficPolicy") and not outside:
        why = "may only be set for externally-accessible services"
        yield causes.invalid("spec.externalTrafficPolicy", spec["externalTrafficPolicy"], why)
    for index, port in enumerate(spec.get("ports") or ()):
        if port.get("nodePort") and kind in ("ClusterIP", "ExternalName"):
            why = "may not be used when `type` is 'ClusterIP'"
            yield causes.forbidden(f"spec.ports[{index}].nodePort", why)
    for index, block in enumerate(spec.get("loadBalancerSourceRanges") or ()):
        for complaint in _network(block):
            yield causes.invalid(f"spec.LoadBalancerSourceRanges[{index}]", block, complaint)


def _cluster_address(path: str, value: Any) -> Iterator[Cause]:
    if value not in ("", "None"):
        yield from like(syntax.ip_address)("spec.clusterIPs[0]", value)


def _network(value: str) -> list[str]:
    try:
        ipaddress.ip_network(value.strip(), strict=False)
    except ValueError:
        return ["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"]
    return [] if "/" in value else ["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"]


# ------------------------------------------------------------------------------------------ ingresses


def _ingress(item: Object, old: Object | None) -> Iterator[Cause]:
    spec = item.get("spec") or {}
    if not spec.get("rules") and not spec.get("defaultBackend"):
        yield causes.invalid("spec", spec, "either `defaultBackend` or `rules` must be specified")
    annotations = (item.get("metadata") or {}).get("annotations") or {}
    if old is None and _CLASS_ANNOTATION in annotations and spec.get("ingressClassName"):
        why = "must match `ingressClassName` when both are specified"
        if annotations[_CLASS_ANNOTATION] != spec["ingressClassName"]:
            yield causes.invalid(f"annotations.{_CLASS_ANNOTATION}", annotations[_CLASS_ANNOTATION], why)


def _ingress_path(path: str, value: Any) -> Iterator[Cause]:
    kind, text = value.get("pathType"), str(value.get("path", ""))
    if not kind:
        yield causes.required(f"{path}.pathType", "pathType must be specified")
    elif kind not in ("Exact", "Prefix", "ImplementationSpecific"):
        yield causes.not_supported(f"{path}.pathType", kind, ("Exact", "ImplementationSpecific", "Prefix"))
    elif kind != "ImplementationSpecific":
        if not text.startswith("/"):
            yield causes.invalid(f"{path}.path", text, "must be an absolute path")
        for part in ("//", "/./", "/../", "%2f", "%2F"):
            if part in text:
                yield causes.invalid(f"{path}.path", text, f"must not contain '{part}'")
    yield from _backend(f"{path}.backend", value.get("backend") or {})


def _backend(path: str, value: Any) -> Iterator[Cause]:
    service, other = value.get("service"), value.get("resource")
    if service and other:
        yield causes.invalid(path, "", "cannot set both resource and service backends")
    elif not service and not other:
        yield causes.invalid(path, "", "resource or service backend is required")
    elif service:
        port = service.get("port") or {}
        yield from present("name")(f"{path}.service", service)
        if port.get("name") and port.get("number"):
            yield causes.invalid(path, "", "cannot set both port name & port number")
        elif not port.get("name") and not port.get("number"):
            yield causes.required(path, "port name or number is required")


def _host(path: str, value: Any) -> Iterator[Cause]:
    if not value:
        return
    if ":" not in value and not syntax.ip_address(value):
        yield causes.invalid(path, value, "must be a DNS name, not an IP address")
    elif "*" in value:
        form = syntax.dns_subdomain(value[2:]) if value.startswith("*.") else [_WILDCARD]
        for complaint in form:
            yield causes.invalid(path, value, complaint)
    else:
        yield from like(syntax.dns_subdomain)(path, value)


_WILDCARD = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain"

# ------------------------------------------------------------------------------------ network policies


def _peer(path: str, value: Any) -> Iterator[Cause]:
    block = value.get("ipBlock")
    chosen = [name for name in ("podSelector", "namespaceSelector") if value.get(name) is not None]
    for name in chosen:
        yield from selector(f"{path}.{name}", value[name])
    if block is not None:
        yield from _block(f"{path}.ipBlock", block)
        if chosen:
            yield causes.forbidden(path, "may not specify both ipBlock and another peer")
    elif not chosen:
        yield causes.required(path, "must specify a peer")


def _block(path: str, block: Object) -> Iterator[Cause]:
    cidr = block.get("cidr", "")
    complaints = _network(cidr) if cidr else []
    if not cidr:
        yield causes.required(f"{path}.cidr")
    for complaint in complaints:
        yield causes.invalid(f"{path}.cidr", cidr, complaint)
    if not cidr or complaints:
        return
    whole = ipaddress.ip_network(cidr, strict=False)
    for index, part in enumerate(block.get("except") or ()):
        place = f"{path}.except[{index}]"
        wrong = _network(part)
        for complaint in wrong:
            yield causes.invalid(place, part, complaint)
        inner = None if wrong else ipaddress.ip_network(part, strict=False)
        if inner is not None and (
            inner.version != whole.version or inner == whole or not inner.subnet_of(whole)  # type: ignore[arg-type]  # same version
        ):
            yield causes.invalid(place, part, f"must be a strict subset of `cidr`: {cidr}")


def _policy_port(path: str, value: Any) -> Iterator[Cause]:
    port, end = value.get("port"), value.get("endPort")
    if port is not None:
        yield from port_or_name(f"{path}.port", port)
    if end is not None:
        if not isinstance(port, int):
            yield causes.invalid(f"{path}.endPort", end, "may not be specified when `port` is not an integer")
        elif end < port:
            why = "must be greater than or equal to `port`"
            yield causes.invalid(f"{path}.endPort", end, why)


def _policy_types(path: str, value: Any) -> Iterator[Cause]:
    if len(value) > 2:
        yield causes.invalid(path, value, "may not specify more than two policyTypes")


def _traffic(direction: str, peers: str) -> tuple[Rule | Whole, ...]:
    return (
        Rule(f"spec.{direction}[*].{peers}[*]", _peer),
        Rule(f"spec.{direction}[*].ports[*]", _policy_port),
        Rule(f"spec.{direction}[*].ports[*].protocol", _PROTOCOL),
    )


# ------------------------------------------------------------------------------------------ endpoints


def _slice(item: Object, old: Object | None) -> Iterator[Cause]:
    kind = item.get("addressType")
    for index, endpoint in enumerate(item.get("endpoints") or ()):
        for place, address in enumerate(endpoint.get("addresses") or ()):
            path = f"endpoints[{index}].addresses[{place}]"
            form = syntax.dns_subdomain if kind == "FQDN" else syntax.ip_address
            for complaint in form(address):
                yield causes.invalid(path, address, complaint)
    names = [port.get("name") or "" for port in item.get("ports") or ()]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield causes.duplicate(f"ports[{index}].name", name)


def _subset(path: str, value: Any) -> Iterator[Cause]:
    if not value.get("addresses") and not value.get("notReadyAddresses"):
        yield causes.required(path, "must specify `addresses` or `notReadyAddresses`")


def _endpoint_address(path: str, value: Any) -> Iterator[Cause]:
    complaints = syntax.ip_address(value)
    for complaint in complaints:
        yield causes.invalid(path, value, complaint)
    address = None if complaints else ipaddress.ip_address(value)
    for kind, text in _UNREACHABLE.items():
        if address is not None and getattr(address, kind):
            yield causes.invalid(path, value, f"may not be {text}")


_UNREACHABLE = {
    "is_unspecified": "unspecified",
    "is_loopback": "in the loopback range (127.0.0.0/8, ::1/128)",
    "is_link_local": "in the link-local range (169.254.0.0/16, fe80::/10)",
    "is_multicast": "in the multicast range (224.0.0.0/4, ff00::/8)",
}

RULES: dict[str, tuple[Rule | Whole, ...]] = {
    "services": (
        Rule("spec.type", one_of("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")),
        Rule("spec.sessionAffinity", one_of("ClientIP", "None")),
        Rule("spec.sessionAffinityConfig.clientIP.timeoutSeconds", between(1, 86400)),
        Rule("spec.internalTrafficPolicy", one_of("Cluster", "Local")),
        Rule("spec.externalTrafficPolicy", one_of("Cluster", "Local")),
        Rule("spec.ipFamilies[*]", one_of("IPv4", "IPv6")),
        Rule("spec.clusterIP", _cluster_address),
        Rule("spec.externalIPs[*]", like(syntax.ip_address)),
        Rule("spec.selector", check_labels),
        Rule("spec.ports[*].port", between(1, 65535)),
        Rule("spec.ports[*].targetPort", port_or_name),
        Rule("spec.ports[*].nodePort", between(0, 65535)),
        Rule("spec.ports[*].protocol", _PROTOCOL),
        Rule("spec.ports[*].appProtocol", like(syntax.qualified_name)),
        Rule("spec.ports[*].name", like(lambda name: syntax.dns_label(name) if name else [])),
        Rule("spec.ports", unique("name")),
        Rule("spec.ports", unique("port", "protocol")),
        _service,
        _reachability,
    ),
    "ingresses.networking.k8s.io": (
        _ingress,
        Rule("spec.rules[*].host", _host),
        Rule("spec.rules[*].http", present("paths")),
        Rule("spec.rules[*].http.paths[*]", _ingress_path),
        Rule("spec.defaultBackend", _backend),
        Rule("spec.ingressClassName", like(syntax.dns_subdomain)),
        Rule("spec.tls[*].hosts[*]", _host),
    ),
    "networkpolicies.networking.k8s.io": (
        Rule("spec.podSelector", selector),
        Rule("spec.policyTypes", _policy_types),
        Rule("spec.policyTypes[*]", one_of("Egress", "Ingress")),
        *_traffic("ingress", "from"),
        *_traffic("egress", "to"),
    ),
    "endpoints": (
        Rule("subsets[*]", _subset),
        Rule("subsets[*].addresses[*].ip", _endpoint_address),
        Rule("subsets[*].ports[*].port", between(1, 65535)),
    ),
    "endpointslices.discovery.k8s.io": (
        Rule("addressType", one_of("FQDN", "IPv4", "IPv6")),
        Rule("endpoints[*]", present("addresses")),
        Rule("ports[*].protocol", _PROTOCOL),
        Rule("ports[*].port", at_least(0)),
        _slice,
        unchanging("addressType"),
    ),
}
"""By resource."""
