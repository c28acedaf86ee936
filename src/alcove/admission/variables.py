"""What a container of ours learns about its pod, and how texts refer to it.

Kubernetes replaces ``$(NAME)`` in the command and in later variables of a container by the value of ``NAME``,
and ``$$`` by a plain dollar. So whatever is written for a container names the pod's facts by ``reference``
and passes every other text through ``literal``.
"""

from __future__ import annotations

from alcove.admission.markers import Object

POD_IP = "ALCOVE_POD_IP"
HOST_IP = "ALCOVE_HOST_IP"
POD_NAME = "ALCOVE_POD_NAME"
POD_UID = "ALCOVE_POD_UID"
SPACE = "ALCOVE_SPACE"
_FIELDS = {
    POD_IP: "status.podIP",
    HOST_IP: "status.hostIP",
    POD_NAME: "metadata.name",
    POD_UID: "metadata.uid",
    SPACE: "metadata.namespace",
}


def reference(name: str) -> str:
    """Give what Kubernetes replaces by the value of a variable."""
    return f"$({name})"


def literal(text: str) -> str:
    """Give what Kubernetes makes ``text`` of: what looks like a reference in it stays as it is."""
    return text.replace("$", "$$")


def render_variables(**values: str) -> list[Object]:
    """Give a container's ``env``: the pod's facts, then ``values``, which may refer to them."""
    facts = [
        {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}
        for name, path in _FIELDS.items()
    ]
    return [*facts, *({"name": name, "value": value} for name, value in values.items())]
