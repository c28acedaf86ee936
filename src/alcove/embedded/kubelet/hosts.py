"""The files by which a pod knows names: /etc/hosts, /etc/resolv.conf and its host name. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from alcove.embedded.objects import Object, metadata

CLUSTER_DOMAIN = "cluster.local"
"""The domain of the cluster's names."""

_HEAD = "# Kubernetes-managed hosts file.\n"
_HOST_HEAD = "# Kubernetes-managed hosts file (host network).\n"
_COMMON = (
    "127.0.0.1\tlocalhost\n"
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::0\tip6-localnet\n"
    "fe00::0\tip6-mcastprefix\n"
    "fe00::1\tip6-allnodes\n"
    "fe00::2\tip6-allrouters\n"
)


@dataclass(frozen=True, slots=True)
class Resolver:
    """What a resolv.conf says."""

    servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = field(default=())


def parse_resolver(text: str) -> Resolver:
    """Read a resolv.conf; lines that say nothing to us are passed over."""
    servers: list[str] = []
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    for line in text.splitlines():
        words = line.split()
        if len(words) < 2 or words[0][0] in "#;":
            continue
        if words[0] == "nameserver":
            servers.append(words[1])
        elif words[0] in ("search", "domain"):
            search = tuple(words[1:])
        elif words[0] == "options":
            options = tuple(words[1:])
    return Resolver(tuple(servers), search, options)


def pod_resolver(pod: Object, machine: Resolver, dns_address: str) -> Resolver:
    """Give what the pod's resolv.conf is to say.

    ``Default`` asks the cluster's server too, which forwards what it does not know: the machine's own
    servers (often on its loopback) cannot be reached from a pod.
    """
    spec = pod["spec"]
    policy = spec.get("dnsPolicy") or "ClusterFirst"
    if policy == "None":
        plain = Resolver()
    elif policy == "Default" or (policy == "ClusterFirst" and spec.get("hostNetwork")):
        plain = Resolver((dns_address,), machine.search, machine.options)
    else:
        namespace = metadata(pod).get("namespace", "")
        names = (f"{namespace}.svc.{CLUSTER_DOMAIN}", f"svc.{CLUSTER_DOMAIN}", CLUSTER_DOMAIN)
        plain = Resolver((dns_address,), names + machine.search, ("ndots:5",))
    return _with_config(plain, spec.get("dnsConfig") or {})


def _with_config(plain: Resolver, config: Object) -> Resolver:
    options = {option.partition(":")[0]: option for option in plain.options}
    for item in config.get("options") or ():
        value = item.get("value")
        options[item["name"]] = f"{item['name']}:{value}" if value else item["name"]
    return Resolver(
        _unique((*plain.servers, *(config.get("nameservers") or ()))),
        _unique((*plain.search, *(config.get("searches") or ()))),
        tuple(options.values()),
    )


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def render_resolver(resolver: Resolver) -> str:
    """Write a resolv.conf."""
    lines = []
    if resolver.search:
        lines.append(f"search {' '.join(resolver.search)}")
    lines += [f"nameserver {server}" for server in resolver.servers]
    if resolver.options:
        lines.append(f"options {' '.join(resolver.options)}")
    return "".join(f"{line}\n" for line in lines)


def pod_host_name(pod: Object, node_name: str) -> tuple[str, str]:
    """Give the pod's host name and its full name (empty when it has no subdomain)."""
    spec = pod["spec"]
    if spec.get("hostNetwork"):
        return node_name, ""
    name = (spec.get("hostnameOverride") or spec.get("hostname") or metadata(pod)["name"])[:63].rstrip("-.")
    if not spec.get("subdomain"):
        return name, ""
    full = f"{name}.{spec['subdomain']}.{metadata(pod).get('namespace', '')}.svc.{CLUSTER_DOMAIN}"
    return (full[:64] if spec.get("setHostnameAsFQDN") else name), full


def render_hosts(pod: Object, address: str, names: tuple[str, str], machine_hosts: str) -> str:
    """Write the pod's /etc/hosts; ``names`` as ``pod_host_name`` gives them."""
    spec = pod["spec"]
    if spec.get("hostNetwork"):
        text = _HOST_HEAD + machine_hosts
    else:
        name, full = names
        short = name.partition(".")[0] if full else name
        text = f"{_HEAD}{_COMMON}{address}\t" + (f"{full}\t{short}\n" if full else f"{short}\n")
    if aliases := spec.get("hostAliases"):
        text += "\n# Entries added by HostAliases.\n"
        text += "".join(f"{item['ip']}\t" + "\t".join(item.get("hostnames") or ()) + "\n" for item in aliases)
    return text
