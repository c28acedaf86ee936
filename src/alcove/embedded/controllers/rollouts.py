"""How many pods each ReplicaSet of a Deployment gets: the arithmetic of rolling, scaling and replacing.

Every function gives the sizes that should change now; the next step follows from what comes of them.
The two promises of a rolling update hold at every step: never more than ``replicas + maxSurge`` pods are
wanted, and none is taken away while fewer than ``replicas - maxUnavailable`` others are available.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from alcove.embedded.controllers.counts import resolve_count
from alcove.embedded.controllers.times import created_at
from alcove.embedded.objects import Object, annotations_of, metadata

DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"

Sizes = list[tuple[Object, int]]
"""ReplicaSets and the sizes they are to have."""


def size_of(item: Object) -> int:
    """Give how many replicas a workload wants."""
    replicas = (item.get("spec") or {}).get("replicas")
    return 1 if replicas is None else int(replicas)


def available_in(replica_set: Object) -> int:
    """Give how many available pods a ReplicaSet keeps: no more than it wants, however late its status is."""
    return min(int((replica_set.get("status") or {}).get("availableReplicas") or 0), size_of(replica_set))


@dataclass(frozen=True, slots=True)
class Limits:
    """What a Deployment's strategy allows, in pods."""

    replicas: int
    surge: int
    unavailable: int
    rolling: bool

    @property
    def most(self) -> int:
        """How many pods there may be."""
        return self.replicas + self.surge if self.replicas else 0

    @property
    def least_available(self) -> int:
        """How many pods must be available before one is taken away."""
        return self.replicas - self.unavailable


def limits_of(deployment: Object) -> Limits:
    """Read them from the strategy; one of surge and unavailable is at least 1."""
    replicas = size_of(deployment)
    strategy = deployment["spec"].get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return Limits(replicas, surge=0, unavailable=0, rolling=False)
    rolling = strategy.get("rollingUpdate") or {}
    surge = resolve_count(rolling.get("maxSurge", "25%"), replicas, round_up=True)
    unavailable = resolve_count(rolling.get("maxUnavailable", "25%"), replicas, round_up=False)
    if not surge and not unavailable:
        unavailable = 1
    return Limits(replicas, surge, min(unavailable, replicas), rolling=True)


def size_of_new(limits: Limits, new_size: int, every: Sequence[Object]) -> int:
    """Give how far the new ReplicaSet may grow (or shrink) among ``every`` ReplicaSet there is."""
    if not limits.rolling or new_size > limits.replicas:
        return limits.replicas
    room = limits.replicas + limits.surge - sum(map(size_of, every))
    return new_size + max(0, min(room, limits.replicas - new_size))


def rolling_sizes(limits: Limits, new: Object, old: Sequence[Object]) -> Sizes:
    """Give the next step of a rolling update: the new ReplicaSet grows; when it cannot, the old shrink."""
    grown = size_of_new(limits, size_of(new), [new, *old])
    if grown != size_of(new):
        return [(new, grown)]
    live = sorted((one for one in old if size_of(one)), key=created_at)
    waiting = size_of(new) - available_in(new)
    removable = sum(map(size_of, (new, *live))) - limits.least_available - waiting
    sizes = {id(one): size_of(one) for one in live}
    removed = _shrink(live, sizes, [size_of(one) - available_in(one) for one in live], removable)
    # Available pods go only beyond those that must stay, whatever became of the unavailable ones.
    spare = sum(map(available_in, (new, *live))) - limits.least_available
    _shrink(live, sizes, [sizes[id(one)] for one in live], min(spare, removable - removed))
    return [(one, sizes[id(one)]) for one in live if sizes[id(one)] != size_of(one)]


def _shrink(live: Sequence[Object], sizes: dict[int, int], most: Sequence[int], total: int) -> int:
    removed = 0
    for one, limit in zip(live, most, strict=True):
        step = max(0, min(limit, total - removed))
        sizes[id(one)] -= step
        removed += step
    return removed


def scaled_sizes(limits: Limits, new: Object | None, old: Sequence[Object]) -> Sizes:
    """Give the sizes after ``replicas`` changed (or while paused): each live ReplicaSet its proportion."""
    every = [*([new] if new else []), *old]
    live = [one for one in every if size_of(one)]
    if len(live) <= 1:
        only = live[0] if live else new or max(old, key=created_at, default=None)
        return [(only, limits.replicas)] if only else []
    if new and _is_saturated(limits, new):
        return [(one, 0) for one in old if size_of(one)]
    return _proportional(limits, live) if limits.rolling else []


def _is_saturated(limits: Limits, new: Object) -> bool:
    wanted = limits.replicas
    told = annotations_of(new).get(DESIRED)
    return size_of(new) == wanted and told == str(wanted) and available_in(new) == wanted


def _proportional(limits: Limits, live: list[Object]) -> Sizes:
    change = limits.most - sum(map(size_of, live))
    newest_first = change > 0
    age = sorted(live, key=created_at, reverse=newest_first)
    ordered = sorted(age, key=size_of, reverse=True)
    sizes: list[int] = []
    added = 0
    for one in ordered:
        share = _share(one, limits) if change else 0
        left = change - added
        share = min(share, left) if change > 0 else max(share, left)
        added += share
        sizes.append(size_of(one) + share)
    sizes[0] = max(0, sizes[0] + change - added)
    return list(zip(ordered, sizes, strict=True))


def _share(replica_set: Object, limits: Limits) -> int:
    size = size_of(replica_set)
    if not limits.replicas:
        return -size
    known = annotations_of(replica_set).get(MAXIMUM, "")
    before = int(known) if known.isdigit() and int(known) else limits.most
    return math.floor(size * limits.most / before + 0.5) - size


def scaling_annotations(limits: Limits) -> dict[str, str]:
    """Give the annotations by which a later proportional scaling knows the sizes of now."""
    return {DESIRED: str(limits.replicas), MAXIMUM: str(limits.replicas + limits.surge)}


def is_scaling(deployment: Object, sets: Sequence[Object]) -> bool:
    """Whether ``replicas`` changed since the ReplicaSets were sized."""
    wanted = str(size_of(deployment))
    return any(
        size_of(one) and annotations_of(one).get(DESIRED, wanted) != wanted
        for one in sets
        if "deletionTimestamp" not in metadata(one)
    )
