"""The names by which our parts of a pod are known: to the webhook itself, to ``doctor`` and to the sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Object = dict[str, Any]
"""A JSON object; never changed in place here."""

INIT = "alcove-init"
PROXY = "alcove-proxy"
CONTAINERS = (INIT, PROXY)
"""Our containers of every pod that is injected, in the order in which they must start."""
BUILD = "alcove-build"
"""In pods of a session, after the other two: it waits until the pod's image is built."""
RESERVED = (*CONTAINERS, BUILD)
"""The names of all our containers."""

TOKEN = "alcove-token"  # noqa: S105  # a volume's name
IDENTITY = "alcove-identity"
RUN = "alcove-run"
MASK = "alcove-mask"
VOLUMES = (TOKEN, IDENTITY, RUN, MASK)
SESSION = "alcove-session"
SESSION_VOLUMES = (SESSION, MASK)

INJECTED_LABEL = "alcove.dev/injected"
VERSION_ANNOTATION = "alcove.dev/injected-version"
SESSION_LABEL = "alcove.dev/session"
BUILD_LABEL = "alcove.dev/build"
"""Labels of a session's pods: the session's id, and the number of the build that they run."""
SPACE_LABEL = "azds.io/space"
PARENT_LABEL = "azds.io/parent-space"
NO_PROXY_LABEL = "azds.io/no-proxy"
RESOURCES_ANNOTATION = "azds.io/proxy-resources"
MIRROR_ANNOTATION = "kubernetes.io/config.mirror"


def mapping(item: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """Give the object at a path, an empty one where there is none or something else."""
    found: Any = item
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def sequence(item: Mapping[str, Any], name: str) -> Sequence[Object]:
    """Give the objects of a list, none where there is no list; what is no object is left out."""
    found = item.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def labels_of(item: Mapping[str, Any]) -> Mapping[str, str]:
    """Give an object's labels."""
    return mapping(item, "metadata", "labels")


def annotations_of(item: Mapping[str, Any]) -> Mapping[str, str]:
    """Give an object's annotations."""
    return mapping(item, "metadata", "annotations")


def is_marked(pod: Mapping[str, Any]) -> bool:
    """Tell whether a pod says of itself that it was injected."""
    return labels_of(pod).get(INJECTED_LABEL) == "true"


def is_of_session(pod: Mapping[str, Any]) -> bool:
    """Tell whether a pod says of itself that it got the parts of a session's pods."""
    return SESSION_LABEL in labels_of(pod)


def users_containers(spec: Mapping[str, Any]) -> list[Object]:
    """Give the init and app containers of a pod that are not ours."""
    every = [*sequence(spec, "initContainers"), *sequence(spec, "containers")]
    return [container for container in every if container.get("name") not in RESERVED]
