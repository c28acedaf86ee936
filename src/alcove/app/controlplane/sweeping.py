"""Tells of pods that were missed: an Event on each, which ``kubectl describe pod`` shows to whoever asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from alcove.admission.facts import SpaceFacts
from alcove.admission.markers import Object, mapping
from alcove.admission.settings import InjectionSettings
from alcove.admission.sweep import Finding, plan_sweep
from alcove.kube import errors, resources
from alcove.kube.client import KubeClient, object_key

_COMPONENT = "alcove-controlplane"
_REASON = "NotInjected"


async def report_missed(
    client: KubeClient, spaces: Mapping[str, SpaceFacts], settings: InjectionSettings, now: float
) -> tuple[Finding, ...]:
    """Look at every pod and write an Event on each that was missed; one that is there stays as it is.

    Raises:
        KubeError: the API server cannot be asked, or does not take an Event.
    """
    pods = (await client.list(resources.PODS)).items
    found = plan_sweep(pods, spaces, settings)
    for event in plan_events(found, pods, now):
        try:
            await client.create(resources.EVENTS, event)
        except errors.AlreadyExistsError:
            continue
        except errors.NotFoundError:
            continue  # its namespace has gone meanwhile
    return found


def plan_events(findings: Iterable[Finding], pods: Iterable[Mapping[str, Any]], now: float) -> list[Object]:
    """Give the Events; a pod has one per cause, whose name says so, so that it is written once."""
    by_key = {object_key(pod): pod for pod in pods}
    moment = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return [_event(finding, by_key[finding.namespace, finding.name], moment) for finding in findings]


def _event(finding: Finding, pod: Mapping[str, Any], moment: str) -> Object:
    uid = str(mapping(pod, "metadata").get("uid", ""))
    cause = finding.cause.name.lower().replace("_", "-")
    remedy = "; delete the pod, or restart its workload" if finding.is_mended_by_recreation else ""
    detail = f" ({finding.detail})" if finding.detail else ""
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{finding.name[:200]}.{uid[:8]}.{cause}", "namespace": finding.namespace},
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Pod",
            "namespace": finding.namespace,
            "name": finding.name,
            "uid": uid,
        },
        "type": "Warning",
        "reason": _REASON,
        "message": f"no requests are routed for this pod: {finding.cause.value}{detail}{remedy}",
        "source": {"component": _COMPONENT},
        "reportingComponent": "alcove.dev/controlplane",
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }
