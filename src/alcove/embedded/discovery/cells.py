"""Cells that are more than a value at a path; each takes the object and the time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from alcove.embedded.discovery import ages
from alcove.embedded.discovery.paths import at, entries
from alcove.embedded.objects import Object, annotations_of, controller_of, labels_of

Cell = Callable[[Object, float], Any]
NONE = "<none>"


def value(path: str, default: Any = "") -> Cell:
    """Give the value at a path."""
    return lambda item, now: at(item, path, default)


def age(path: str = "metadata.creationTimestamp", default: str = "<unknown>") -> Cell:
    """Give how long ago the time at a path was."""

    def cell(item: Object, now: float) -> str:
        text = at(item, path)
        return default if text is None else ages.age(text, now)

    return cell


def count(path: str) -> Cell:
    """Give the number of entries of a list or map."""
    return lambda item, now: len(at(item, path, ()))


def ratio(part: str, whole: str) -> Cell:
    """Give ``2/3`` of two numbers at paths."""
    return lambda item, now: f"{at(item, part, 0)}/{at(item, whole, 0)}"


def joined(path: str, name: str) -> Cell:
    """Give one field of each object of a list."""
    return lambda item, now: ",".join(str(each.get(name, "")) for each in entries(item, path))


def first(path: str) -> Cell:
    """Give the first entry of a list, ``<none>`` without."""
    return lambda item, now: next(iter(at(item, path, ())), NONE)


def labels(path: str) -> Cell:
    """Give a plain selector: ``a=b,c=d``."""
    return lambda item, now: (
        ",".join(f"{key}={each}" for key, each in sorted(at(item, path, {}).items())) or NONE
    )


def selector(path: str) -> Cell:
    """Give a LabelSelector in the form of the command line."""

    def cell(item: Object, now: float) -> str:
        chosen = at(item, path, {})
        terms = [f"{key}={each}" for key, each in sorted(at(chosen, "matchLabels", {}).items())]
        terms += [_expression(each) for each in entries(chosen, "matchExpressions")]
        return ",".join(terms) or NONE

    return cell


def _expression(expression: Object) -> str:
    key, operator = expression.get("key", ""), expression.get("operator")
    values = ",".join(sorted(expression.get("values") or ()))
    forms = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "DoesNotExist": f"!{key}"}
    return forms.get(str(operator), str(key))


def limited(values: Iterable[str], limit: int = 3) -> str:
    """Give the first few values and how many more there are."""
    shown = list(values)
    text = ",".join(shown[:limit])
    return f"{text} + {len(shown) - limit} more..." if len(shown) > limit else text or NONE


# ------------------------------------------------------------------------------------------ by kind


def service_address(item: Object, now: float) -> str:
    """Give the addresses by which a Service is reached from outside."""
    spec = item.get("spec") or {}
    kind = spec.get("type", "ClusterIP")
    if kind == "ExternalName":
        return str(spec.get("externalName", ""))
    addresses = list(spec.get("externalIPs") or ())
    if kind == "LoadBalancer":
        addresses = [*_balancer_addresses(item), *addresses]
        return ",".join(addresses) or "<pending>"
    return ",".join(addresses) or NONE


def service_ports(item: Object, now: float) -> str:
    """Give a Service's ports: ``80/TCP,443:30443/TCP``."""
    texts = []
    for port in entries(item, "spec.ports"):
        node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
        texts.append(f"{port.get('port')}{node_port}/{port.get('protocol', 'TCP')}")
    return ",".join(texts) or NONE


def _balancer_addresses(item: Object) -> list[str]:
    ingress = entries(item, "status.loadBalancer.ingress")
    return sorted({str(each.get("ip") or each.get("hostname") or "") for each in ingress} - {""})


def ingress_address(item: Object, now: float) -> str:
    """Give where an Ingress is reached."""
    return ",".join(_balancer_addresses(item))


def ingress_hosts(item: Object, now: float) -> str:
    """Give the hosts of an Ingress's rules."""
    hosts = [str(rule["host"]) for rule in entries(item, "spec.rules") if rule.get("host")]
    return limited(hosts) if hosts else "*"


def ingress_ports(item: Object, now: float) -> str:
    """Give the ports an Ingress listens on."""
    return "80, 443" if at(item, "spec.tls") else "80"


def endpoints(item: Object, now: float) -> str:
    """Give the addresses and ports of an Endpoints object."""
    found: list[str] = []
    for subset in entries(item, "subsets"):
        hosts = [str(each.get("ip", "")) for each in entries(subset, "addresses")]
        ports = [each.get("port") for each in entries(subset, "ports")]
        found += [f"{host}:{port}" for port in ports for host in hosts] if ports else hosts
    return limited(found)


def slice_ports(item: Object, now: float) -> str:
    """Give the ports of an EndpointSlice."""
    ports = [str(each.get("port") or each.get("name") or "*") for each in entries(item, "ports")]
    return limited(ports) if ports else "<unset>"


def slice_endpoints(item: Object, now: float) -> str:
    """Give the addresses of an EndpointSlice."""
    found = [str(each) for entry in entries(item, "endpoints") for each in entry.get("addresses") or ()]
    return limited(found) if found else "<unset>"


def job_status(item: Object, now: float) -> str:
    """Give what a Job has come to."""
    true = {each.get("type") for each in entries(item, "status.conditions") if each.get("status") == "True"}
    for kind in ("Complete", "Failed"):
        if kind in true:
            return kind
    if at(item, "metadata.deletionTimestamp"):
        return "Terminating"
    for kind in ("Suspended", "FailureTarget", "SuccessCriteriaMet"):
        if kind in true:
            return kind
    return "Running"


def job_completions(item: Object, now: float) -> str:
    """Give how many of a Job's pods have succeeded, of how many."""
    done, wanted = at(item, "status.succeeded", 0), at(item, "spec.completions")
    if wanted is not None:
        return f"{done}/{wanted}"
    parallel = at(item, "spec.parallelism", 0)
    return f"{done}/1 of {parallel}" if parallel > 1 else f"{done}/1"


def job_duration(item: Object, now: float) -> str:
    """Give how long a Job took, or has taken until now."""
    start = ages.parse_time(at(item, "status.startTime"))
    if start is None:
        return ""
    end = ages.parse_time(at(item, "status.completionTime"))
    return ages.human_duration((now if end is None else end) - start)


def node_status(item: Object, now: float) -> str:
    """Give whether a Node is ready."""
    ready = next((each for each in entries(item, "status.conditions") if each.get("type") == "Ready"), None)
    status = "Unknown" if ready is None else "Ready" if ready.get("status") == "True" else "NotReady"
    return f"{status},SchedulingDisabled" if at(item, "spec.unschedulable") else status


def node_roles(item: Object, now: float) -> str:
    """Give a Node's roles, told by its labels."""
    prefix = "node-role.kubernetes.io/"
    roles = {key.removeprefix(prefix) for key in labels_of(item) if key.startswith(prefix)}
    roles.add(labels_of(item).get("kubernetes.io/role", ""))
    return ",".join(sorted(roles - {""})) or NONE


def node_address(kind: str) -> Cell:
    """Give a Node's address of a kind."""

    def cell(item: Object, now: float) -> str:
        found = (each for each in entries(item, "status.addresses") if each.get("type") == kind)
        return str(next(found, {}).get("address", NONE))

    return cell


def node_kernel(item: Object, now: float) -> str:
    """Give a Node's kernel and architecture."""
    kernel = at(item, "status.nodeInfo.kernelVersion", "<unknown>")
    architecture = at(item, "status.nodeInfo.architecture", "")
    return f"{kernel} ({architecture})" if architecture else str(kernel)


def event_times(path: str) -> Cell:
    """Give the age of an event's first or last occurrence, from whichever field has it."""

    def cell(item: Object, now: float) -> str:
        candidates = [at(item, path), at(item, "firstTimestamp"), at(item, "eventTime")]
        if path == "lastTimestamp":
            candidates.insert(0, at(item, "series.lastObservedTime"))
        return ages.age(next(filter(None, candidates), None), now)

    return cell


def event_object(item: Object, now: float) -> str:
    """Give what an event is about: ``pod/web``."""
    subject = item.get("involvedObject") or item.get("regarding") or {}
    kind = str(subject.get("kind", "")).lower()
    return f"{kind}/{subject['name']}" if subject.get("name") else kind


def event_source(item: Object, now: float) -> str:
    """Give who reported an event."""
    component = at(item, "source.component") or item.get("reportingComponent", "")
    host = at(item, "source.host") or item.get("reportingInstance", "")
    return f"{component}, {host}" if host else str(component)


def event_count(item: Object, now: float) -> int:
    """Give how often an event has occurred."""
    return int(at(item, "series.count") or item.get("count") or 1)


def event_message(item: Object, now: float) -> str:
    """Give what an event says."""
    return str(item.get("message") or item.get("note") or "").strip()


def config_size(item: Object, now: float) -> int:
    """Give the number of entries of a ConfigMap, text and binary."""
    return len(at(item, "data", ())) + len(at(item, "binaryData", ()))


def scaled(item: Object, now: float) -> str:
    """Give what an autoscaler scales."""
    return f"{at(item, 'spec.scaleTargetRef.kind', '')}/{at(item, 'spec.scaleTargetRef.name', '')}"


def access_modes(path: str) -> Cell:
    """Give volume access modes in their short forms."""
    short = {
        "ReadWriteOnce": "RWO",
        "ReadOnlyMany": "ROX",
        "ReadWriteMany": "RWX",
        "ReadWriteOncePod": "RWOP",
    }
    return lambda item, now: ",".join(short[mode] for mode in short if mode in at(item, path, ()))


def phase(item: Object, now: float) -> str:
    """Give an object's phase, or that it is being deleted."""
    return "Terminating" if at(item, "metadata.deletionTimestamp") else str(at(item, "status.phase", ""))


def claim(item: Object, now: float) -> str:
    """Give the claim that a volume is bound to."""
    bound = at(item, "spec.claimRef")
    return f"{bound.get('namespace', '')}/{bound.get('name', '')}" if bound else ""


def role(item: Object, now: float) -> str:
    """Give the role that a binding grants."""
    return f"{at(item, 'roleRef.kind', '')}/{at(item, 'roleRef.name', '')}"


def subjects(kind: str) -> Cell:
    """Give a binding's subjects of a kind."""

    def cell(item: Object, now: float) -> str:
        chosen = [each for each in entries(item, "subjects") if each.get("kind") == kind]
        if kind == "ServiceAccount":
            return ", ".join(f"{each.get('namespace', '')}/{each.get('name', '')}" for each in chosen)
        return ", ".join(str(each.get("name", "")) for each in chosen)

    return cell


def name_with_default(annotation: str) -> Cell:
    """Give the name, marked when an annotation makes the object the default one."""

    def cell(item: Object, now: float) -> str:
        mark = " (default)" if annotations_of(item).get(annotation) == "true" else ""
        return f"{at(item, 'metadata.name', '')}{mark}"

    return cell


def owner(item: Object, now: float) -> str:
    """Give the controller that owns it: ``deployment.apps/web``."""
    reference = controller_of(item)
    if reference is None:
        return NONE
    group, _, _ = str(reference.get("apiVersion", "")).rpartition("/")
    kind = str(reference.get("kind", "")).lower()
    return f"{kind}.{group}/{reference.get('name')}" if group else f"{kind}/{reference.get('name')}"


def quota(limits: bool) -> Cell:
    """Give used and hard amounts of a quota, of limits or of all else."""

    def cell(item: Object, now: float) -> str:
        used = at(item, "status.used", {})
        return ", ".join(
            f"{name}: {used.get(name, 0)}/{hard}"
            for name, hard in sorted(at(item, "status.hard", {}).items())
            if name.startswith("limits.") == limits
        )

    return cell


def signing_status(item: Object, now: float) -> str:
    """Give what a CertificateSigningRequest has come to."""
    kinds = [str(each.get("type")) for each in entries(item, "status.conditions")]
    if at(item, "status.certificate"):
        kinds.append("Issued")
    return ",".join(kinds) or "Pending"
