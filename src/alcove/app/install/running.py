"""What runs in a space, for ``list-up``: its Services and pods, and those that it inherits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from alcove.admission.markers import labels_of, mapping
from alcove.app.install.pods import created_at, describe_pod, is_ready
from alcove.kube.client import Object, object_key
from alcove.model import SpaceName

_ENDED = ("Succeeded", "Failed")
_API_SERVER = ("default", "kubernetes")
_NOTHING = "NoPods"


@dataclass(frozen=True, slots=True)
class RunningRow:
    """One Service or pod."""

    name: str
    space: str
    type: str
    """``Service`` or ``Pod``."""
    updated: str
    """When it was made, or the newest of its pods; RFC 3339, empty when unknown."""
    status: str

    def document(self) -> dict[str, str | None]:
        """Give it in the form that ``-o json`` prints."""
        return {
            "name": self.name,
            "space": self.space,
            "type": self.type,
            "updated": self.updated or None,
            "status": self.status,
        }


@dataclass(frozen=True, slots=True)
class SpaceContents:
    """What one space holds."""

    services: Sequence[Object] = ()
    pods: Sequence[Object] = ()


def list_running(chain: Sequence[SpaceName], contents: Mapping[SpaceName, SpaceContents]) -> list[RunningRow]:
    """Give what runs for the users of the first space of ``chain``, nearest first.

    A Service hides those of its name above, and with them their pods; other pods of ancestors are not theirs.
    """
    hidden: set[str] = set()
    rows: list[RunningRow] = []
    for place, space in enumerate(chain):
        found = contents.get(space, SpaceContents())
        services = sorted(
            (one for one in found.services if _counts(one, hidden)), key=lambda one: object_key(one)[1]
        )
        rows += _rows(space, services, found.pods, lone=place == 0)
        hidden |= {object_key(one)[1] for one in services}
    return rows


def _rows(
    space: SpaceName, services: Sequence[Object], pods: Sequence[Object], *, lone: bool
) -> Iterator[RunningRow]:
    living = sorted(
        (pod for pod in pods if mapping(pod, "status").get("phase") not in _ENDED),
        key=lambda pod: object_key(pod)[1],
    )
    told: set[str] = set()
    for service in services:
        behind = [pod for pod in living if _selects(service, pod)]
        yield _service(space, service, behind)
        for pod in behind:
            if object_key(pod)[1] not in told:
                told.add(object_key(pod)[1])
                yield _pod(space, pod)
    for pod in living if lone else ():
        if object_key(pod)[1] not in told:
            yield _pod(space, pod)


def _service(space: SpaceName, service: Object, pods: Sequence[Object]) -> RunningRow:
    updated = max([created_at(service), *map(created_at, pods)])
    return RunningRow(object_key(service)[1], space, "Service", updated, _status(service, pods))


def _status(service: Object, pods: Sequence[Object]) -> str:
    """Give one word for all pods behind a Service: it runs while one of them is ready."""
    spec = mapping(service, "spec")
    if spec.get("type") == "ExternalName":
        return "External"
    if not spec.get("selector"):
        return "Manual"
    if any(map(is_ready, pods)):
        return "Running"
    return describe_pod(pods[-1]) if pods else _NOTHING


def _pod(space: SpaceName, pod: Object) -> RunningRow:
    return RunningRow(object_key(pod)[1], space, "Pod", created_at(pod), describe_pod(pod))


def _counts(service: Object, hidden: set[str]) -> bool:
    return object_key(service)[1] not in hidden and object_key(service) != _API_SERVER


def _selects(service: Object, pod: Object) -> bool:
    selector = mapping(service, "spec", "selector")
    return bool(selector) and selector.items() <= labels_of(pod).items()
