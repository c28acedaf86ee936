"""The rules of each built-in kind beyond its schema: a check at a path where that says it, or a function."""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Iterator
from typing import Any

from alcove.embedded.faults import Cause
from alcove.embedded.labels import selects
from alcove.embedded.objects import Object
from alcove.embedded.schema import (
    causes,
    crd_rules,
    network_rules,
    pod_rules,
    policy_rules,
    syntax,
    volume_rules,
)
from alcove.embedded.schema.metadata_rules import check_labels
from alcove.embedded.schema.rules import (
    Check,
    Rule,
    Whole,
    at_least,
    below,
    between,
    keyed,
    like,
    named,
    one_of,
    percentage,
    present,
    selector,
    share,
    unchanging,
    unique,
    values_at,
)

_DATA_LIMIT = 1024 * 1024

# ------------------------------------------------------------------------------------------ workloads


def _selects_template(kind: str) -> Whole:
    def check(item: Object, old: Object | None) -> Iterator[Cause]:
        spec = item.get("spec") or {}
        chosen, template = spec.get("selector"), spec.get("template") or {}
        if not (template.get("spec") or {}).get("containers"):
            yield causes.required("spec.template.spec.containers")
        if chosen is not None and not chosen.get("matchLabels") and not chosen.get("matchExpressions"):
            yield causes.invalid("spec.selector", chosen, f"empty selector is invalid for {kind}")
            return
        if chosen is None:
            yield causes.required("spec.selector")
        elif next(selector("", chosen), None) is not None:
            yield causes.invalid("spec.selector", chosen, "invalid label selector")
            return
        labels = (template.get("metadata") or {}).get("labels") or {}
        if chosen is None or not selects(chosen, labels):
            path = "spec.template.metadata.labels"
            yield causes.invalid(path, labels, "`selector` does not match template `labels`")

    return check


def _template(*policies: str) -> tuple[Rule | Whole, ...]:
    return (
        Rule("spec.template.spec.restartPolicy", one_of(*policies)),
        Rule("spec.template.spec.activeDeadlineSeconds", _no_deadline),
        Rule("spec.template.metadata", _template_labels),
        *below("spec.template.spec", pod_rules.FIELDS),
        _template_references,
    )


def _no_deadline(path: str, value: Any) -> Iterator[Cause]:
    yield causes.forbidden(path, "activeDeadlineSeconds in ReplicaSet is not Supported")


def _template_labels(path: str, value: Any) -> Iterator[Cause]:
    # The path is Kubernetes' own: without the metadata.
    yield from check_labels(path.replace(".metadata", ".labels"), value.get("labels") or {})


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


def _strategy(path: str, value: Any) -> Iterator[Cause]:
    kind, rolling = value.get("type"), value.get("rollingUpdate") or {}
    if kind not in (None, "Recreate", "RollingUpdate"):
        yield causes.not_supported(path, kind, ("Recreate", "RollingUpdate"))
    if kind == "Recreate" and rolling:
        yield causes.forbidden(
            f"{path}.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'"
        )
    most, extra = rolling.get("maxUnavailable"), rolling.get("maxSurge")
    if most is not None:
        yield from share(f"{path}.rollingUpdate.maxUnavailable", most)
    if extra is not None:
        yield from percentage(f"{path}.rollingUpdate.maxSurge", extra)
    if most in (0, "0%") and extra in (0, "0%"):
        why = "may not be 0 when `maxSurge` is 0"
        yield causes.invalid(f"{path}.rollingUpdate.maxUnavailable", most, why)


def _progress(path: str, value: Any) -> Iterator[Cause]:
    seconds = value.get("progressDeadlineSeconds")
    if seconds is not None and seconds <= (value.get("minReadySeconds") or 0):
        why = "must be greater than minReadySeconds"
        yield causes.invalid(f"{path}.progressDeadlineSeconds", seconds, why)


def _unknown_type(*known: str) -> Check:
    """Refuse other values as StatefulSets do: as invalid, at the part that has them."""

    def check(path: str, value: Any) -> Iterator[Cause]:
        if value not in known:
            place = path.removesuffix(".type")
            names = " or ".join(f"'{each}'" for each in known)
            yield causes.invalid(place, value, f"must be {names}")

    return check


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


def _job(item: Object, old: Object | None) -> Iterator[Cause]:
    spec = item.get("spec") or {}
    template = spec.get("template") or {}
    pod = template.get("spec") or {}
    if not pod.get("containers"):
        yield causes.required("spec.template.spec.containers")
    if pod.get("restartPolicy", "Always") == "Always":
        yield causes.required("spec.template.spec.restartPolicy", 'valid values: "OnFailure", "Never"')
    if spec.get("completionMode") == "Indexed" and spec.get("completions") is None:
        yield causes.required("spec.completions", "when completion mode is Indexed")
    if spec.get("backoffLimitPerIndex") is not None and spec.get("completionMode") != "Indexed":
        why = "requires indexed completion mode"
        yield causes.invalid("spec.backoffLimitPerIndex", spec["backoffLimitPerIndex"], why)
    if spec.get("manualSelector") and not spec.get("selector"):
        yield causes.required("spec.selector")
    labels = (template.get("metadata") or {}).get("labels") or {}
    if not selects(spec.get("selector") or {}, labels):
        why = "`selector` does not match template `labels`"
        yield causes.invalid("spec.template.metadata.labels", labels, why)


def _failure_rule(path: str, value: Any) -> Iterator[Cause]:
    known = ("Count", "FailIndex", "FailJob", "Ignore")
    if value.get("action") not in known:
        yield causes.not_supported(f"{path}.action", value.get("action"), known)
    if bool(value.get("onExitCodes")) == bool(value.get("onPodConditions")):
        yield causes.invalid(path, "", "specifying one of OnExitCodes and OnPodConditions is required")


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


_ACCOUNT_NAME = "kubernetes.io/service-account.name"
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
    kind, texts = item.get("type", ""), item.get("data") or {}
    if kind == "kubernetes.io/basic-auth" and not {"username", "password"} & texts.keys():
        yield causes.required("data[username]")
        yield causes.required("data[password]")
    annotations = (item.get("metadata") or {}).get("annotations") or {}
    if kind == "kubernetes.io/service-account-token" and not annotations.get(_ACCOUNT_NAME):
        yield causes.required(f"metadata.annotations[{_ACCOUNT_NAME}]")
    for key in (".dockerconfigjson", ".dockercfg") if kind.startswith("kubernetes.io/dockerc") else ():
        if key in texts and not _is_json_object(texts[key]):
            yield causes.invalid(f"data[{key}]", "<secret contents redacted>", "invalid character")


def _is_json_object(encoded: str) -> bool:
    try:
        return isinstance(json.loads(base64.b64decode(encoded)), dict)
    except (ValueError, RecursionError):
        return False


def _both_data(item: Object, old: Object | None) -> Iterator[Cause]:
    for key in sorted((item.get("data") or {}).keys() & (item.get("binaryData") or {}).keys()):
        yield causes.invalid(f"data[{key}]", key, "duplicate of key present in binaryData")


# ---------------------------------------------------------------------------------------------- others


def _namespaced_rule(path: str, value: Any) -> Iterator[Cause]:
    urls = value.get("nonResourceURLs")
    if urls:
        why = "namespaced rules cannot apply to non-resource URLs"
        yield causes.invalid(f"{path}.nonResourceURLs", urls, why)
    else:
        yield from _policy_rule(path, value)


def _event(item: Object, old: Object | None) -> Iterator[Cause]:
    namespace = (item.get("metadata") or {}).get("namespace")
    about = (item.get("involvedObject") or {}).get("namespace") or ""
    if old is None and about != namespace and (about or namespace != "default"):
        yield causes.invalid("involvedObject.namespace", about, "does not match event.namespace")


def _csr(item: Object, old: Object | None) -> Iterator[Cause]:
    spec = item.get("spec") or {}
    text = base64.b64decode(spec.get("request") or "")
    if old is None and b"-----BEGIN CERTIFICATE REQUEST-----" not in text:
        yield causes.invalid(
            "spec.request", spec.get("request", ""), "PEM block type must be CERTIFICATE REQUEST"
        )
    yield from present("usages", "signerName")("spec", spec)


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


def _role_reference(*kinds: str) -> Whole:
    def check(item: Object, old: Object | None) -> Iterator[Cause]:
        reference = item.get("roleRef") or {}
        if reference.get("apiGroup", _RBAC) != _RBAC:
            yield causes.not_supported("roleRef.apiGroup", reference["apiGroup"], (_RBAC,))
        if reference.get("kind") not in kinds:
            yield causes.not_supported("roleRef.kind", reference.get("kind", ""), kinds)
        yield from present("name")("roleRef", reference)
        if old is not None and item.get("roleRef") != old.get("roleRef"):
            yield causes.invalid("roleRef", item.get("roleRef"), "cannot change roleRef")

    return check


_RBAC = "rbac.authorization.k8s.io"
_BINDING = (
    Rule("subjects[*]", present("name")),
    Rule("subjects[*].kind", one_of("ServiceAccount", "User", "Group")),
)


def _webhook_name(path: str, value: Any) -> Iterator[Cause]:
    yield from named(syntax.dns_subdomain)(path, value)
    if value and value.count(".") < 2:
        yield causes.invalid(path, value, "should be a domain with at least three segments separated by dots")


def _webhook_client(path: str, value: Any) -> Iterator[Cause]:
    url = value.get("url")
    if (url is None) == (value.get("service") is None):
        yield causes.required(path, "exactly one of url or service is required")
    elif url is not None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme != "https":
            yield causes.invalid(f"{path}.url", url, "'https' is the only allowed URL scheme")
        elif not parts.hostname:
            yield causes.invalid(f"{path}.url", url, "host must be specified")
        for name, part in (("query", parts.query), ("fragment", parts.fragment)):
            if part:
                yield causes.invalid(f"{path}.url", part, f"{name} parameters are not permitted in the URL")


def _review_versions(path: str, value: Any) -> Iterator[Cause]:
    if not value:
        yield causes.required(path, "must specify one of v1, v1beta1")
    elif not {"v1", "v1beta1"} & set(value):
        yield causes.invalid(path, value, "must include at least one of v1, v1beta1")


_WEBHOOKS = (
    Rule("webhooks", unique("name")),
    Rule("webhooks[*].name", _webhook_name),
    Rule("webhooks[*].clientConfig", _webhook_client),
    Rule("webhooks[*].rules[*]", present("apiGroups", "apiVersions", "resources")),
    Rule("webhooks[*].rules[*].scope", one_of("*", "Cluster", "Namespaced")),
    Rule("webhooks[*].reinvocationPolicy", one_of("IfNeeded", "Never")),
    Rule("webhooks[*].failurePolicy", one_of("Ignore", "Fail")),
    Rule("webhooks[*].matchPolicy", one_of("Equivalent", "Exact")),
    Rule("webhooks[*].sideEffects", one_of("None", "NoneOnDryRun")),
    Rule("webhooks[*].admissionReviewVersions", _review_versions),
    Rule("webhooks[*].timeoutSeconds", between(1, 30)),
    Rule("webhooks[*].namespaceSelector", selector),
    Rule("webhooks[*].objectSelector", selector),
    Rule("webhooks[*].rules[*].operations[*]", one_of("CREATE", "UPDATE", "DELETE", "CONNECT", "*")),
)

RULES: dict[str, tuple[Rule | Whole, ...]] = {
    **network_rules.RULES,
    **policy_rules.RULES,
    **volume_rules.RULES,
    "events": (_event,),
    "certificatesigningrequests.certificates.k8s.io": (_csr,),
    "controllerrevisions.apps": (Rule("", present("data")), unchanging("data")),
    "nodes": (Rule("spec.taints[*].effect", one_of("NoExecute", "NoSchedule", "PreferNoSchedule")),),
    "pods": (*below("spec", pod_rules.SPEC), pod_rules.unchanged_spec),
    "podtemplates": below("template.spec", pod_rules.SPEC),
    "deployments.apps": (
        *_replicated("deployment"),
        Rule("spec.strategy", _strategy),
        Rule("spec", _progress),
        unchanging("spec.selector"),
    ),
    "replicasets.apps": (*_replicated("deployment"), unchanging("spec.selector")),
    "statefulsets.apps": (
        *_replicated("statefulset"),
        Rule("spec.podManagementPolicy", _unknown_type("OrderedReady", "Parallel")),
        Rule("spec.updateStrategy.type", _unknown_type("RollingUpdate", "OnDelete")),
        Rule("spec.updateStrategy.rollingUpdate.partition", at_least(0)),
        Rule("spec.serviceName", like(lambda name: syntax.dns_label(name) if name else [])),
        Rule("spec.ordinals.start", at_least(0)),
        Rule("spec.persistentVolumeClaimRetentionPolicy.whenDeleted", one_of("Delete", "Retain")),
        Rule("spec.persistentVolumeClaimRetentionPolicy.whenScaled", one_of("Delete", "Retain")),
        Rule("spec.volumeClaimTemplates[*].spec", volume_rules.check_claim),
        _stateful_update,
    ),
    "jobs.batch": (
        Rule("spec.parallelism", at_least(0)),
        Rule("spec.completions", at_least(0)),
        Rule("spec.backoffLimit", at_least(0)),
        Rule("spec.activeDeadlineSeconds", at_least(0)),
        Rule("spec.ttlSecondsAfterFinished", at_least(0)),
        Rule("spec.completionMode", one_of("NonIndexed", "Indexed")),
        Rule("spec.podReplacementPolicy", one_of("Failed", "TerminatingOrFailed")),
        Rule("spec.podFailurePolicy.rules[*]", _failure_rule),
        Rule("spec.template.metadata", _template_labels),
        _job,
        *below("spec.template.spec", pod_rules.SPEC),
        unchanging("spec.selector", "spec.template", "spec.completionMode"),
    ),
    "configmaps": (
        Rule("data", keyed(syntax.config_key)),
        Rule("binaryData", keyed(syntax.config_key)),
        _both_data,
        _bounded,
        _frozen("data", "binaryData"),
    ),
    "secrets": (
        Rule("data", keyed(syntax.config_key)),
        _secret_keys,
        _bounded,
        _frozen("data"),
        unchanging("type"),
    ),
    "roles.rbac.authorization.k8s.io": (Rule("rules[*]", _namespaced_rule),),
    "clusterroles.rbac.authorization.k8s.io": (Rule("rules[*]", _policy_rule),),
    "rolebindings.rbac.authorization.k8s.io": (_role_reference("Role", "ClusterRole"), *_BINDING),
    "clusterrolebindings.rbac.authorization.k8s.io": (_role_reference("ClusterRole"), *_BINDING),
    "validatingwebhookconfigurations.admissionregistration.k8s.io": _WEBHOOKS,
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": _WEBHOOKS,
    "customresourcedefinitions.apiextensions.k8s.io": (crd_rules.check_crd,),
}
"""By resource; a kind that is not named here has none."""
