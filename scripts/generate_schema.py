"""Writes the vendored schema of ``alcove.embedded.schema``; run once per supported Kubernetes release.

Definitions come from the package ``kubernetes-validate``, verbs and scopes from ``lightkube-models``; both
are development dependencies. What neither has (short names, categories, some defaults that are merge keys,
what is not implemented) stands in the tables below.

    python scripts/generate_schema.py
"""

from __future__ import annotations

import gzip
import importlib
import importlib.resources
import json
import pkgutil
from pathlib import Path
from typing import Any

import lightkube.resources

KUBERNETES = "v1.36.0"
TARGET = Path(__file__).parent.parent / "src/alcove/embedded/schema/vendored"

GROUPS = (
    ("", "v1"),
    ("apiregistration.k8s.io", "v1"),
    ("apps", "v1"),
    ("events.k8s.io", "v1"),
    ("authentication.k8s.io", "v1"),
    ("authorization.k8s.io", "v1"),
    ("autoscaling", "v2"),
    ("autoscaling", "v1"),
    ("batch", "v1"),
    ("certificates.k8s.io", "v1"),
    ("networking.k8s.io", "v1"),
    ("policy", "v1"),
    ("rbac.authorization.k8s.io", "v1"),
    ("storage.k8s.io", "v1"),
    ("admissionregistration.k8s.io", "v1"),
    ("apiextensions.k8s.io", "v1"),
    ("scheduling.k8s.io", "v1"),
    ("coordination.k8s.io", "v1"),
    ("node.k8s.io", "v1"),
    ("discovery.k8s.io", "v1"),
)
"""In the order of discovery; the first version of a group is its preferred one."""

SHORT_NAMES = {
    "certificatesigningrequests": ["csr"],
    "configmaps": ["cm"],
    "cronjobs": ["cj"],
    "customresourcedefinitions": ["crd", "crds"],
    "daemonsets": ["ds"],
    "deployments": ["deploy"],
    "endpoints": ["ep"],
    "events": ["ev"],
    "horizontalpodautoscalers": ["hpa"],
    "ingresses": ["ing"],
    "limitranges": ["limits"],
    "namespaces": ["ns"],
    "networkpolicies": ["netpol"],
    "nodes": ["no"],
    "persistentvolumeclaims": ["pvc"],
    "persistentvolumes": ["pv"],
    "poddisruptionbudgets": ["pdb"],
    "pods": ["po"],
    "priorityclasses": ["pc"],
    "replicasets": ["rs"],
    "replicationcontrollers": ["rc"],
    "resourcequotas": ["quota"],
    "serviceaccounts": ["sa"],
    "services": ["svc"],
    "statefulsets": ["sts"],
    "storageclasses": ["sc"],
    "volumeattributesclasses": ["vac"],
}

ALL = {
    "cronjobs",
    "daemonsets",
    "deployments",
    "horizontalpodautoscalers",
    "jobs",
    "pods",
    "replicasets",
    "replicationcontrollers",
    "services",
    "statefulsets",
}

API_EXTENSIONS = ("admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io")

NOT_IMPLEMENTED = {
    ("", "bindings"),
    ("", "componentstatuses"),
    ("", "replicationcontrollers"),
    ("admissionregistration.k8s.io", "mutatingadmissionpolicies"),
    ("admissionregistration.k8s.io", "mutatingadmissionpolicybindings"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
    ("apiregistration.k8s.io", "apiservices"),
    ("apps", "daemonsets"),
    ("batch", "cronjobs"),
    ("networking.k8s.io", "ipaddresses"),
    ("networking.k8s.io", "servicecidrs"),
}

NEWER = ("csinodes", "status")
"""A subresource that lightkube has of a newer release."""

NOT_IMPLEMENTED_VERSIONS = {("autoscaling", "v1", "horizontalpodautoscalers")}
"""Both versions of one object would need a conversion."""

NOT_IMPLEMENTED_SUBRESOURCES = {
    "pods": {"attach", "ephemeralcontainers", "proxy", "resize"},
    "services": {"proxy"},
    "nodes": {"proxy"},
}

CONNECTED_SUBRESOURCES = {
    "pods": ["attach", "exec", "portforward", "proxy"],
    "services": ["proxy"],
    "nodes": ["proxy"],
}
"""Subresources without an object of their own, which lightkube does not list."""

MORE_ROOTS = (
    "io.k8s.api.autoscaling.v1.Scale",
    "io.k8s.api.core.v1.Binding",
    "io.k8s.api.authentication.v1.TokenRequest",
    "io.k8s.api.policy.v1.Eviction",
    "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions",
    "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Patch",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Status",
    "io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent",
)

DEFAULTS = {
    ("io.k8s.api.core.v1.ContainerPort", "protocol"): "TCP",
    ("io.k8s.api.core.v1.ServicePort", "protocol"): "TCP",
}
"""Defaults of fields that are keys of lists: server-side apply needs them in the schema."""

LIST_TYPES: dict[tuple[str, str], dict[str, Any]] = {
    ("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta", "managedFields"): {
        "x-kubernetes-list-type": "atomic"
    },
}

SPECIAL: dict[str, dict[str, Any]] = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": "string", "format": "quantity"},
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {
        "x-kubernetes-int-or-string": True,
        "format": "int-or-string",
    },
}
"""Unions that JSON Schema can only tell as ``oneOf``."""

VERBS = {"post": "create", "put": "update"}


def main() -> None:
    """Write the three files."""
    definitions, descriptions = read_definitions()
    types = read_types(definitions)
    wanted = reachable(
        definitions, [*(row["definition"] for row in types if row["implemented"]), *MORE_ROOTS]
    )
    definitions = {name: body for name, body in definitions.items() if name in wanted}
    descriptions = {name: texts for name, texts in descriptions.items() if name in wanted}
    TARGET.mkdir(parents=True, exist_ok=True)
    (TARGET / "types.json").write_text(
        '{"kubernetes":'
        + json.dumps(KUBERNETES)
        + ',"types":[\n'
        + ",\n".join(map(compact, types))
        + "\n]}\n"
    )
    write_compressed("definitions.json.gz", definitions)
    write_compressed("descriptions.json.gz", descriptions)


def compact(value: Any) -> str:
    """Give JSON without blanks."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def write_compressed(name: str, value: Any) -> None:
    """Write JSON with gzip; the same bytes for the same value."""
    (TARGET / name).write_bytes(gzip.compress(compact(value).encode(), compresslevel=9, mtime=0))


# --------------------------------------------------------------------------------------- definitions


def read_definitions() -> tuple[dict[str, Any], dict[str, dict[str, str]]]:
    """Give the definitions in OpenAPI's form, and their descriptions (of the type itself under "")."""
    root = importlib.resources.files("kubernetes_validate") / "kubernetes-json-schema"
    document = json.loads((root / f"{KUBERNETES}-local" / "_definitions.json").read_text())
    definitions: dict[str, Any] = {}
    descriptions: dict[str, dict[str, str]] = {}
    for name, body in document["$defs"].items():
        texts = {"": body["description"]} if "description" in body else {}
        for field, schema in body.get("properties", {}).items():
            if "description" in schema:
                texts[field] = schema["description"]
        descriptions[name] = texts
        definitions[name] = dict(SPECIAL[name]) if name in SPECIAL else openapi_form(body)
        for (owner, field), value in DEFAULTS.items():
            if owner == name:
                definitions[name]["properties"][field]["default"] = value
        for (owner, field), extensions in LIST_TYPES.items():
            if owner == name:
                definitions[name]["properties"][field].update(extensions)
    return definitions, descriptions


def openapi_form(node: dict[str, Any]) -> dict[str, Any]:
    """Give a JSON Schema node as OpenAPI has it: one type, references to components, no descriptions."""
    result: dict[str, Any] = {}
    for key, value in node.items():
        if key == "description":
            continue
        if key == "type" and isinstance(value, list):
            result[key] = next(entry for entry in value if entry != "null")
        elif key == "$ref":
            result[key] = value.replace("#/$defs/", "#/components/schemas/")
        elif key == "properties":
            result[key] = {name: openapi_form(schema) for name, schema in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            result[key] = openapi_form(value)
        else:
            result[key] = value
    if "x-kubernetes-group-version-kind" in result:
        for name in ("apiVersion", "kind"):
            result.get("properties", {}).get(name, {}).pop("enum", None)
    return result


def reachable(definitions: dict[str, Any], roots: list[str]) -> set[str]:
    """Give the names of all definitions that ``roots`` lead to."""
    seen: set[str] = set()
    pending = list(roots)
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        text = json.dumps(definitions[name])
        pending.extend(part.split('"', 1)[0] for part in text.split("#/components/schemas/")[1:])
    return seen


# --------------------------------------------------------------------------------------------- types


def read_types(definitions: dict[str, Any]) -> list[dict[str, Any]]:
    """Give one row per resource and version, in the order of discovery."""
    by_kind = {
        (gvk["group"], gvk["version"], gvk["kind"]): name
        for name, body in definitions.items()
        for gvk in body.get("x-kubernetes-group-version-kind", ())
    }
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    below: dict[tuple[str, str, str], list[str]] = {
        ("", "v1", plural): list(names) for plural, names in CONNECTED_SUBRESOURCES.items()
    }
    for module in pkgutil.iter_modules(lightkube.resources.__path__):
        for item in vars(importlib.import_module(f"lightkube.resources.{module.name}")).values():
            api = getattr(item, "_api_info", None)
            if api is None:
                continue
            owner = api.parent or api.resource
            place = (owner.group, owner.version, api.plural)
            if place[:2] not in GROUPS:
                continue
            if (api.plural, api.action) == NEWER:
                continue
            if api.action:
                below.setdefault(place, []).append(api.action)
            elif (api.resource.group, api.resource.version, api.resource.kind) in by_kind:
                namespaced = item.__mro__[1].__name__.startswith("Namespaced")
                rows[place] = type_row(api, namespaced, by_kind)
    for place, names in below.items():
        if place not in rows:
            continue  # lightkube may be of a newer release
        refused = NOT_IMPLEMENTED_SUBRESOURCES.get(place[2], set()) if place[0] == "" else set()
        rows[place]["subresources"] = sorted(set(names) - refused)
        rows[place]["refused"] = sorted(set(names) & refused)
    return sorted(
        rows.values(), key=lambda row: (GROUPS.index((row["group"], row["version"])), row["plural"])
    )


def type_row(api: Any, namespaced: bool, by_kind: dict[tuple[str, str, str], str]) -> dict[str, Any]:
    """Give the row of one resource."""
    resource, plural = api.resource, api.plural
    place = (resource.group, resource.version, plural)
    categories = ["all"] if plural in ALL else []
    if resource.group in API_EXTENSIONS:
        categories.append("api-extensions")
    row = {
        "group": resource.group,
        "version": resource.version,
        "kind": resource.kind,
        "plural": plural,
        "namespaced": namespaced,
        "verbs": sorted({VERBS.get(verb, verb) for verb in api.verbs if not verb.startswith("global_")}),
        "shortNames": SHORT_NAMES.get(plural, []),
        "categories": categories,
        "implemented": (resource.group, plural) not in NOT_IMPLEMENTED
        and place not in NOT_IMPLEMENTED_VERSIONS,
        "definition": by_kind[resource.group, resource.version, resource.kind],
    }
    return {key: value for key, value in row.items() if value != []}


if __name__ == "__main__":
    main()
