"""Deployments: one ReplicaSet per template, and the steps from the old ones to the new.

What a step is, ``rollouts`` computes; what is told about it, ``deployment_status``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from alcove.embedded.controllers import rollouts
from alcove.embedded.controllers.actions import (
    NOTHING,
    Action,
    Create,
    Notice,
    Patch,
    Plan,
    delete_of,
    difference,
    patch_of,
)
from alcove.embedded.controllers.deployment_status import is_complete, report_deployment
from alcove.embedded.controllers.driver import Controller
from alcove.embedded.controllers.ownership import claim, controller_reference, is_controlled_by
from alcove.embedded.controllers.pods import PODS, is_finished
from alcove.embedded.controllers.revisions import REVISION, content_hash, revision_of
from alcove.embedded.controllers.times import created_at
from alcove.embedded.faults import ApiError
from alcove.embedded.labels import selects
from alcove.embedded.objects import (
    GroupResource,
    Object,
    ObjectKey,
    WatchEvent,
    annotations_of,
    controller_of,
    labels_of,
    metadata,
)
from alcove.embedded.ports import ClusterReader

DEPLOYMENTS = GroupResource("deployments.apps")
REPLICA_SETS = GroupResource("replicasets.apps")
HASH_LABEL = "pod-template-hash"

_HISTORY = "deployment.kubernetes.io/revision-history"
_NOT_COPIED = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        "deprecated.deployment.rollback.to",
        REVISION,
        _HISTORY,
        rollouts.DESIRED,
        rollouts.MAXIMUM,
    }
)


def deployments(api: ClusterReader) -> Controller:
    """Give the controller of Deployments."""

    def plan(key: ObjectKey, now: float) -> Plan:
        if (deployment := api.get(*key)) is None:
            return NOTHING
        return plan_deployment(deployment, api.list(REPLICA_SETS, key.namespace), _pods_for(api, deployment))

    def report(key: ObjectKey, now: float, failure: ApiError | None) -> Plan:
        if (deployment := api.get(*key)) is None:
            return NOTHING
        rollout = observe_rollout(deployment, api.list(REPLICA_SETS, key.namespace))
        return report_deployment(deployment, rollout.new, rollout.old, now=now, failure=failure)

    return Controller(
        "deployment-controller",
        (DEPLOYMENTS, REPLICA_SETS, PODS),
        lambda event: _keys(api, event),
        plan,
        report,
    )


def _pods_for(api: ClusterReader, deployment: Object) -> Sequence[Object]:
    if rollouts.limits_of(deployment).rolling:
        return ()
    return api.list(PODS, metadata(deployment)["namespace"])


def _keys(api: ClusterReader, event: WatchEvent) -> Iterable[ObjectKey]:
    meta = metadata(event.object)
    if event.resource == DEPLOYMENTS:
        return (ObjectKey(DEPLOYMENTS, meta["namespace"], meta["name"]),)
    controller = controller_of(event.object)
    if event.resource == PODS:
        # Only the end of a pod matters, to a Deployment that waits for it before it starts new ones.
        if controller is None or not (event.type == "DELETED" or is_finished(event.object)):
            return ()
        owner = api.get(REPLICA_SETS, meta["namespace"], controller["name"])
        controller = controller_of(owner) if owner else None
        if controller is None:
            return ()
    if controller is not None:
        named = ObjectKey(DEPLOYMENTS, meta["namespace"], controller["name"])
        return (named,) if controller["kind"] == "Deployment" else ()
    return [
        ObjectKey(DEPLOYMENTS, meta["namespace"], metadata(one)["name"])
        for one in api.list(DEPLOYMENTS, meta["namespace"])
        if selects(one["spec"].get("selector"), labels_of(event.object))
    ]


@dataclass(frozen=True, slots=True)
class Rollout:
    """A Deployment's ReplicaSets, told apart."""

    new: Object | None
    """The one of the present template."""
    old: tuple[Object, ...]
    adoptions: tuple[Patch, ...]

    @property
    def every(self) -> tuple[Object, ...]:
        """All of them, the new one first."""
        return (self.new, *self.old) if self.new else self.old


def observe_rollout(deployment: Object, sets: Iterable[Object]) -> Rollout:
    """Find the Deployment's own among the ReplicaSets of its namespace."""
    selector = deployment["spec"].get("selector")
    claims = claim(deployment, sets, resource=REPLICA_SETS, matching=lambda labels: selects(selector, labels))
    template = deployment["spec"]["template"]
    same = [one for one in claims.owned if _same_template(one["spec"]["template"], template)]
    new = min(same, key=created_at, default=None)
    return Rollout(new, tuple(one for one in claims.owned if one is not new), claims.patches)


def _same_template(left: Object, right: Object) -> bool:
    if left.get("spec") != right.get("spec"):
        return False
    return _without_hash(left) == _without_hash(right)


def _without_hash(template: Object) -> dict[str, Any]:
    meta = {key: value for key, value in (template.get("metadata") or {}).items() if value}
    labels = {key: value for key, value in (meta.get("labels") or {}).items() if key != HASH_LABEL}
    return {**meta, "labels": labels}


def plan_deployment(deployment: Object, sets: Sequence[Object], pods: Sequence[Object] = ()) -> Plan:
    """Decide the next step; ``sets`` and ``pods`` are the namespace's (pods matter for ``Recreate`` only)."""
    if "deletionTimestamp" in metadata(deployment):
        return NOTHING
    rollout = observe_rollout(deployment, sets)
    limits = rollouts.limits_of(deployment)
    actions: list[Action] = [*rollout.adoptions, *_sync_revision(deployment, rollout)]
    rescaled = limits.rolling and rollouts.is_scaling(deployment, rollout.every)
    if deployment["spec"].get("paused") or rescaled:
        sizes = rollouts.scaled_sizes(limits, rollout.new, rollout.old)
    else:
        sizes = _step(limits, rollout, pods)
        if rollout.new is None and not (sizes or _must_wait(limits, rollout, pods)):
            actions += _create_new(deployment, rollout, sets)
    actions += [_resize(deployment, one, size, limits) for one, size in sizes if _differs(one, size, limits)]
    if deployment["spec"].get("paused") or is_complete(deployment, deployment.get("status") or {}):
        actions += _drop_history(deployment, rollout.old)
    return Plan(actions)


def _step(limits: rollouts.Limits, rollout: Rollout, pods: Sequence[Object]) -> rollouts.Sizes:
    if limits.rolling:
        return rollouts.rolling_sizes(limits, rollout.new, rollout.old) if rollout.new else []
    if live := [one for one in rollout.old if rollouts.size_of(one)]:
        return [(one, 0) for one in live]
    if rollout.new and not _must_wait(limits, rollout, pods):
        return [(rollout.new, limits.replicas)]
    return []


def _must_wait(limits: rollouts.Limits, rollout: Rollout, pods: Sequence[Object]) -> bool:
    """Whether pods of old templates still run, and the strategy is to wait for their end."""
    return not limits.rolling and any(
        is_controlled_by(pod, one) and not is_finished(pod) for pod in pods for one in rollout.old
    )


def _differs(replica_set: Object, size: int, limits: rollouts.Limits) -> bool:
    told = rollouts.scaling_annotations(limits).items()
    return size != rollouts.size_of(replica_set) or not told <= annotations_of(replica_set).items()


def _resize(deployment: Object, replica_set: Object, size: int, limits: rollouts.Limits) -> Patch:
    before = rollouts.size_of(replica_set)
    annotations = rollouts.scaling_annotations(limits)
    patch = patch_of(
        REPLICA_SETS, replica_set, {"metadata": {"annotations": annotations}, "spec": {"replicas": size}}
    )
    if size == before:
        return patch
    direction = "up" if size > before else "down"
    text = f"Scaled {direction} replica set {patch.name} from {before} to {size}"
    told = Notice(deployment, "ScalingReplicaSet", text)
    return Patch(patch.resource, patch.namespace, patch.name, patch.merge, done=told)


def _sync_revision(deployment: Object, rollout: Rollout) -> list[Action]:
    """Number the new ReplicaSet after all others, and give the Deployment its number."""
    if rollout.new is None:
        return []
    annotations = _revised_annotations(deployment, rollout.new, rollout.old)
    merge: dict[str, Any] = {}
    if changed := difference(annotations_of(rollout.new), annotations):
        merge["metadata"] = {"annotations": changed}
    wanted = deployment["spec"].get("minReadySeconds") or 0
    if wanted != (rollout.new["spec"].get("minReadySeconds") or 0):
        merge["spec"] = {"minReadySeconds": wanted}
    actions: list[Action] = [patch_of(REPLICA_SETS, rollout.new, merge)] if merge else []
    return actions + _number(deployment, annotations[REVISION])


def _number(deployment: Object, revision: str) -> list[Action]:
    if annotations_of(deployment).get(REVISION) == revision:
        return []
    return [patch_of(DEPLOYMENTS, deployment, {"metadata": {"annotations": {REVISION: revision}}})]


def _revised_annotations(deployment: Object, new: Object | None, old: Sequence[Object]) -> dict[str, str]:
    annotations = dict(annotations_of(new)) if new else {}
    annotations |= {k: v for k, v in annotations_of(deployment).items() if k not in _NOT_COPIED}
    revision = max(map(revision_of, old), default=0) + 1
    before = revision_of(new) if new else 0
    if before < revision:
        annotations[REVISION] = str(revision)
        if before:
            history = annotations.get(_HISTORY, "")
            annotations[_HISTORY] = f"{history},{before}" if history else str(before)
    return annotations


def _create_new(deployment: Object, rollout: Rollout, sets: Sequence[Object]) -> list[Action]:
    status = deployment.get("status") or {}
    collisions = int(status.get("collisionCount") or 0)
    item = new_replica_set(deployment, rollout.old, collisions)
    name = item["metadata"]["name"]
    if any(metadata(one)["name"] == name for one in sets):
        # Another's, or an own one of another template: the next hash is tried in the next round.
        counted = {"status": {"collisionCount": collisions + 1}}
        meta = metadata(deployment)
        return [Patch(DEPLOYMENTS, meta["namespace"], meta["name"], counted, "status")]
    size = item["spec"]["replicas"]
    text = f"Scaled up replica set {name} from 0 to {size}"
    done = Notice(deployment, "ScalingReplicaSet", text) if size else None
    why = f'Failed to create new replica set "{name}": {{error}}'
    failed = Notice(deployment, "ReplicaSetCreateError", why, "Warning")
    numbered = _number(deployment, item["metadata"]["annotations"][REVISION])
    return [Create(REPLICA_SETS, item, done, failed), *numbered]


def new_replica_set(deployment: Object, old: Sequence[Object], collisions: int) -> Object:
    """Give the ReplicaSet of the present template."""
    spec, meta = deployment["spec"], metadata(deployment)
    template = spec["template"]
    digest = content_hash(template, collisions)
    labels = {**((template.get("metadata") or {}).get("labels") or {}), HASH_LABEL: digest}
    selector = spec["selector"]
    limits = rollouts.limits_of(deployment)
    annotations = _revised_annotations(deployment, None, old) | rollouts.scaling_annotations(limits)
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{meta['name']}-{digest}",
            "namespace": meta["namespace"],
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [controller_reference(deployment)],
        },
        "spec": {
            "replicas": rollouts.size_of_new(limits, 0, old),
            "minReadySeconds": spec.get("minReadySeconds") or 0,
            "selector": {
                **selector,
                "matchLabels": {**(selector.get("matchLabels") or {}), HASH_LABEL: digest},
            },
            "template": {**template, "metadata": {**(template.get("metadata") or {}), "labels": labels}},
        },
    }


def _drop_history(deployment: Object, old: Sequence[Object]) -> list[Action]:
    limit = deployment["spec"].get("revisionHistoryLimit")
    live = [one for one in old if "deletionTimestamp" not in metadata(one)]
    surplus = len(live) - (10 if limit is None else int(limit))
    doomed = sorted(live, key=revision_of)[: max(0, surplus)]
    return [delete_of(REPLICA_SETS, one) for one in doomed if _is_at_rest(one)]


def _is_at_rest(replica_set: Object) -> bool:
    status = replica_set.get("status") or {}
    observed = int(status.get("observedGeneration") or 0)
    return (
        not rollouts.size_of(replica_set)
        and not status.get("replicas")
        and observed >= int(metadata(replica_set).get("generation") or 0)
    )
