"""What stands behind a type's name in a path: ``scale``, ``binding``, and those whose body is the object."""

from __future__ import annotations

from typing import Any

from alcove.embedded.faults import ApiError, Cause, bad_request, conflict, internal, invalid, not_implemented
from alcove.embedded.objects import Object, ResourceType
from alcove.embedded.registry.metadata import mapping

_SERVED = ("", "status", "approval", "finalize", "scale")
_BUILT_IN = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
_SHOWN_METADATA = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def scale_of(resource_type: ResourceType, item: Object, *, strict: bool = True) -> Object:
    """Give the ``autoscaling/v1`` Scale of an object; no replicas are not written, as in Kubernetes.

    A custom resource without the field has no Scale yet, unless it is not ``strict``.

    Raises:
        ApiError: 500 for a custom resource that does not have the field.
    """
    paths = _paths(resource_type)
    replicas = _at(item, paths["specReplicasPath"])
    if replicas is None and resource_type.custom and strict:
        raise internal(f'the spec replicas field "{paths["specReplicasPath"]}" does not exist')
    inner = item["metadata"]
    status: Object = {"replicas": _at(item, paths.get("statusReplicasPath", "")) or 0}
    selector = _selector(resource_type, item)
    if selector:
        status["selector"] = selector
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {field: inner[field] for field in _SHOWN_METADATA if field in inner},
        "spec": {"replicas": replicas} if replicas else {},
        "status": status,
    }


def with_scale(resource_type: ResourceType, item: Object, scale: Object) -> Object:
    """Give the object with the replicas, and under the resourceVersion, of a Scale.

    Raises:
        ApiError: 400 when it is no Scale, 422 when its number makes no sense.
    """
    if scale.get("kind", "Scale") != "Scale":
        raise bad_request(f"expected a Scale, got {scale.get('kind')!r}")
    replicas = mapping(scale.get("spec")).get("replicas", 0)
    if not isinstance(replicas, int) or isinstance(replicas, bool) or replicas < 0:
        message = f"Invalid value: {replicas}: must be greater than or equal to 0"
        name = item["metadata"].get("name", "")
        raise invalid("Scale", "autoscaling", name, [Cause("FieldValueInvalid", message, "spec.replicas")])
    changed = _with(item, _parts(_paths(resource_type)["specReplicasPath"]), replicas)
    stated = mapping(scale.get("metadata"))
    inner = {field: stated[field] for field in ("resourceVersion", "uid") if stated.get(field)}
    return {**changed, "metadata": {**item["metadata"], **inner}}


def with_binding(pod: Object, binding: Object, now: str) -> Object:
    """Give the pod bound to the node that ``binding`` names.

    Raises:
        ApiError: 409 when it ends, is bound already, or is not the one that was meant; 422 without a node.
    """
    inner, spec, status = pod["metadata"], pod.get("spec") or {}, pod.get("status") or {}
    node = mapping(binding.get("target")).get("name")
    if not node or not isinstance(node, str):
        cause = Cause("FieldValueRequired", "Required value", "target.name")
        raise invalid("Binding", "", inner["name"], [cause])
    uid = mapping(binding.get("metadata")).get("uid") or inner["uid"]
    if uid != inner["uid"]:
        uids = f"UID in precondition: {uid}, UID in object meta: {inner['uid']}"
        raise conflict("pods/binding", inner["name"], f"Precondition failed: {uids}")
    if inner.get("deletionTimestamp"):
        why = f"pod {inner['name']} is being deleted, cannot be assigned to a host"
        raise conflict("pods/binding", inner["name"], why)
    if spec.get("nodeName"):
        why = f'pod {inner["name"]} is already assigned to node "{spec["nodeName"]}"'
        raise conflict("pods/binding", inner["name"], why)
    scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": now}
    others = [each for each in status.get("conditions") or () if each.get("type") != "PodScheduled"]
    return {
        **pod,
        "spec": {**spec, "nodeName": node},
        "status": {**status, "conditions": [*others, scheduled]},
    }


def require_subresource(resource_type: ResourceType, subresource: str) -> None:
    """Raise 404 for a subresource that the type does not have, 501 for one that is not served here."""
    if subresource and (subresource not in resource_type.subresources or subresource not in _SERVED):
        raise no_subresource(resource_type, subresource)


def no_subresource(resource_type: ResourceType, subresource: str) -> ApiError:
    """Give the error for a subresource that cannot be used so."""
    if subresource in resource_type.subresources:
        return not_implemented(f"{resource_type.resource}/{subresource}")
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def _paths(resource_type: ResourceType) -> Object:
    return resource_type.extra.get("scale") or _BUILT_IN if resource_type.custom else _BUILT_IN


def _selector(resource_type: ResourceType, item: Object) -> str:
    if resource_type.custom:
        return str(_at(item, _paths(resource_type).get("labelSelectorPath", "")) or "")
    selector = (item.get("spec") or {}).get("selector") or {}
    labels = selector.get("matchLabels") or {} if resource_type.group else selector
    terms = [f"{key}={value}" for key, value in sorted(labels.items())]
    terms.extend(_term(entry) for entry in selector.get("matchExpressions") or ())
    return ",".join(terms)


def _term(entry: Object) -> str:
    key, operator = entry.get("key", ""), entry.get("operator")
    if operator == "Exists":
        return str(key)
    if operator == "DoesNotExist":
        return f"!{key}"
    return f"{key} {str(operator).lower()} ({','.join(entry.get('values') or ())})"


def _parts(path: str) -> list[str]:
    return path.removeprefix(".").split(".") if path else []


def _at(item: Object, path: str) -> Any:
    found: Any = item if path else None
    for name in _parts(path):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _with(item: Object, parts: list[str], value: int) -> Object:
    if len(parts) == 1:
        return {**item, parts[0]: value}
    return {**item, parts[0]: _with(item.get(parts[0]) or {}, parts[1:], value)}
