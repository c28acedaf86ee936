"""Which webhooks a request goes to: rules, selectors and scope, as a table of pure decisions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alcove.embedded import faults
from alcove.embedded.labels import selects
from alcove.embedded.objects import GroupResource, Object, labels_of, metadata
from alcove.embedded.ports import AdmissionRequest, ClusterReader

MUTATING = GroupResource("mutatingwebhookconfigurations.admissionregistration.k8s.io")
VALIDATING = GroupResource("validatingwebhookconfigurations.admissionregistration.k8s.io")
_NAMESPACES = GroupResource("namespaces")
_DEFINITIONS = GroupResource("customresourcedefinitions.apiextensions.k8s.io")
_EXEMPT_GROUP = "admissionregistration.k8s.io"
_DEFAULT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook of a configuration that a request is to go to."""

    id: tuple[str, int]
    """The configuration's name and the place in it: unique among the webhooks of one kind."""
    name: str
    client_config: Mapping[str, Any]
    version: str
    """The version of the request's resource that it understands."""
    seconds: float
    ignores_failure: bool
    reinvocable: bool
    dry_run_safe: bool
    review_versions: tuple[str, ...]


def matching_webhooks(
    resource: GroupResource, request: AdmissionRequest, reader: ClusterReader
) -> Iterator[Webhook]:
    """Yield the webhooks to call, in the order of their configurations' names.

    Raises:
        ApiError: 404 when the request's namespace does not exist but is to be selected by.
    """
    if request.resource_type.group == _EXEMPT_GROUP:
        return
    for configuration in reader.list(resource):
        name = metadata(configuration).get("name", "")
        for place, hook in enumerate(configuration.get("webhooks") or ()):
            version = _version_asked(hook, request, reader)
            if (
                version is not None
                and _selects_namespace(hook.get("namespaceSelector"), request, reader)
                and _selects_object(hook.get("objectSelector"), request)
            ):
                yield _webhook((name, place), hook, version)


def rule_matches(rule: Mapping[str, Any], request: AdmissionRequest, version: str) -> bool:
    """Tell whether a rule covers the request when it is put in ``version``."""
    kind = request.resource_type
    return (
        _listed(rule.get("operations"), request.operation)
        and _listed(rule.get("apiGroups"), kind.group)
        and _listed(rule.get("apiVersions"), version)
        and _covers_resource(rule.get("resources") or (), kind.plural, request.subresource)
        and _covers_scope(rule.get("scope") or "*", request)
    )


def _version_asked(hook: Object, request: AdmissionRequest, reader: ClusterReader) -> str | None:
    """Give the version in which the webhook wants the request, None when no rule covers it."""
    rules, own = hook.get("rules") or (), request.resource_type.version
    if any(rule_matches(rule, request, own) for rule in rules):
        return own
    if not request.resource_type.custom or hook.get("matchPolicy") == "Exact":
        return None
    definition = reader.get(_DEFINITIONS, "", request.resource_type.resource) or {}
    served = [
        one.get("name", "")
        for one in (definition.get("spec") or {}).get("versions") or ()
        if one.get("served")
    ]
    covered = (version for rule in rules for version in served if rule_matches(rule, request, version))
    return next(covered, None)


def _listed(names: Sequence[str] | None, name: str) -> bool:
    return names is not None and (name in names or "*" in names)


def _covers_resource(patterns: Sequence[str], plural: str, subresource: str) -> bool:
    for pattern in patterns:
        resource, _, part = pattern.partition("/")
        if resource in ("*", plural) and part in ("*", subresource):
            return True
    return False


def _covers_scope(scope: str, request: AdmissionRequest) -> bool:
    if scope == "*":
        return True
    namespaced = bool(request.namespace) and request.resource_type.resource != _NAMESPACES
    return namespaced if scope == "Namespaced" else not namespaced


def _selects_namespace(
    selector: Mapping[str, Any] | None, request: AdmissionRequest, reader: ClusterReader
) -> bool:
    if not selector:
        return True
    if request.resource_type.resource == _NAMESPACES and not request.subresource:
        return selects(selector, labels_of(request.object or request.old or {}))
    if not request.namespace:
        return True
    namespace = reader.get(_NAMESPACES, "", request.namespace)
    if namespace is None:
        raise faults.not_found(_NAMESPACES, request.namespace)
    return selects(selector, labels_of(namespace))


def _selects_object(selector: Mapping[str, Any] | None, request: AdmissionRequest) -> bool:
    if not selector:
        return True
    return any(selects(selector, labels_of(one)) for one in (request.object, request.old) if one is not None)


def _webhook(identity: tuple[str, int], hook: Object, version: str) -> Webhook:
    return Webhook(
        id=identity,
        name=hook.get("name", ""),
        client_config=hook.get("clientConfig") or {},
        version=version,
        seconds=hook.get("timeoutSeconds") or _DEFAULT_SECONDS,
        ignores_failure=hook.get("failurePolicy") == "Ignore",
        reinvocable=hook.get("reinvocationPolicy") == "IfNeeded",
        dry_run_safe=hook.get("sideEffects") in ("None", "NoneOnDryRun"),
        review_versions=tuple(hook.get("admissionReviewVersions") or ()),
    )
