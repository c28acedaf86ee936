"""Rules about ``metadata``, the same for every kind but for the form of names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from alcove.embedded.faults import Cause
from alcove.embedded.objects import Object, ResourceType
from alcove.embedded.schema import causes, syntax

_ANNOTATIONS_LIMIT = 256 * 1024
_STANDARD_FINALIZERS = frozenset({"foregroundDeletion", "kubernetes", "orphan"})

_NAME_FORMS: dict[str, syntax.Check] = {
    "namespaces": syntax.dns_label,
    "services": syntax.dns_label,
    "roles.rbac.authorization.k8s.io": syntax.path_segment,
    "clusterroles.rbac.authorization.k8s.io": syntax.path_segment,
    "rolebindings.rbac.authorization.k8s.io": syntax.path_segment,
    "clusterrolebindings.rbac.authorization.k8s.io": syntax.path_segment,
}


def check_metadata(resource_type: ResourceType, item: Object, old: Object | None) -> Iterator[Cause]:
    """Yield what is wrong with the metadata of an object, whose types are right."""
    meta = item.get("metadata") or {}
    before = (old or {}).get("metadata") or {}
    if old is None and "get" in resource_type.verbs:  # reviews are answered, not stored, and have no name
        yield from _check_name(resource_type, meta)
    if meta.get("labels") != before.get("labels"):
        yield from check_labels("metadata.labels", meta.get("labels") or {})
    if meta.get("annotations") != before.get("annotations"):
        yield from _check_annotations(meta.get("annotations") or {})
    if meta.get("finalizers") != before.get("finalizers"):
        for index, name in enumerate(meta.get("finalizers") or ()):
            for complaint in syntax.qualified_name(name):
                yield causes.invalid("metadata.finalizers", name, complaint)
            if "/" not in name and name not in _STANDARD_FINALIZERS and not resource_type.custom:
                why = "name is neither a standard finalizer name nor is it fully qualified"
                yield causes.invalid(f"metadata.finalizers[{index}]", name, why)
    if meta.get("ownerReferences") != before.get("ownerReferences"):
        yield from _check_owners(meta.get("ownerReferences") or ())


def _check_name(resource_type: ResourceType, meta: Object) -> Iterator[Cause]:
    form = _NAME_FORMS.get(resource_type.resource, syntax.dns_subdomain)
    name, prefix = meta.get("name"), meta.get("generateName")
    if prefix:
        for complaint in form(prefix[:-1] + "a" if prefix.endswith("-") else prefix):
            yield causes.invalid("metadata.generateName", prefix, complaint)
    if not name:
        yield causes.required("metadata.name", "name or generateName is required")
        return
    for complaint in form(name):
        yield causes.invalid("metadata.name", name, complaint)


def check_labels(path: str, labels: Object) -> Iterator[Cause]:
    """Yield what is wrong with labels."""
    for key, value in labels.items():
        for complaint in syntax.qualified_name(key):
            yield causes.invalid(path, key, complaint)
        for complaint in syntax.label_value(value):
            yield causes.invalid(path, value, complaint)


def _check_annotations(annotations: Object) -> Iterator[Cause]:
    size = 0
    for key, value in annotations.items():
        size += len(key.encode()) + len(value.encode())
        for complaint in syntax.qualified_name(key.lower()):
            yield causes.invalid("metadata.annotations", key, complaint)
    if size > _ANNOTATIONS_LIMIT:
        yield causes.too_long("metadata.annotations", _ANNOTATIONS_LIMIT)


def _check_owners(owners: Any) -> Iterator[Cause]:
    controllers: list[str] = []
    for owner in owners:
        for name in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(name):
                why = "version must not be empty" if name == "apiVersion" else "must not be empty"
                yield causes.invalid(f"metadata.ownerReferences.{name}", owner.get(name, ""), why)
        if owner.get("controller"):
            controllers.append(f"{owner.get('kind')}/{owner.get('name')}")
    if len(controllers) > 1:
        told = " and ".join(controllers[:2])
        why = f'Only one reference can have Controller set to true. Found "true" in references for {told}'
        yield causes.invalid("metadata.ownerReferences", owners, why)
