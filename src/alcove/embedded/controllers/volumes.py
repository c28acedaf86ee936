"""PersistentVolumeClaims: bound to a volume that fits, or to a new directory of this machine.

A claim's volume is named in both directions (``spec.volumeName``, ``spec.claimRef``). The volume is written
first: whoever finds a volume that names a claim can always finish what was begun.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence

from alcove.embedded.controllers.actions import (
    NOTHING,
    Action,
    Create,
    Invoke,
    Notice,
    Plan,
    Tell,
    delete_of,
    patch_of,
    status_patches,
)
from alcove.embedded.controllers.driver import Controller
from alcove.embedded.controllers.pods import PODS, is_finished
from alcove.embedded.controllers.quantities import bytes_of
from alcove.embedded.events import reference_to
from alcove.embedded.labels import selects
from alcove.embedded.objects import (
    GroupResource,
    Object,
    ObjectKey,
    WatchEvent,
    annotations_of,
    labels_of,
    metadata,
)
from alcove.embedded.ports import ClusterReader

CLAIMS = GroupResource("persistentvolumeclaims")
VOLUMES = GroupResource("persistentvolumes")
CLASSES = GroupResource("storageclasses.storage.k8s.io")
PROVISIONER = "alcove.dev/directory"
"""The provisioner of StorageClasses whose volumes are directories of this machine."""

_PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"


def volumes(
    api: ClusterReader,
    *,
    make_directory: Callable[[Object], str] | None,
    remove_directory: Callable[[str], None] | None,
) -> Controller:
    """Give the controller of claims and volumes; the callables make a claim's directory and remove one."""

    def plan(key: ObjectKey, now: float) -> Plan:
        if (item := api.get(*key)) is None:
            return NOTHING
        if key.resource == CLAIMS:
            classes = {metadata(one)["name"]: one for one in api.list(CLASSES)}
            return plan_claim(item, api.list(VOLUMES), classes, make_directory=make_directory)
        reference = (item.get("spec") or {}).get("claimRef") or {}
        namespace = reference.get("namespace", "")
        holder = api.get(CLAIMS, namespace, reference.get("name", "")) if reference else None
        users = api.list(PODS, namespace) if reference and holder is None else ()
        return plan_volume(item, holder, users, remove_directory=remove_directory)

    watched = (CLAIMS, VOLUMES, CLASSES, PODS)
    return Controller("persistentvolume-controller", watched, lambda event: _keys(api, event), plan)


def _keys(api: ClusterReader, event: WatchEvent) -> Iterable[ObjectKey]:
    item, meta = event.object, metadata(event.object)
    spec = item.get("spec") or {}
    if event.resource == CLAIMS:
        found = [ObjectKey(CLAIMS, meta["namespace"], meta["name"])]
        return [*found, ObjectKey(VOLUMES, "", spec["volumeName"])] if spec.get("volumeName") else found
    if event.resource == PODS:
        if event.type != "DELETED" and not is_finished(item):
            return ()
        held = ((one.get("spec") or {}, metadata(one)["name"]) for one in api.list(VOLUMES))
        used = _claims_of(item)
        return [
            ObjectKey(VOLUMES, "", name)
            for one, name in held
            if (one.get("claimRef") or {}).get("name") in used
        ]
    if event.resource == VOLUMES and (reference := spec.get("claimRef")):
        claim = ObjectKey(CLAIMS, reference.get("namespace", ""), reference.get("name", ""))
        return (ObjectKey(VOLUMES, "", meta["name"]), claim)
    waiting = [
        ObjectKey(CLAIMS, metadata(one)["namespace"], metadata(one)["name"])
        for one in api.list(CLAIMS)
        if (one.get("status") or {}).get("phase") != "Bound"
    ]
    return waiting if event.resource == CLASSES else [ObjectKey(VOLUMES, "", meta["name"]), *waiting]


def _claims_of(pod: Object) -> set[str]:
    mounted = ((one.get("persistentVolumeClaim") or {}) for one in pod["spec"].get("volumes") or ())
    return {one["claimName"] for one in mounted if one.get("claimName")}


# ----------------------------------------------------------------------------------------------- claims


def plan_claim(
    claim: Object,
    volumes: Sequence[Object],
    classes: dict[str, Object],
    *,
    make_directory: Callable[[Object], str] | None,
) -> Plan:
    """Bind the claim, or provide a volume to bind it to; it stays ``Pending`` where neither is possible."""
    if "deletionTimestamp" in metadata(claim):
        return NOTHING
    wanted = claim["spec"].get("volumeName")
    volume = _choose(claim, volumes)
    if volume is not None:
        return Plan(_bind(claim, volume))
    phase = (claim.get("status") or {}).get("phase")
    if phase in ("Bound", "Lost"):
        text = "Bound claim has lost its PersistentVolume. Data on this volume is lost!"
        lost = Tell(Notice(claim, "ClaimLost", text, "Warning"))
        return Plan([*status_patches(CLAIMS, claim, {**claim["status"], "phase": "Lost"}), lost])
    pending = status_patches(CLAIMS, claim, {**(claim.get("status") or {}), "phase": "Pending"})
    name = _class_of(claim)
    provided = (classes.get(name or "") or {}).get("provisioner") == PROVISIONER
    if provided and not wanted and make_directory is not None:
        return Plan([*pending, *_provision(claim, classes[name or ""], make_directory)])
    return Plan([*pending, Tell(_pending_notice(name, claim))])


def _class_of(item: Object) -> str | None:
    name = item["spec"].get("storageClassName")
    return name or None


def _pending_notice(name: str | None, claim: Object) -> Notice:
    if name is None:
        text = "no persistent volumes available for this claim and no storage class is set"
        return Notice(claim, "FailedBinding", text)
    return Notice(claim, "ProvisioningFailed", f'storageclass "{name}" cannot provide a volume', "Warning")


def _choose(claim: Object, volumes: Sequence[Object]) -> Object | None:
    """Give the volume that the claim is or can be bound to: its own, else the smallest that fits."""
    wanted = claim["spec"].get("volumeName")
    for one in volumes:
        reference = one["spec"].get("claimRef")
        if reference and _refers_to(reference, claim) and wanted in (None, "", metadata(one)["name"]):
            return one
    free = [one for one in volumes if not one["spec"].get("claimRef") and _fits(claim, one)]
    return min(free, key=lambda one: _capacity(one), default=None)


def _refers_to(reference: Object, claim: Object) -> bool:
    meta = metadata(claim)
    if (reference.get("namespace"), reference.get("name")) != (meta["namespace"], meta["name"]):
        return False
    return reference.get("uid") in (None, "", meta["uid"])


def _fits(claim: Object, volume: Object) -> bool:
    spec, offered = claim["spec"], volume["spec"]
    if "deletionTimestamp" in metadata(volume) or (_class_of(claim) != _class_of(volume)):
        return False
    if spec.get("volumeName"):
        return bool(spec["volumeName"] == metadata(volume)["name"])
    request = ((spec.get("resources") or {}).get("requests") or {}).get("storage", "0")
    return (
        set(spec.get("accessModes") or ()) <= set(offered.get("accessModes") or ())
        and (spec.get("volumeMode") or "Filesystem") == (offered.get("volumeMode") or "Filesystem")
        and bytes_of(request) <= _capacity(volume)
        and (spec.get("selector") is None or selects(spec["selector"], labels_of(volume)))
    )


def _capacity(volume: Object) -> float:
    return bytes_of((volume["spec"].get("capacity") or {}).get("storage", "0"))


def _bind(claim: Object, volume: Object) -> list[Action]:
    actions: list[Action] = []
    name = metadata(volume)["name"]
    reference = reference_to(claim)
    if (volume["spec"].get("claimRef") or {}).get("uid") != metadata(claim)["uid"]:
        actions.append(patch_of(VOLUMES, volume, {"spec": {"claimRef": reference}}, guarded=True))
    done = {"pv.kubernetes.io/bind-completed": "yes"}
    if claim["spec"].get("volumeName") != name or not done.items() <= annotations_of(claim).items():
        bound = {"metadata": {"annotations": done}, "spec": {"volumeName": name}}
        actions.append(patch_of(CLAIMS, claim, bound))
    status = {
        **(claim.get("status") or {}),
        "phase": "Bound",
        "accessModes": volume["spec"].get("accessModes") or [],
        "capacity": volume["spec"].get("capacity") or {},
    }
    return [*actions, *status_patches(CLAIMS, claim, status)]


def _provision(claim: Object, storage_class: Object, make_directory: Callable[[Object], str]) -> list[Action]:
    name = f"pvc-{metadata(claim)['uid']}"
    request = ((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage", "1Gi")
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {_PROVISIONED_BY: PROVISIONER}},
        "spec": {
            "capacity": {"storage": request},
            "accessModes": claim["spec"].get("accessModes") or ["ReadWriteOnce"],
            "storageClassName": metadata(storage_class)["name"],
            "persistentVolumeReclaimPolicy": storage_class.get("reclaimPolicy") or "Delete",
            "volumeMode": claim["spec"].get("volumeMode") or "Filesystem",
            "claimRef": reference_to(claim),
            "hostPath": {"path": make_directory(claim), "type": "DirectoryOrCreate"},
        },
    }
    text = f"Successfully provisioned volume {name}"
    return [Create(VOLUMES, volume, Notice(claim, "ProvisioningSucceeded", text))]


# ---------------------------------------------------------------------------------------------- volumes


def plan_volume(
    volume: Object,
    claim: Object | None,
    pods: Sequence[Object],
    *,
    remove_directory: Callable[[str], None] | None,
) -> Plan:
    """Say what the volume is for, and remove it when its claim is gone and no pod is left that uses it."""
    if "deletionTimestamp" in metadata(volume):
        return NOTHING
    reference = volume["spec"].get("claimRef")
    uid = (reference or {}).get("uid")
    if not uid:
        return Plan(_phase(volume, "Available"))
    if claim is not None and metadata(claim)["uid"] == uid:
        return Plan(_phase(volume, "Bound"))
    actions = _phase(volume, "Released")
    provided = annotations_of(volume).get(_PROVISIONED_BY) == PROVISIONER
    removable = provided and volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete"
    in_use = any((reference or {}).get("name") in _claims_of(pod) and not is_finished(pod) for pod in pods)
    if not removable or in_use or remove_directory is None:
        return Plan(actions)
    failed = Notice(volume, "VolumeFailedDelete", "{error}", "Warning")
    path = volume["spec"]["hostPath"]["path"]

    def remove() -> None:
        with contextlib.suppress(FileNotFoundError):
            remove_directory(path)

    return Plan([*actions, Invoke(remove, failed), delete_of(VOLUMES, volume)])


def _phase(volume: Object, phase: str) -> list[Action]:
    return list(status_patches(VOLUMES, volume, {**(volume.get("status") or {}), "phase": phase}))
