"""The rules of kinds that bound or steer others: autoscalers, budgets, quotas, ranges, classes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from alcove.embedded.faults import Cause
from alcove.embedded.objects import Object
from alcove.embedded.schema import causes, quantities, syntax
from alcove.embedded.schema.rules import (
    Rule,
    Whole,
    at_least,
    between,
    like,
    named,
    one_of,
    present,
    selector,
    share,
    unchanging,
)

_SYSTEM_HIGHEST = 1_000_000_000
_METRICS = {
    "Resource": "resource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
    "ContainerResource": "containerResource",
}

# ---------------------------------------------------------------------------------------- autoscaling


def _autoscaler(item: Object, old: Object | None) -> Iterator[Cause]:
    spec = item.get("spec") or {}
    target = spec.get("scaleTargetRef") or {}
    yield from present("kind", "name")("spec.scaleTargetRef", target)
    if not target.get("apiVersion"):
        yield causes.invalid("spec.scaleTargetRef.apiVersion", "", "version must not be empty")
    lowest, highest = spec.get("minReplicas", 1), spec.get("maxReplicas") or 0
    if highest < 1:
        yield causes.invalid("spec.maxReplicas", highest, "must be greater than 0")
    if highest < lowest:
        yield causes.invalid("spec.maxReplicas", highest, "must be greater than or equal to `minReplicas`")


def _metric(path: str, value: Any) -> Iterator[Cause]:
    kind = value.get("type", "")
    field = _METRICS.get(kind)
    if field is None:
        yield causes.not_supported(f"{path}.type", kind, sorted(_METRICS))
        return
    source = value.get(field)
    if source is None:
        yield causes.required(f"{path}.{field}", "must populate information for the given metric source")
        return
    target = source.get("target") or {}
    if kind == "Resource" and target.get("type") == "Utilization" and not target.get("averageUtilization"):
        why = "must set either a target raw value or a target utilization"
        yield causes.required(f"{path}.{field}.target.averageUtilization", why)


def _scaling(direction: str) -> tuple[Rule, ...]:
    path = f"spec.behavior.{direction}"
    return (
        Rule(f"{path}.stabilizationWindowSeconds", between(0, 3600)),
        Rule(f"{path}.policies[*].type", one_of("Pods", "Percent")),
        Rule(f"{path}.policies[*].value", at_least(1)),
        Rule(f"{path}.policies[*].periodSeconds", between(1, 1800)),
        Rule(f"{path}.selectPolicy", one_of("Max", "Min", "Disabled")),
    )


# -------------------------------------------------------------------------------------------- budgets


def _budget(item: Object, old: Object | None) -> Iterator[Cause]:
    spec = item.get("spec") or {}
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        yield causes.invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set")


# ------------------------------------------------------------------------------------ quotas and ranges


_COUNTED = re.compile(
    "pods|services|replicationcontrollers|resourcequotas|secrets|configmaps|persistentvolumeclaims|"
    r"services\.nodeports|services\.loadbalancers|cpu|memory|storage|ephemeral-storage|"
    r"(requests|limits)\..+|hugepages-.+|count/.+|.+/.+"
)
_WHOLE = re.compile(
    "pods|services.*|replicationcontrollers|resourcequotas|secrets|configmaps|persistentvolumeclaims|count/.+"
)
_SCOPES = (
    "Terminating",
    "NotTerminating",
    "BestEffort",
    "NotBestEffort",
    "PriorityClass",
    "CrossNamespacePodAffinity",
    "VolumeAttributesClass",
)


def _hard(path: str, value: Any) -> Iterator[Cause]:
    for name, text in value.items():
        place = f"{path}[{name}]"
        amount = quantities.parse(text)
        if not _COUNTED.fullmatch(name):
            yield causes.invalid(place, name, "must be a standard resource for quota")
        elif amount is not None and amount.nano < 0:
            yield causes.invalid(place, text, "must be greater than or equal to 0")
        elif amount is not None and _WHOLE.fullmatch(name) and amount.nano % 10**9:
            yield causes.invalid(place, text, "must be an integer")


def _scopes(path: str, value: Any) -> Iterator[Cause]:
    if any(scope not in _SCOPES for scope in value):
        yield causes.invalid(path, value, "unsupported scope")


def _range(path: str, value: Any) -> Iterator[Cause]:
    kind = value.get("type", "")
    if kind not in ("Container", "Pod", "PersistentVolumeClaim"):
        yield causes.invalid(f"{path}.type", kind, "must be a standard limit type or fully qualified")
    orders = (("min", "max"), ("defaultRequest", "max"), ("min", "default"), ("min", "defaultRequest"))
    for low, high in (*orders, ("default", "max"), ("defaultRequest", "default")):
        for name, text in (value.get(low) or {}).items():
            limit = (value.get(high) or {}).get(name)
            less, more = quantities.parse(text), quantities.parse(limit)
            if less is not None and more is not None and less.nano > more.nano:
                why = f"{low} value {text} is greater than {high} value {limit}"
                yield causes.invalid(f"{path}.{low}[{name}]", text, why)


# -------------------------------------------------------------------------------------------- classes


def _priority_class(item: Object, old: Object | None) -> Iterator[Cause]:
    name, value = item["metadata"].get("name", ""), item.get("value") or 0
    if name in ("system-cluster-critical", "system-node-critical"):
        return
    if name.startswith("system-"):
        yield causes.forbidden("metadata.name", "priority class names with 'system-' prefix are reserved")
    if value > _SYSTEM_HIGHEST:
        why = f"maximum allowed value of a user defined priority is {_SYSTEM_HIGHEST}"
        yield causes.forbidden("value", why)


RULES: dict[str, tuple[Rule | Whole, ...]] = {
    "horizontalpodautoscalers.autoscaling": (
        _autoscaler,
        Rule("spec.minReplicas", at_least(1)),
        Rule("spec.metrics[*]", _metric),
        *_scaling("scaleUp"),
        *_scaling("scaleDown"),
    ),
    "poddisruptionbudgets.policy": (
        _budget,
        Rule("spec.minAvailable", share),
        Rule("spec.maxUnavailable", share),
        Rule("spec.selector", selector),
        Rule("spec.unhealthyPodEvictionPolicy", one_of("AlwaysAllow", "IfHealthyBudget")),
    ),
    "resourcequotas": (Rule("spec.hard", _hard), Rule("spec.scopes", _scopes)),
    "limitranges": (Rule("spec.limits[*]", _range),),
    "priorityclasses.scheduling.k8s.io": (
        _priority_class,
        Rule("preemptionPolicy", one_of("Never", "PreemptLowerPriority")),
        unchanging("value", "preemptionPolicy"),
    ),
    "runtimeclasses.node.k8s.io": (Rule("handler", named(syntax.dns_label)), unchanging("handler")),
    "leases.coordination.k8s.io": (
        Rule("spec.leaseDurationSeconds", at_least(1)),
        Rule("spec.leaseTransitions", at_least(0)),
    ),
    "ingressclasses.networking.k8s.io": (
        Rule("spec.controller", like(lambda text: [] if "/" in text else [_CONTROLLER])),
        unchanging("spec.controller"),
    ),
}
"""By resource."""
_CONTROLLER = 'must be a domain-prefixed path (such as "acme.io/foo")'
