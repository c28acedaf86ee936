"""Whether a pod can run on the one node there is: the scheduler's verdict, pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from alcove.embedded.kubelet.downward import parse_quantity
from alcove.embedded.objects import GroupResource, Object, labels_of, metadata
from alcove.embedded.ports import ClusterReader

_COUNTED = ("cpu", "memory", "ephemeral-storage")
_NOT_HELPFUL = "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
_NO_VICTIMS = "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."

Amounts = Mapping[str, Fraction]


def requests_of(pod: Object) -> dict[str, Fraction]:
    """Give what the pod asks of the node: the sum of its containers, or its greediest init container."""
    spec = pod["spec"]
    total: dict[str, Fraction] = {"pods": Fraction(1)}
    for container in spec["containers"]:
        _add(total, _requests(container))
    peak: dict[str, Fraction] = {}
    for container in spec.get("initContainers") or ():
        wanted = _requests(container)
        if container.get("restartPolicy") == "Always":
            _add(total, wanted)
        for name, amount in wanted.items():
            peak[name] = max(peak.get(name, Fraction(0)), amount)
    for name, amount in peak.items():
        total[name] = max(total.get(name, Fraction(0)), amount)
    _add(total, _amounts(spec.get("overhead") or {}))
    return total


def _requests(container: Object) -> dict[str, Fraction]:
    resources = container.get("resources") or {}
    return _amounts((resources.get("limits") or {}) | (resources.get("requests") or {}))


def _amounts(quantities: Mapping[str, Any]) -> dict[str, Fraction]:
    return {name: parse_quantity(value) for name, value in quantities.items()}


def _add(total: dict[str, Fraction], more: Amounts) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, Fraction(0)) + amount


def refusal(pod: Object, node: Object, used: Iterable[Amounts], reader: ClusterReader) -> str | None:
    """Give why the pod cannot run on ``node``, beside pods that use ``used``; None when it can."""
    if told := _unbound_claim(pod, reader):
        return f"0/1 nodes are available: {told}. {_NOT_HELPFUL}"
    if told := _unfit(pod, node):
        return f"0/1 nodes are available: 1 {told}. {_NOT_HELPFUL}"
    if lacking := _lacking(requests_of(pod), node, used):
        told = ", ".join(f"1 {name}" for name in lacking)
        return f"0/1 nodes are available: {told}. {_NO_VICTIMS}"
    return None


def _unbound_claim(pod: Object, reader: ClusterReader) -> str:
    namespace, name = metadata(pod).get("namespace", ""), metadata(pod)["name"]
    for volume in pod["spec"].get("volumes") or ():
        claim = volume.get("persistentVolumeClaim")
        if not claim and "ephemeral" not in volume:
            continue
        wanted = claim["claimName"] if claim else f"{name}-{volume['name']}"
        found = reader.get(GroupResource("persistentvolumeclaims"), namespace, wanted)
        if found is None:
            return f'persistentvolumeclaim "{wanted}" not found'
        if metadata(found).get("deletionTimestamp"):
            return f'persistentvolumeclaim "{wanted}" is being deleted'
        if not found["spec"].get("volumeName"):
            return "pod has unbound immediate PersistentVolumeClaims"
    return ""


def _unfit(pod: Object, node: Object) -> str:
    spec, node_spec = pod["spec"], node.get("spec") or {}
    tolerations = spec.get("tolerations") or ()
    if node_spec.get("unschedulable"):
        cordon = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
        if not any(_tolerates(item, cordon) for item in tolerations):
            return "node(s) were unschedulable"
    for taint in node_spec.get("taints") or ():
        hard = taint.get("effect") in ("NoSchedule", "NoExecute")
        if hard and not any(_tolerates(item, taint) for item in tolerations):
            return "node(s) had untolerated taint(s)"
    if not _selected(spec, node):
        return "node(s) didn't match Pod's node affinity/selector"
    return ""


def _tolerates(toleration: Object, taint: Object) -> bool:
    if toleration.get("effect") not in (None, "", taint.get("effect")):
        return False
    key = toleration.get("key")
    if not key:
        return toleration.get("operator") == "Exists"
    if key != taint["key"]:
        return False
    exists = toleration.get("operator") == "Exists"
    return exists or (toleration.get("value") or "") == (taint.get("value") or "")


def _selected(spec: Object, node: Object) -> bool:
    labels = labels_of(node)
    if any(labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if not required:
        return True
    return any(_term_matches(term, node) for term in required.get("nodeSelectorTerms") or ())


def _term_matches(term: Object, node: Object) -> bool:
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    names = {"metadata.name": metadata(node)["name"]}
    return all(_expression_matches(e, labels_of(node)) for e in expressions) and all(
        _expression_matches(e, names) for e in fields
    )


def _expression_matches(expression: Object, labels: Mapping[str, str]) -> bool:
    value, wanted = labels.get(expression["key"]), expression.get("values") or []
    match expression.get("operator"):
        case "In":
            return value in wanted
        case "NotIn":
            return value not in wanted
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt" as operator:
            try:
                have, limit = int(value or ""), int(wanted[0])
            except (ValueError, IndexError):
                return False
            return have > limit if operator == "Gt" else have < limit
    return False


def _lacking(wanted: Amounts, node: Object, used: Iterable[Amounts]) -> list[str]:
    allocatable = (node.get("status") or {}).get("allocatable") or {}
    free = {name: parse_quantity(value) for name, value in allocatable.items()}
    for amounts in used:
        for name, amount in amounts.items():
            if name in free:
                free[name] -= amount
    lacking = []
    for name, amount in wanted.items():
        if not amount or (name not in free and name in _COUNTED):
            continue
        if amount > free.get(name, Fraction(0)):
            lacking.append("Too many pods" if name == "pods" else f"Insufficient {name}")
    return sorted(lacking)
