"""What ``doctor`` checks of sessions: their kind, the builders, whether nodes run what was built there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alcove.admission.markers import BUILD, is_of_session, mapping, sequence
from alcove.app.install import kinds
from alcove.app.install.checks import Check, Outcome
from alcove.app.install.pods import counted, is_ready
from alcove.app.install.sessions import NAME
from alcove.app.install.statuses import Installation
from alcove.app.install.troubles import find_troubles
from alcove.kube.client import Object, object_key

_SHOWN = 5
_NEVER_PULLED = "ErrImageNeverPull"
_UNVERIFIED = "credential"
"""What the kubelet's message has when the image is there, and it asks who pulled it."""


def check_kind(*, served: bool) -> Check:
    """Check that the cluster knows sessions."""
    if served:
        return Check("sessions", Outcome.OK, "the cluster knows them")
    told = f"the cluster has no {NAME}: 'alcove up' cannot work"
    return Check("sessions", Outcome.FAIL, told, "alcove enable")


def check_builders(seen: Installation, events: Sequence[Object]) -> Check:
    """Check that builders can run, and that those that are there do; ``events`` are of their namespace."""
    name = "builders"
    names = {object_key(one)[1] for one in seen.namespaces}
    if not names or seen.pods is None:
        return Check(name, Outcome.SKIP, "you may not list namespaces or pods")
    if kinds.BUILDS not in names:
        return Check(
            name,
            Outcome.FAIL,
            f"there is no namespace '{kinds.BUILDS}': nobody builds images",
            "alcove enable",
        )
    pods = [pod for pod in seen.pods if object_key(pod)[0] == kinds.BUILDS]
    # What warned of a builder that is ready by now is over.
    fine = {object_key(pod)[1] for pod in pods if is_ready(pod)}
    told = [one for one in events if mapping(one, "involvedObject").get("name") not in fine]
    troubles = find_troubles([pod for pod in pods if not is_ready(pod)], told)
    if not troubles:
        return Check(name, Outcome.OK, f"{counted(len(pods), 'builder')}" if pods else "none is needed now")
    return Check(
        name,
        Outcome.WARN,
        "\n  ".join(["builders do not run as they should", *map(str, troubles[:_SHOWN])]),
        f"kubectl describe pods -n {kinds.BUILDS}; kubectl logs -n {kinds.BUILDS} POD",
    )


def check_session_images(seen: Installation) -> Check:
    """Check that nodes run images that were built on them."""
    name = "built images"
    if seen.pods is None:
        return Check(name, Outcome.SKIP, "you may not list pods of all namespaces")
    refused = [line for pod in seen.pods if is_of_session(pod) for line in _refusals(pod)]
    if not refused:
        return Check(name, Outcome.OK, "no node refuses one")
    return Check(
        name,
        Outcome.FAIL,
        "\n  ".join([f"{counted(len(refused), 'container')} refused", *refused[:_SHOWN]]),
        "a kubelet with imagePullCredentialsVerificationPolicy AlwaysVerify takes no image that was built: "
        "set NeverVerifyPreloadedImages there; an image that is gone is built again by the next save",
    )


def _refusals(pod: Object) -> Iterator[str]:
    status = mapping(pod, "status")
    built = any(
        one.get("name") == BUILD and mapping(one, "state", "terminated").get("exitCode") == 0
        for one in sequence(status, "initContainerStatuses")
    )
    for container in sequence(status, "containerStatuses") if built else ():
        waiting = mapping(container, "state", "waiting")
        if waiting.get("reason") == _NEVER_PULLED:
            message = str(waiting.get("message") or "")
            why = "the kubelet wants to know who pulled it" if _UNVERIFIED in message else "it is not there"
            namespace, name = object_key(pod)
            node = mapping(pod, "spec").get("nodeName")
            yield f"{namespace}/{name}/{container.get('name')} on {node}: {why}"
