"""StatefulSets: pods with lasting names and volumes, made, replaced and removed in order.

Pods are numbered; with ``OrderedReady`` each step waits for the pod before it. What a template was is kept
in ControllerRevisions, so that an update can stop half-way (``partition``) and still restore pods of both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from alcove.embedded.controllers.actions import (
    NOTHING,
    Action,
    Create,
    Notice,
    Patch,
    Plan,
    delete_of,
    status_patches,
)
from alcove.embedded.controllers.driver import Controller
from alcove.embedded.controllers.ownership import claim
from alcove.embedded.controllers.pods import (
    PODS,
    available_at,
    is_finished,
    is_terminating,
    pod_from_template,
    ready_since,
)
from alcove.embedded.controllers.revisions import (
    CONTROLLER_REVISIONS,
    History,
    observe_history,
    plan_history,
)
from alcove.embedded.controllers.rollouts import size_of
from alcove.embedded.controllers.times import earliest
from alcove.embedded.faults import ApiError
from alcove.embedded.labels import selects
from alcove.embedded.objects import (
    GroupResource,
    Object,
    ObjectKey,
    WatchEvent,
    controller_of,
    labels_of,
    metadata,
)
from alcove.embedded.ports import ClusterReader

STATEFUL_SETS = GroupResource("statefulsets.apps")
CLAIMS = GroupResource("persistentvolumeclaims")
REVISION_LABEL = "controller-revision-hash"


def stateful_sets(api: ClusterReader) -> Controller:
    """Give the controller of StatefulSets."""

    def observe(key: ObjectKey, now: float) -> Members | None:
        if (item := api.get(*key)) is None:
            return None
        pods = api.list(PODS, key.namespace)
        return observe_members(item, pods, api.list(CONTROLLER_REVISIONS, key.namespace), now=now)

    def plan(key: ObjectKey, now: float) -> Plan:
        if (members := observe(key, now)) is None:
            return NOTHING
        claims = {metadata(one)["name"] for one in api.list(CLAIMS, key.namespace)}
        return plan_stateful_set(members, claims)

    def report(key: ObjectKey, now: float, failure: ApiError | None) -> Plan:
        members = observe(key, now)
        return NOTHING if members is None else report_stateful_set(members)

    watched = (STATEFUL_SETS, PODS, CONTROLLER_REVISIONS)
    return Controller("statefulset-controller", watched, lambda event: _keys(api, event), plan, report)


def _keys(api: ClusterReader, event: WatchEvent) -> Iterable[ObjectKey]:
    meta = metadata(event.object)
    if event.resource == STATEFUL_SETS:
        return (ObjectKey(STATEFUL_SETS, meta["namespace"], meta["name"]),)
    if controller := controller_of(event.object):
        named = ObjectKey(STATEFUL_SETS, meta["namespace"], controller["name"])
        return (named,) if controller["kind"] == "StatefulSet" else ()
    return [
        ObjectKey(STATEFUL_SETS, meta["namespace"], metadata(one)["name"])
        for one in api.list(STATEFUL_SETS, meta["namespace"])
        if _is_member_name(one, meta["name"]) and selects(one["spec"]["selector"], labels_of(event.object))
    ]


def _is_member_name(item: Object, name: str) -> bool:
    return _ordinal(name) >= 0 and name.rpartition("-")[0] == metadata(item)["name"]


def _ordinal(name: str) -> int:
    digits = name.rpartition("-")[2]
    return int(digits) if digits.isascii() and digits.isdigit() else -1


@dataclass(frozen=True, slots=True)
class Members:
    """A StatefulSet with its pods by ordinal."""

    item: Object
    pods: dict[int, Object]
    history: History
    adoptions: tuple[Patch, ...]
    now: float

    @property
    def wanted(self) -> range:
        """The ordinals that there should be."""
        start = int((self.item["spec"].get("ordinals") or {}).get("start") or 0)
        return range(start, start + size_of(self.item))

    @property
    def ordered(self) -> bool:
        """Whether each step waits for the pods before."""
        return bool(self.item["spec"].get("podManagementPolicy", "OrderedReady") != "Parallel")

    def is_healthy(self, pod: Object) -> bool:
        """Whether the pod counts as up: ready for ``minReadySeconds``, and not on its way out."""
        seconds = int(self.item["spec"].get("minReadySeconds") or 0)
        at = available_at(pod, seconds)
        return at is not None and at <= self.now and not is_terminating(pod)

    def is_updated(self, pod: Object) -> bool:
        """Whether it is of the newest template."""
        return labels_of(pod).get(REVISION_LABEL) == self.history.update_name


def observe_members(
    item: Object, pods: Iterable[Object], revisions: Iterable[Object], *, now: float
) -> Members:
    """Find the set's own among the pods and ControllerRevisions of its namespace."""
    candidates = [one for one in pods if _is_member_name(item, metadata(one)["name"])]
    selector = item["spec"]["selector"]
    claims = claim(item, candidates, resource=PODS, matching=lambda labels: selects(selector, labels))
    by_ordinal = {_ordinal(metadata(one)["name"]): one for one in claims.owned}
    return Members(item, by_ordinal, observe_history(item, revisions), claims.patches, now)


def plan_stateful_set(members: Members, claims: set[str]) -> Plan:
    """Decide the next steps; ``claims`` are the names of the namespace's PersistentVolumeClaims."""
    item = members.item
    if "deletionTimestamp" in metadata(item):
        return NOTHING
    in_use = {labels_of(pod).get(REVISION_LABEL, "") for pod in members.pods.values()}
    actions: list[Action] = [*plan_history(item, members.history, in_use), *members.adoptions]
    steps = _step(members, claims)
    return Plan([*actions, *steps], _next_availability(members))


def _step(members: Members, claims: set[str]) -> list[Action]:
    actions: list[Action] = []
    for ordinal in members.wanted:
        pod = members.pods.get(ordinal)
        if pod is None:
            actions += _create(members, ordinal, claims)
        elif is_finished(pod) and not is_terminating(pod):
            actions.append(_delete(members, pod))
        elif not members.ordered or members.is_healthy(pod):
            continue
        if members.ordered:
            return actions
    if actions:
        return actions
    surplus = sorted((one for one in members.pods if one not in members.wanted), reverse=True)
    if not surplus:
        return _replace(members)
    doomed = [members.pods[one] for one in (surplus[:1] if members.ordered else surplus)]
    return [_delete(members, pod) for pod in doomed if not is_terminating(pod)]


def _replace(members: Members) -> list[Action]:
    """Take down the last pod that is not of the newest template, once all after it are up again."""
    strategy = members.item["spec"].get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        return []
    partition = _partition(members)
    for ordinal in reversed(members.wanted):
        pod = members.pods.get(ordinal)
        if ordinal < partition or pod is None:
            return []
        if not members.is_updated(pod):
            return [] if is_terminating(pod) else [_delete(members, pod)]
        if not members.is_healthy(pod):
            return []
    return []


def _partition(members: Members) -> int:
    strategy = members.item["spec"].get("updateStrategy") or {}
    return members.wanted.start + int((strategy.get("rollingUpdate") or {}).get("partition") or 0)


def _delete(members: Members, pod: Object) -> Action:
    name, owner = metadata(pod)["name"], metadata(members.item)["name"]
    text = f"delete Pod {name} in StatefulSet {owner} successful"
    return delete_of(PODS, pod, done=Notice(members.item, "SuccessfulDelete", text))


def _create(members: Members, ordinal: int, claims: set[str]) -> list[Action]:
    item = members.item
    revision = members.history.of_ordinal(ordinal, partition=_partition(members))
    pod = new_pod(item, ordinal, revision.template, revision.name)
    name, owner = metadata(pod)["name"], metadata(item)["name"]
    actions: list[Action] = []
    for claim_item in new_claims(item, ordinal):
        claim_name = claim_item["metadata"]["name"]
        if claim_name not in claims:
            about = f"create Claim {claim_name} Pod {name} in StatefulSet {owner}"
            actions.append(Create(CLAIMS, claim_item, *_notices(item, about)))
    return [*actions, Create(PODS, pod, *_notices(item, f"create Pod {name} in StatefulSet {owner}"))]


def _notices(item: Object, about: str) -> tuple[Notice, Notice]:
    failed = Notice(item, "FailedCreate", f"{about} failed error: {{error}}", "Warning")
    return Notice(item, "SuccessfulCreate", f"{about} success"), failed


def new_pod(item: Object, ordinal: int, template: Object, revision: str) -> Object:
    """Give the pod of an ordinal, with its name in DNS and its volumes."""
    name = f"{metadata(item)['name']}-{ordinal}"
    pod = pod_from_template(item, template, name=name)
    pod["metadata"]["labels"] |= {
        "statefulset.kubernetes.io/pod-name": name,
        "apps.kubernetes.io/pod-index": str(ordinal),
        REVISION_LABEL: revision,
    }
    spec = {**pod["spec"], "hostname": name}
    if item["spec"].get("serviceName"):
        spec["subdomain"] = item["spec"]["serviceName"]
    mounted = {
        one["metadata"]["name"]: {
            "name": one["metadata"]["name"],
            "persistentVolumeClaim": {"claimName": f"{one['metadata']['name']}-{name}"},
        }
        for one in item["spec"].get("volumeClaimTemplates") or ()
    }
    others = [one for one in spec.get("volumes") or () if one["name"] not in mounted]
    if mounted or others:
        spec["volumes"] = [*others, *mounted.values()]
    return {**pod, "spec": spec}


def new_claims(item: Object, ordinal: int) -> list[dict[str, Any]]:
    """Give the PersistentVolumeClaims of an ordinal; they outlast its pods."""
    meta = metadata(item)
    selected = item["spec"]["selector"].get("matchLabels") or {}
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {
                **{key: value for key, value in one["metadata"].items() if key in ("annotations",)},
                "name": f"{one['metadata']['name']}-{meta['name']}-{ordinal}",
                "namespace": meta["namespace"],
                "labels": {**(one["metadata"].get("labels") or {}), **selected},
            },
            "spec": one["spec"],
        }
        for one in item["spec"].get("volumeClaimTemplates") or ()
    ]


def _next_availability(members: Members) -> float | None:
    seconds = int(members.item["spec"].get("minReadySeconds") or 0)
    times = (available_at(pod, seconds) for pod in members.pods.values()) if seconds else ()
    return earliest(*(at for at in times if at is not None and at > members.now))


def report_stateful_set(members: Members) -> Plan:
    """Compute the status: counts, and the revisions between which an update is."""
    history = members.history
    living = [pod for pod in members.pods.values() if not is_terminating(pod) and not is_finished(pod)]
    updated = sum(members.is_updated(pod) for pod in living)
    ready = sum(ready_since(pod) is not None for pod in living)
    current_name = history.current_name
    if updated == ready == len(living) == size_of(members.item):
        current_name = history.update_name
    of_current = sum(labels_of(pod).get(REVISION_LABEL) == current_name for pod in living)
    status: dict[str, Any] = {
        "observedGeneration": metadata(members.item).get("generation", 0),
        "replicas": len(living),
        "availableReplicas": sum(map(members.is_healthy, living)),
        "currentRevision": current_name,
        "updateRevision": history.update_name,
        "collisionCount": 0,
    }
    counts = {"readyReplicas": ready, "currentReplicas": of_current, "updatedReplicas": updated}
    status |= {key: value for key, value in counts.items() if value}
    return Plan(status_patches(STATEFUL_SETS, members.item, status))
