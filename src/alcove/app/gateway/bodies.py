"""Copies as Kubernetes objects, and what makes an existing object into one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from alcove.admission.markers import Object, annotations_of, labels_of, mapping
from alcove.app.gateway.prefixing import COPY_LABEL
from alcove.app.observation.reports import text
from alcove.kube import resources

ORIGINAL_ANNOTATION = "alcove.dev/copy-of"
SPACE_ANNOTATION = "alcove.dev/copy-for"
DIGEST_ANNOTATION = "alcove.dev/copy-digest"
_LABELS = {COPY_LABEL: "true", "app.kubernetes.io/managed-by": "alcove"}


def is_copy(item: Object) -> bool:
    """Tell whether an Ingress is a copy of ours."""
    return labels_of(item).get(COPY_LABEL) == "true"


def is_ending(item: Object) -> bool:
    """Tell whether an object is being deleted."""
    return "deletionTimestamp" in mapping(item, "metadata")


def render_copy(original: Object, name: str, space: str, content: tuple[Mapping[str, str], Object]) -> Object:
    """Give the copy for a space; ``content`` is its annotations (but ours) and its spec."""
    meta = mapping(original, "metadata")
    annotations = {**content[0], ORIGINAL_ANNOTATION: text(meta.get("name")), SPACE_ANNOTATION: space}
    kind = {"apiVersion": resources.INGRESSES.api_version, "kind": resources.INGRESSES.kind}
    made: Object = {
        **kind,
        "metadata": {
            "name": name,
            "namespace": meta.get("namespace"),
            "labels": _LABELS,
            "annotations": annotations,
            "ownerReferences": [{**kind, "name": meta.get("name"), "uid": meta.get("uid")}],
        },
        "spec": content[1],
    }
    annotations[DIGEST_ANNOTATION] = _digest(made)
    return made


def is_current(made: Object, found: Object) -> bool:
    """Tell whether what is there is what should be."""
    same = annotations_of(made)[DIGEST_ANNOTATION] == annotations_of(found).get(DIGEST_ANNOTATION)
    return same and _completed(made["spec"], found) == found.get("spec")


def render_patch(made: Object, found: Object) -> Object:
    """Give the merge patch that makes ``found`` what should be."""
    meta = made["metadata"]
    return {
        "metadata": {
            # A precondition: an object that took the copy's name since is not touched.
            "uid": mapping(found, "metadata").get("uid"),
            "labels": meta["labels"],
            "annotations": _merge(meta["annotations"], annotations_of(found)),
            "ownerReferences": meta["ownerReferences"],
        },
        "spec": _merge(_completed(made["spec"], found), mapping(found, "spec")),
    }


def _digest(made: Object) -> str:
    written = json.dumps(made, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(written.encode()).hexdigest()[:16]


def _completed(spec: Object, found: Object) -> Object:
    """Give the spec as the cluster may have completed it: by the class that is the default."""
    given = mapping(found, "spec").get("ingressClassName")
    return {"ingressClassName": given, **spec} if given else spec


def _merge(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    return {**dict.fromkeys(found), **wanted}
