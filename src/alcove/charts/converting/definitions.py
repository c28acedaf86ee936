"""Custom resource definitions and webhooks of old API versions."""

from __future__ import annotations

from typing import Any

from alcove.charts.reading import each, mapping

_OPEN_SCHEMA = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_SHARED = ("validation", "subresources", "additionalPrinterColumns")
"""What was said once for all versions, and now is said for each."""


def custom_resource(item: dict[str, Any]) -> dict[str, Any]:
    """Convert a definition; one without a schema keeps accepting everything."""
    spec = dict(mapping(item.get("spec")))
    open_ended = spec.pop("preserveUnknownFields", True) is not False
    shared = {name: spec.pop(name) for name in _SHARED if name in spec}
    version = spec.pop("version", None)
    versions = spec.get("versions") or [{"name": version or "v1", "served": True, "storage": True}]
    spec["versions"] = each(versions, lambda entry: _version(shared | entry, open_ended))
    spec.setdefault("scope", "Cluster")
    if isinstance(spec.get("conversion"), dict):
        spec["conversion"] = _conversion(spec["conversion"])
    return {key: value for key, value in {**item, "spec": spec}.items() if key != "status"}


def _version(entry: dict[str, Any], open_ended: bool) -> dict[str, Any]:
    given = dict(entry)
    validation = mapping(given.pop("validation", None))
    schema = (mapping(given.get("schema")) or validation).get("openAPIV3Schema")
    if "additionalPrinterColumns" in given:
        given["additionalPrinterColumns"] = each(given["additionalPrinterColumns"], _column)
    return {**given, "schema": {"openAPIV3Schema": _schema(schema, open_ended)}}


def _schema(schema: Any, open_ended: bool) -> dict[str, Any]:
    if not isinstance(schema, dict) or not schema:
        return dict(_OPEN_SCHEMA)
    typed = {"type": "object", **schema}
    return {**typed, "x-kubernetes-preserve-unknown-fields": True} if open_ended else typed


def _column(column: dict[str, Any]) -> dict[str, Any]:
    if "JSONPath" not in column:
        return column
    rest = {key: value for key, value in column.items() if key != "JSONPath"}
    return {**rest, "jsonPath": column["JSONPath"]}


def _conversion(conversion: dict[str, Any]) -> dict[str, Any]:
    if conversion.get("strategy") != "Webhook" or "webhook" in conversion:
        return conversion
    reviews = conversion.get("conversionReviewVersions") or ["v1beta1"]
    webhook = {
        "clientConfig": conversion.get("webhookClientConfig") or {},
        "conversionReviewVersions": reviews,
    }
    return {"strategy": "Webhook", "webhook": webhook}


def webhooks(item: dict[str, Any]) -> dict[str, Any]:
    """Convert the registration of webhooks: what had a default before keeps it, what has none now is said."""
    return {**item, "webhooks": each(item["webhooks"], _webhook)} if "webhooks" in item else item


def _webhook(entry: dict[str, Any]) -> dict[str, Any]:
    before = {
        "failurePolicy": "Ignore",
        "matchPolicy": "Exact",
        "timeoutSeconds": 30,
        "admissionReviewVersions": ["v1beta1"],
    }
    effects = entry.get("sideEffects")
    safe = effects if effects in ("None", "NoneOnDryRun") else "NoneOnDryRun"
    return {**before, **entry, "sideEffects": safe}
