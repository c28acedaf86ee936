"""The rules of storage: claims, volumes and their classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from alcove.embedded.faults import Cause
from alcove.embedded.objects import Object
from alcove.embedded.schema import causes, quantities, syntax
from alcove.embedded.schema.rules import Rule, Whole, like, one_of, unchanging

_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_NO_SOURCES = frozenset(
    {
        "capacity",
        "accessModes",
        "claimRef",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "mountOptions",
        "volumeMode",
        "nodeAffinity",
        "volumeAttributesClassName",
    }
)


def _access_modes(path: str, value: Any) -> Iterator[Cause]:
    modes = value.get("accessModes") or []
    if not modes:
        yield causes.required(f"{path}.accessModes", "at least 1 access mode is required")
    for mode in modes:
        if mode not in _MODES:
            yield causes.not_supported(f"{path}.accessModes", mode, _MODES)
    if "ReadWriteOncePod" in modes and len(modes) > 1:
        why = "may not use ReadWriteOncePod with other access modes"
        yield causes.forbidden(f"{path}.accessModes", why)


def check_claim(path: str, value: Any) -> Iterator[Cause]:
    """Yield what is wrong with the spec of a claim, wherever it is."""
    yield from _access_modes(path, value)
    requests = (value.get("resources") or {}).get("requests") or {}
    amount = quantities.parse(requests.get("storage"))
    if "storage" not in requests:
        yield causes.required(f"{path}.resources[storage]")
    elif amount is not None and amount.nano <= 0:
        yield causes.invalid(f"{path}.resources[storage]", requests["storage"], "must be greater than zero")
    if value.get("volumeMode") not in (None, "Block", "Filesystem"):
        yield causes.not_supported(f"{path}.volumeMode", value["volumeMode"], ("Block", "Filesystem"))
    if value.get("storageClassName"):
        yield from like(syntax.dns_subdomain)(f"{path}.storageClassName", value["storageClassName"])


def _claim_update(item: Object, old: Object | None) -> Iterator[Cause]:
    def fixed(claim: Object) -> Object:
        changeable = ("resources", "volumeAttributesClassName")
        spec = {name: value for name, value in (claim.get("spec") or {}).items() if name not in changeable}
        # The volume is filled in by whoever binds the claim.
        return spec | {"volumeName": spec.get("volumeName") if bound else ""}

    bound = bool(((old or {}).get("spec") or {}).get("volumeName"))
    if old is not None and fixed(item) != fixed(old):
        why = (
            "spec is immutable after creation except resources.requests and volumeAttributesClassName "
            "for bound claims"
        )
        yield causes.forbidden("spec", why)


def _volume(path: str, value: Any) -> Iterator[Cause]:
    yield from _access_modes(path, value)
    capacity = value.get("capacity") or {}
    if not capacity:
        yield causes.required(f"{path}.capacity")
    if set(capacity) != {"storage"}:
        yield causes.not_supported(f"{path}.capacity", sorted(capacity), ("storage",))
    sources = sorted(value.keys() - _NO_SOURCES)
    if not sources:
        yield causes.required(path, "must specify a volume type")
    for name in sources[1:]:
        yield causes.forbidden(f"{path}.{name}", "may not specify more than 1 volume type")
    if "local" in value and not value.get("nodeAffinity"):
        yield causes.required(f"{path}.nodeAffinity", "Local volume requires node affinity")


def _parameters(path: str, value: Any) -> Iterator[Cause]:
    if "" in value:
        yield causes.invalid(path, "", "field must not be empty.")


RULES: dict[str, tuple[Rule | Whole, ...]] = {
    "persistentvolumeclaims": (Rule("spec", check_claim), _claim_update),
    "persistentvolumes": (
        Rule("spec", _volume),
        Rule("spec.persistentVolumeReclaimPolicy", one_of("Delete", "Recycle", "Retain")),
        Rule("spec.volumeMode", one_of("Block", "Filesystem")),
    ),
    "storageclasses.storage.k8s.io": (
        Rule("reclaimPolicy", one_of("Delete", "Retain")),
        Rule("volumeBindingMode", one_of("Immediate", "WaitForFirstConsumer")),
        Rule("parameters", _parameters),
        unchanging("provisioner", "parameters", "reclaimPolicy"),
    ),
}
"""By resource."""
