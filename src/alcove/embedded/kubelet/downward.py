"""What a container may learn of its own pod: the downward API's fields and resources. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from alcove.embedded.objects import Object, annotations_of, labels_of, metadata

_QUANTITY = re.compile(
    r"([+-]?\d*\.?\d*)(?:([eE][+-]?\d{1,2})|(m|u|n|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei)?)", re.ASCII
)
_SUFFIXES = {"": Fraction(1), "m": Fraction(1, 1000), "u": Fraction(1, 10**6), "n": Fraction(1, 10**9)}
_SUFFIXES |= {letter: Fraction(10 ** (3 * power)) for power, letter in enumerate("kMGTPE", start=1)}
_SUFFIXES |= {f"{letter}i": Fraction(2 ** (10 * power)) for power, letter in enumerate("KMGTPE", start=1)}
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['([^']*)'\]")


@dataclass(frozen=True, slots=True)
class PodFacts:
    """A pod and where it runs."""

    pod: Object
    node_name: str
    node_address: str
    address: str
    """The pod's."""
    allocatable: Mapping[str, str]
    """What the node can give: the limits of a container that has none."""

    @property
    def namespace(self) -> str:
        """The pod's namespace."""
        return str(metadata(self.pod).get("namespace", ""))


def parse_quantity(text: object) -> Fraction:
    """Give the value of a quantity such as ``250m``, ``1.5Gi`` or ``1e3``.

    Raises:
        ValueError: it is none.
    """
    match = _QUANTITY.fullmatch(str(text).strip())
    if not match or match.group(1).strip("+-.") == "":
        raise ValueError(f"{str(text)[:40]!r} is not a quantity")
    number, exponent, suffix = match.groups()
    return Fraction(number + (exponent or "")) * _SUFFIXES[suffix or ""]


def field_value(path: str, facts: PodFacts) -> str:
    """Give the value of a ``fieldPath``.

    Raises:
        ValueError: there is no such field.
    """
    pod = facts.pod
    if match := _SUBSCRIPT.fullmatch(path):
        source = labels_of(pod) if match.group(1) == "labels" else annotations_of(pod)
        return source.get(match.group(2), "")
    if path == "metadata.labels":
        return _lines(labels_of(pod))
    if path == "metadata.annotations":
        return _lines(annotations_of(pod))
    spec, meta = pod["spec"], metadata(pod)
    values = {
        "metadata.name": meta.get("name", ""),
        "metadata.namespace": meta.get("namespace", ""),
        "metadata.uid": meta.get("uid", ""),
        "spec.nodeName": facts.node_name,
        "spec.serviceAccountName": spec.get("serviceAccountName") or "default",
        "status.hostIP": facts.node_address,
        "status.hostIPs": facts.node_address,
        "status.podIP": facts.address,
        "status.podIPs": facts.address,
    }
    if path not in values:
        raise ValueError(f"unsupported fieldPath: {path}")
    return str(values[path])


def _lines(entries: Mapping[str, str]) -> str:
    return "\n".join(f"{key}={json.dumps(entries[key], ensure_ascii=False)}" for key in sorted(entries))


def resource_value(reference: Object, facts: PodFacts, container: Object | None = None) -> str:
    """Give the value of a ``resourceFieldRef``, in units of its divisor, rounded up.

    Raises:
        ValueError: the container or the resource is unknown.
    """
    name = reference.get("containerName")
    if name:
        spec = facts.pod["spec"]
        every = (*spec["containers"], *(spec.get("initContainers") or ()))
        container = next((item for item in every if item["name"] == name), None)
    if container is None:
        raise ValueError(f"container {name} not found")
    kind, _, resource = str(reference.get("resource", "")).partition(".")
    if kind not in ("limits", "requests") or not resource:
        raise ValueError(f"unsupported container resource : {reference.get('resource')}")
    resources = container.get("resources") or {}
    amount = (resources.get(kind) or {}).get(resource)
    if amount is None:
        amount = facts.allocatable.get(resource, "0") if kind == "limits" else "0"
    divisor = parse_quantity(reference.get("divisor") or "1") or Fraction(1)
    return str(math.ceil(parse_quantity(amount) / divisor))
