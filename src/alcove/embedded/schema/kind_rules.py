"""The rules of each built-in kind beyond its schema: a check at a path where that says it, or a function."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from alcove.embedded.faults import Cause
from alcove.embedded.labels import selects
from alcove.embedded.objects import Object
from alcove.embedded.schema import causes, crd_rules, pod_rules, syntax
from alcove.embedded.schema.metadata_rules import check_labels
from alcove.embedded.schema.rules import (
    Rule,
    Whole,
    at_least,
    below,
    between,
    exactly_one,
    filled,
    keyed,
    like,
    named,
    one_of,
    present,
    selector,
    unchanging,
    unique,
    values_at,
)

_PROTOCOL = one_of("TCP", "UDP", "SCTP")
_DATA_LIMIT = 1024 * 1024

# ------------------------------------------------------------------------------------------ workloads


def _selects_template(kind: str) -> Whole:
    def check(item: Object, old: Object | None) -> Iterator[Cause]:
        spec = item.get("spec") or {}
        chosen = spec.get("selector")
        if chosen is None:
            return
        if not chosen.get("matchLabels") and not chosen.get("matchExpressions"):
            yield causes.invalid("spec.selector", chosen, f"empty selector is invalid for {kind}")
            return
        labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
        if not selects(chosen, labels):
            path = "spec.template.metadata.labels"
            yield causes.invalid(path, labels, "`selector` does not match template `labels`")

    return check


def _template(*policies: str) -> tuple[Rule | Whole, ...]:
    return (
        Rule("spec.template.spec.restartPolicy", one_of(*policies)),
        Rule("spec.template.metadata.labels", check_labels),
        *below("spec.template.spec", pod_rules.FIELDS),
        _template_references,
    )


def _template_references(item: Object, old: Object | None) -> Iterator[Cause]:
    """Yield a template's references to what is not there; a StatefulSet's claims are volumes of its pods."""
    spec = item.get("spec") or {}
    claims = [each.get("metadata") or {} for each in spec.get("volumeClaimTemplates") or ()]
    for path, pod in values_at(item, "spec.template.spec"):
        whole = pod | {"volumes": [*(pod.get("volumes") or ()), *claims]}
        for cause in pod_rules.cross_references(whole, None):
            yield Cause(cause.reason, cause.message, f"{path}.{cause.field}")


def _replicated(kind: str) -> tuple[Rule | Whole, ...]:
    return (
        Rule("spec.replicas", at_least(0)),
        Rule("spec.minReadySeconds", at_least(0)),
        Rule("spec.revisionHistoryLimit", at_least(0)),
        Rule("spec.selector", selector),
        _selects_template(kind),
        *_template("Always"),
    )


def _recreate(path: str, value: Any) -> Iterator[Cause]:
    if value.get("type") == "Recreate" and value.get("rollingUpdate"):
        yield causes.forbidden(
            f"{path}.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'"
        )


_STATEFUL_CHANGEABLE = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)


def _stateful_update(item: Object, old: Object | None) -> Iterator[Cause]:
    before, after = ((each or {}).get("spec") or {} for each in (old, item))
    if old is None or all(
        before.get(name) == after.get(name)
        for name in before.keys() | after.keys()
        if name not in _STATEFUL_CHANGEABLE
    ):
        return
    *most, last = (f"'{name}'" for name in _STATEFUL_CHANGEABLE)
    named = f"{', '.join(most)} and {last}"
    yield causes.forbidden("spec", f"updates to statefulset spec for fields other than {named} are forbidden")


def _job_policy(item: Object, old: Object | None) -> Iterator[Cause]:
    for path, policy in values_at(item, "spec.template.spec.restartPolicy"):
        if policy == "Always":
            yield causes.required(path, 'valid values: "OnFailure", "Never"')


# ------------------------------------------------------------------------------------------- services


def _service(item: Object, old: Object | None) -> Iterator[Cause]:
    spec = item.get("spec") or {}
    kind, ports = spec.get("type", "ClusterIP"), spec.get("ports") or []
    if not ports and kind != "ExternalName" and spec.get("clusterIP") != "None":
        yield causes.required("spec.ports")
    if kind == "ExternalName":
        name = spec.get("externalName", "")
        if not name:
            yield causes.required("spec.externalName")
        for complaint in syntax.dns_subdomain(name.rstrip(".").lower()) if name else ():
            yield causes.invalid("spec.externalName", name, complaint)
    if kind == "LoadBalancer" and spec.get("clusterIP") == "None":
        yield causes.invalid(
            "spec.clusterIPs[0]", "None", "may not be set to 'None' for LoadBalancer services"
        )
    for index, port in enumerate(ports if len(ports) > 1 else ()):
        if not port.get("name"):
            yield causes.required(f"spec.ports[{index}].name")
    before = (old or {}).get("spec") or {}
    address = spec.get("clusterIP", "")
    stays = before.get("clusterIP") and "ExternalName" not in (kind, before.get("type"))
    if stays and address != before["clusterIP"]:
        yield causes.invalid("spec.clusterIPs[0]", [address], "may not change once set")


def _cluster_address(path: str, value: Any) -> Iterator[Cause]:
    if value not in ("", "None"):
        yield from like(syntax.ip_address)(path, value)


# ------------------------------------------------------------------------------------- configuration


def _frozen(*fields: str) -> Whole:
    def check(item: Object, old: Object | None) -> Iterator[Cause]:
        if not (old or {}).get("immutable") or old is None:
            return
        if not item.get("immutable"):
            yield causes.forbidden("immutable", "field is immutable when `immutable` is set")
        for field in fields:
            if (item.get(field) or {}) != (old.get(field) or {}):
                yield causes.forbidden(field, "field is immutable when `immutable` is set")

    return check


def _bounded(item: Object, old: Object | None) -> Iterator[Cause]:
    # Base64 takes four bytes for three.
    size = sum(len(text) for text in (item.get("data") or {}).values())
    size = size * 3 // 4 if item.get("kind") == "Secret" else size
    size += sum(len(text) * 3 // 4 for text in (item.get("binaryData") or {}).values())
    if size > _DATA_LIMIT:
        yield causes.too_long("data", _DATA_LIMIT)


_SECRET_KEYS = {
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}


def _secret_keys(item: Object, old: Object | None) -> Iterator[Cause]:
    for key in _SECRET_KEYS.get(item.get("type", ""), ()):
        if key not in (item.get("data") or {}):
            yield causes.required(f"data[{key}]")


def _both_data(item: Object, old: Object | None) -> Iterator[Cause]:
    for key in sorted((item.get("data") or {}).keys() & (item.get("binaryData") or {}).keys()):
        yield causes.invalid(f"binaryData[{key}]", key, "duplicate of key present in data")


# ---------------------------------------------------------------------------------------------- others


def _ingress(item: Object, old: Object | None) -> Iterator[Cause]:
    spec = item.get("spec") or {}
    if not spec.get("rules") and not spec.get("defaultBackend"):
        yield causes.invalid("spec", spec, "either `defaultBackend` or `rules` must be specified")


def _ingress_path(path: str, value: Any) -> Iterator[Cause]:
    kind = value.get("pathType")
    if not kind:
        yield causes.required(f"{path}.pathType", "pathType must be specified")
    elif kind not in ("Exact", "Prefix", "ImplementationSpecific"):
        yield causes.not_supported(f"{path}.pathType", kind, ("Exact", "ImplementationSpecific", "Prefix"))
    elif kind != "ImplementationSpecific" and not str(value.get("path", "")).startswith("/"):
        yield causes.invalid(f"{path}.path", value.get("path", ""), "must be an absolute path")


def _backend(path: str, value: Any) -> Iterator[Cause]:
    service = value.get("service")
    if service is None:
        return
    yield from present("name")(f"{path}.service", service)
    port = service.get("port") or {}
    if not port.get("name") and not port.get("number"):
        yield causes.required(f"{path}.service", "port name or number is required")


def _policy_rule(path: str, value: Any) -> Iterator[Cause]:
    if not value.get("verbs"):
        yield causes.required(f"{path}.verbs", "verbs must contain at least one value")
    if value.get("nonResourceURLs"):
        if value.get("resources") or value.get("apiGroups"):
            why = "rules cannot apply to both regular resources and non-resource URLs"
            yield causes.invalid(f"{path}.nonResourceURLs", value["nonResourceURLs"], why)
        return
    if not value.get("apiGroups"):
        yield causes.required(f"{path}.apiGroups", "resource rules must supply at least one api group")
    if not value.get("resources"):
        yield causes.required(f"{path}.resources", "resource rules must supply at least one resource")


def _role_reference(item: Object, old: Object | None) -> Iterator[Cause]:
    if old is not None and item.get("roleRef") != old.get("roleRef"):
        yield causes.invalid("roleRef", item.get("roleRef"), "cannot change roleRef")


def _claim_update(item: Object, old: Object | None) -> Iterator[Cause]:
    def fixed(claim: Object) -> Object:
        changeable = ("resources", "volumeAttributesClassName")
        spec = {name: value for name, value in (claim.get("spec") or {}).items() if name not in changeable}
        # The volume is filled in by whoever binds the claim.
        return spec | {"volumeName": spec.get("volumeName") if bound else ""}

    bound = bool(((old or {}).get("spec") or {}).get("volumeName"))
    if old is not None and fixed(item) != fixed(old):
        why = (
            "spec is immutable after creation except resources.requests and volumeAttributesClassName "
            "for bound claims"
        )
        yield causes.forbidden("spec", why)


def _claim_size(item: Object, old: Object | None) -> Iterator[Cause]:
    requests = ((item.get("spec") or {}).get("resources") or {}).get("requests") or {}
    if "storage" not in requests:
        yield causes.required("spec.resources[storage]")


_BINDING = (
    _role_reference,
    Rule("roleRef", present("name")),
    Rule("subjects[*]", present("name")),
    Rule("subjects[*].kind", one_of("ServiceAccount", "User", "Group")),
)
_WEBHOOKS = (
    Rule("webhooks", unique("name")),
    Rule("webhooks[*].name", named(syntax.dns_subdomain)),
    Rule(
        "webhooks[*].clientConfig",
        exactly_one(
            "url",
            "service",
            missing="exactly one of url or service is required",
            more="exactly one of url or service is required",
        ),
    ),
    Rule("webhooks[*].failurePolicy", one_of("Ignore", "Fail")),
    Rule("webhooks[*].matchPolicy", one_of("Equivalent", "Exact")),
    Rule("webhooks[*].sideEffects", one_of("None", "NoneOnDryRun")),
    Rule("webhooks[*].admissionReviewVersions", filled("must specify one of v1, v1beta1")),
    Rule("webhooks[*].timeoutSeconds", between(1, 30)),
    Rule("webhooks[*].namespaceSelector", selector),
    Rule("webhooks[*].objectSelector", selector),
    Rule("webhooks[*].rules[*].operations[*]", one_of("CREATE", "UPDATE", "DELETE", "CONNECT", "*")),
)
_ROLE = (Rule("rules[*]", _policy_rule),)

RULES: dict[str, tuple[Rule | Whole, ...]] = {
    "pods": (*below("spec", pod_rules.SPEC), pod_rules.unchanged_spec),
    "podtemplates": below("template.spec", pod_rules.SPEC),
    "deployments.apps": (
        *_replicated("deployment"),
        Rule("spec.strategy", _recreate),
        Rule("spec.strategy.type", one_of("Recreate", "RollingUpdate")),
        unchanging("spec.selector"),
    ),
    "replicasets.apps": (*_replicated("deployment"), unchanging("spec.selector")),
    "statefulsets.apps": (
        *_replicated("statefulset"),
        Rule("spec.podManagementPolicy", one_of("OrderedReady", "Parallel")),
        Rule("spec.updateStrategy.type", one_of("RollingUpdate", "OnDelete")),
        _stateful_update,
    ),
    "jobs.batch": (
        Rule("spec.parallelism", at_least(0)),
        Rule("spec.completions", at_least(0)),
        Rule("spec.backoffLimit", at_least(0)),
        Rule("spec.activeDeadlineSeconds", at_least(0)),
        Rule("spec.ttlSecondsAfterFinished", at_least(0)),
        Rule("spec.completionMode", one_of("NonIndexed", "Indexed")),
        _job_policy,
        *below("spec.template.spec", pod_rules.SPEC),
        unchanging("spec.selector", "spec.template", "spec.completionMode"),
    ),
    "services": (
        Rule("spec.type", one_of("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")),
        Rule("spec.sessionAffinity", one_of("ClientIP", "None")),
        Rule("spec.internalTrafficPolicy", one_of("Cluster", "Local")),
        Rule("spec.externalTrafficPolicy", one_of("Cluster", "Local")),
        Rule("spec.clusterIP", _cluster_address),
        Rule("spec.externalIPs[*]", like(syntax.ip_address)),
        Rule("spec.selector", check_labels),
        Rule("spec.ports[*].port", between(1, 65535)),
        Rule("spec.ports[*].targetPort", between(1, 65535)),
        Rule("spec.ports[*].nodePort", between(0, 65535)),
        Rule("spec.ports[*].protocol", _PROTOCOL),
        Rule("spec.ports[*].name", like(lambda name: syntax.dns_label(name) if name else [])),
        Rule("spec.ports", unique("name")),
        Rule("spec.ports", unique("port", "protocol")),
        _service,
    ),
    "configmaps": (
        Rule("data", keyed(syntax.config_key)),
        Rule("binaryData", keyed(syntax.config_key)),
        Rule("binaryData.*", like(syntax.base64_text)),
        _both_data,
        _bounded,
        _frozen("data", "binaryData"),
    ),
    "secrets": (
        Rule("data", keyed(syntax.config_key)),
        Rule("data.*", like(syntax.base64_text)),
        _secret_keys,
        _bounded,
        _frozen("data"),
        unchanging("type"),
    ),
    "persistentvolumeclaims": (
        Rule("spec", present("accessModes", why="at least 1 access mode is required")),
        Rule(
            "spec.accessModes[*]",
            one_of("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"),
        ),
        _claim_size,
        _claim_update,
    ),
    "storageclasses.storage.k8s.io": (unchanging("provisioner", "parameters", "reclaimPolicy"),),
    "ingresses.networking.k8s.io": (
        _ingress,
        Rule("spec.rules[*].http.paths[*]", _ingress_path),
        Rule("spec.rules[*].http.paths[*].backend", _backend),
        Rule("spec.defaultBackend", _backend),
    ),
    "networkpolicies.networking.k8s.io": (
        Rule("spec.podSelector", selector),
        Rule("spec.policyTypes[*]", one_of("Egress", "Ingress")),
    ),
    "endpoints": (Rule("subsets[*].addresses[*].ip", like(syntax.ip_address)),),
    "endpointslices.discovery.k8s.io": (
        Rule("addressType", one_of("FQDN", "IPv4", "IPv6")),
        Rule("endpoints[*]", present("addresses")),
        Rule("ports[*].protocol", _PROTOCOL),
        unchanging("addressType"),
    ),
    "roles.rbac.authorization.k8s.io": _ROLE,
    "clusterroles.rbac.authorization.k8s.io": _ROLE,
    "rolebindings.rbac.authorization.k8s.io": _BINDING,
    "clusterrolebindings.rbac.authorization.k8s.io": _BINDING,
    "leases.coordination.k8s.io": (Rule("spec.leaseDurationSeconds", at_least(1)),),
    "horizontalpodautoscalers.autoscaling": (
        Rule("spec.maxReplicas", at_least(1)),
        Rule("spec.minReplicas", at_least(1)),
    ),
    "priorityclasses.scheduling.k8s.io": (unchanging("value", "preemptionPolicy"),),
    "validatingwebhookconfigurations.admissionregistration.k8s.io": _WEBHOOKS,
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": _WEBHOOKS,
    "customresourcedefinitions.apiextensions.k8s.io": (crd_rules.check_crd,),
}
"""By resource; a kind that is not named here has none."""
