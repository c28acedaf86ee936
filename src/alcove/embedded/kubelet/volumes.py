"""What each volume of a pod consists of: pure, from the pod and the objects it names.

Kinds that come from the API (ConfigMap, Secret, downward API, tokens) become a ``Payload`` of files, the
others a place on this machine. What is not supported is a ``VolumeError``, as is what is not there yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from alcove.embedded.kubelet import downward
from alcove.embedded.kubelet.downward import PodFacts
from alcove.embedded.kubelet.environment import ConfigError, find_content
from alcove.embedded.objects import GroupResource, Object, metadata
from alcove.embedded.ports import ClusterReader

_TOKEN_SECONDS = 3600
_DEFAULT_MODE = 0o644


class VolumeError(Exception):
    """The volume cannot be set up, for now or ever; the message tells why."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """An emptyDir: a directory of the pod's own."""

    memory: bool = False
    size: str = ""
    """Its limit in bytes, when it is in memory and has one."""


@dataclass(frozen=True, slots=True)
class MachinePath:
    """A place on this machine."""

    path: str
    type: str = ""
    """A hostPath type such as ``DirectoryOrCreate``."""
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """One file of a payload."""

    content: bytes = field(repr=False)
    mode: int = _DEFAULT_MODE


@dataclass(frozen=True, slots=True)
class Payload:
    """Files that the node writes and keeps up to date."""

    files: Mapping[str, File]
    refresh_at: float = float("inf")
    """When to plan it anew though no object has changed (a token that expires)."""


VolumePlan = Scratch | MachinePath | Payload


TokenSource = Callable[[str, int], tuple[str, float]]
"""Gives a token for an audience (may be empty) and seconds, and when to ask anew (clock seconds)."""


def plan_volume(volume: Object, facts: PodFacts, reader: ClusterReader, token: TokenSource) -> VolumePlan:
    """Give what the volume consists of now.

    Raises:
        VolumeError: it is of an unsupported kind, or something that it names is missing.
    """
    if "emptyDir" in volume:
        return _plan_scratch(volume["emptyDir"] or {})
    if source := volume.get("hostPath"):
        return MachinePath(source["path"], source.get("type") or "")
    claim = volume.get("persistentVolumeClaim")
    if claim or "ephemeral" in volume:
        name = claim["claimName"] if claim else f"{metadata(facts.pod)['name']}-{volume['name']}"
        return _plan_claim(name, bool(claim and claim.get("readOnly")), facts, reader)
    try:
        if (projected := volume.get("projected")) is not None:
            return _plan_projected(projected, facts, reader, token)
        for kind in ("configMap", "secret", "downwardAPI"):
            if (source := volume.get(kind)) is not None:
                mode = source.get("defaultMode") or _DEFAULT_MODE
                return Payload(_checked(dict(_files(kind, source, facts, reader)), mode))
    except (ConfigError, ValueError) as error:
        raise VolumeError(str(error)) from error
    kinds = ", ".join(sorted(volume.keys() - {"name"})) or "none"
    raise VolumeError(f"volumes of this kind are not supported by the embedded cluster: {kinds}")


def references(pod: Object) -> set[tuple[str, str]]:
    """Give (resource, name) of every object whose change may concern the pod's volumes or variables."""
    spec, found = pod["spec"], set()
    for volume in spec.get("volumes") or ():
        sources = (volume.get("projected") or {}).get("sources") or (volume,)
        for source in sources:
            if reference := source.get("configMap"):
                found.add(("configmaps", reference.get("name", "")))
            if reference := source.get("secret"):
                found.add(("secrets", reference.get("secretName") or reference.get("name", "")))
        if claim := volume.get("persistentVolumeClaim"):
            found.add(("persistentvolumeclaims", claim["claimName"]))
        elif "ephemeral" in volume:
            found.add(("persistentvolumeclaims", f"{metadata(pod)['name']}-{volume['name']}"))
    for container in (*spec["containers"], *(spec.get("initContainers") or ())):
        for source in container.get("envFrom") or ():
            found |= _referred(source.get("configMapRef"), source.get("secretRef"))
        for item in container.get("env") or ():
            source = item.get("valueFrom") or {}
            found |= _referred(source.get("configMapKeyRef"), source.get("secretKeyRef"))
    return found


def _referred(config_map: Object | None, secret: Object | None) -> set[tuple[str, str]]:
    pairs = (("configmaps", config_map), ("secrets", secret))
    return {(resource, item.get("name", "")) for resource, item in pairs if item}


def _plan_scratch(source: Object) -> Scratch:
    if source.get("medium") != "Memory":
        return Scratch()
    limit = source.get("sizeLimit")
    return Scratch(memory=True, size=str(int(downward.parse_quantity(limit))) if limit else "")


def _plan_claim(name: str, read_only: bool, facts: PodFacts, reader: ClusterReader) -> MachinePath:
    claim = reader.get(GroupResource("persistentvolumeclaims"), facts.namespace, name)
    if claim is None:
        raise VolumeError(f'persistentvolumeclaim "{name}" not found')
    volume_name = claim["spec"].get("volumeName")
    if not volume_name or (claim.get("status") or {}).get("phase") != "Bound":
        raise VolumeError(f'PersistentVolumeClaim "{name}" is not bound')
    volume = reader.get(GroupResource("persistentvolumes"), "", volume_name)
    if volume is None:
        raise VolumeError(f'persistentvolume "{volume_name}" not found')
    spec = volume["spec"]
    source = spec.get("hostPath") or spec.get("local")
    if not source:
        raise VolumeError(f'persistentvolume "{volume_name}" is neither hostPath nor local')
    kind = source.get("type") or ("DirectoryOrCreate" if "hostPath" in spec else "")
    return MachinePath(source["path"], kind, read_only)


def _plan_projected(projected: Object, facts: PodFacts, reader: ClusterReader, token: TokenSource) -> Payload:
    files: dict[str, tuple[bytes, int | None]] = {}
    refresh_at = float("inf")
    for source in projected.get("sources") or ():
        if wanted := source.get("serviceAccountToken"):
            content, renew_at = token(
                wanted.get("audience") or "", wanted.get("expirationSeconds") or _TOKEN_SECONDS
            )
            files[wanted["path"]] = (content.encode(), None)
            refresh_at = min(refresh_at, renew_at)
            continue
        kind = next((k for k in ("configMap", "secret", "downwardAPI") if source.get(k) is not None), None)
        if kind is None:
            kinds = ", ".join(sorted(source))
            raise VolumeError(f"this projected source is not supported by the embedded cluster: {kinds}")
        files |= _files(kind, source[kind], facts, reader)
    return Payload(_checked(files, projected.get("defaultMode") or _DEFAULT_MODE), refresh_at)


def _files(
    kind: str, source: Object, facts: PodFacts, reader: ClusterReader
) -> Iterator[tuple[str, tuple[bytes, int | None]]]:
    if kind == "downwardAPI":
        for item in source.get("items") or ():
            if reference := item.get("fieldRef"):
                told = downward.field_value(reference["fieldPath"], facts)
            else:
                told = downward.resource_value(item["resourceFieldRef"], facts)
            yield item["path"], (told.encode(), item.get("mode"))
        return
    resource = "configmaps" if kind == "configMap" else "secrets"
    content = find_content(resource, facts.namespace, source, reader)
    if content is None:
        return
    items = source.get("items")
    if not items:
        for key, value in content.items():
            yield key, (value, None)
        return
    for item in items:
        if item["key"] in content:
            yield item["path"], (content[item["key"]], item.get("mode"))
        elif not source.get("optional"):
            what = "config" if kind == "configMap" else "secret"
            raise VolumeError(f"references non-existent {what} key: {item['key']}")


def _checked(files: Mapping[str, tuple[bytes, int | None]], mode: int) -> dict[str, File]:
    for path in files:
        parts = PurePosixPath(path).parts
        if not parts or path.startswith("/") or ".." in parts or parts[0].startswith(".."):
            raise VolumeError(f"invalid path: {path!r}")
    return {path: File(content, mode if own is None else own) for path, (content, own) in files.items()}
