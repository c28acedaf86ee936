"""Helm's own records: one Secret for each revision of a release, read and, in one case, written by us.

Helm refuses to touch a release whose newest revision is pending, since it cannot tell whether somebody is at
work on it. When the process that was at work has been killed, that is for ever. Who knows that nobody is has
the revision marked as failed here; then Helm goes on from it.
"""

from __future__ import annotations

import base64
import binascii
import copy
import gzip
import json
import zlib
from collections.abc import Mapping
from typing import Any

from alcove.charts.errors import HelmError, ReleaseNotFoundError
from alcove.charts.model import Installed
from alcove.charts.reading import mapping, text
from alcove.kube import resources
from alcove.kube.client import KubeClient, Object, Selection

TYPE = "helm.sh/release.v1"

_PENDING = "pending-"
_OWN_LABELS = {"createdAt", "modifiedAt", "name", "owner", "status", "version"}
_LARGEST = 64 << 20


def is_pending(status: str) -> bool:
    """Tell whether Helm would refuse to touch a release in this state."""
    return status.startswith(_PENDING)


def decode_record(secret: Object) -> dict[str, Any]:
    """Read a revision from its Secret.

    Raises:
        ValueError: it is not one that Helm wrote.
    """
    try:
        packed = base64.b64decode(base64.b64decode(secret["data"]["release"], validate=True), validate=True)
        unpacking = zlib.decompressobj(wbits=31)
        content = unpacking.decompress(packed, _LARGEST)
        record = json.loads(content)
    except (KeyError, TypeError, binascii.Error, zlib.error, ValueError) as error:
        raise ValueError(f"it is not a record of Helm's: {error}") from error
    if not isinstance(record, dict):
        raise ValueError("it is not a record of Helm's: it holds no mapping")  # noqa: TRY004  # of the text
    return record


def encode_record(record: object) -> str:
    """Write a revision as its Secret keeps it."""
    packed = gzip.compress(json.dumps(record).encode(), mtime=0)
    return base64.b64encode(base64.b64encode(packed)).decode()


def mark_failed(secret: Object, reason: str) -> Object:
    """Give a revision's Secret with the revision failed for this reason.

    Raises:
        ValueError: it is not one that Helm wrote.
    """
    record = decode_record(secret)
    record["info"] = {**(record.get("info") or {}), "status": "failed", "description": reason}
    marked = copy.deepcopy(secret)
    marked["data"]["release"] = encode_record(record)
    marked["metadata"].setdefault("labels", {})["status"] = "failed"
    return marked


async def fail_pending(kube: KubeClient, name: str, namespace: str) -> int:
    """Mark every pending revision of a release as failed; give how many there were.

    The caller knows that nobody is at work on it.
    """
    selection = Selection(namespace=namespace, labels=f"owner=helm,name={name}")
    found = (await kube.list(resources.SECRETS, selection)).items
    pending = [secret for secret in found if is_pending(_status(secret)) and secret.get("type") == TYPE]
    for secret in pending:
        try:
            marked = mark_failed(secret, "Helm's process was killed in the middle of this revision")
        except ValueError as error:
            raise HelmError(
                f"the release {name} was left half-done and cannot be mended",
                cause=f"secret {secret['metadata']['name']}: {error}",
                hint=f"remove that secret: kubectl -n {namespace} delete secret {secret['metadata']['name']}",
            ) from error
        await kube.replace(resources.SECRETS, marked)
    return len(pending)


async def list_releases(kube: KubeClient, namespace: str, name: str = "") -> tuple[Installed, ...]:
    """Give the newest revision of each release, or of the one of this name, whatever its status."""
    newest = await _newest(kube, namespace, name)
    return tuple(read_record(newest[key]) for key in sorted(newest))


async def read_values(kube: KubeClient, name: str, namespace: str) -> Mapping[str, Any]:
    """Give the values that the user gave for the newest revision.

    Raises:
        ReleaseNotFoundError: there is no such release.
    """
    newest = await _newest(kube, namespace, name)
    if name not in newest:
        raise ReleaseNotFoundError(f"there is no release {name} in namespace {namespace}")
    try:
        return mapping(decode_record(newest[name]).get("config"))
    except ValueError as error:
        raise HelmError(f"the values of the release {name} cannot be read", cause=str(error)) from error


def read_record(secret: Object) -> Installed:
    """Tell what a revision's Secret says; labels are enough when the rest is broken."""
    labels = _labels(secret)
    try:
        record = decode_record(secret)
    except ValueError:
        record = {}
    about = mapping(mapping(record.get("chart")).get("metadata"))
    said = mapping(record.get("info"))
    return Installed(
        name=text(labels.get("name")),
        namespace=text(secret["metadata"].get("namespace")),
        revision=_revision(secret),
        status=_status(secret),
        chart=text(about.get("name")),
        version=text(about.get("version")),
        updated=text(said.get("last_deployed")),
        notes=text(said.get("notes")),
        description=text(said.get("description")),
        labels={key: value for key, value in labels.items() if key not in _OWN_LABELS},
    )


async def _newest(kube: KubeClient, namespace: str, name: str) -> dict[str, Object]:
    selection = Selection(namespace=namespace, labels=f"owner=helm,name={name}" if name else "owner=helm")
    newest: dict[str, Object] = {}
    for secret in (await kube.list(resources.SECRETS, selection)).items:
        of = text(_labels(secret).get("name"))
        if secret.get("type") == TYPE and (of not in newest or _revision(newest[of]) < _revision(secret)):
            newest[of] = secret
    return newest


def _revision(secret: Object) -> int:
    version = text(_labels(secret).get("version"))
    return int(version) if version.isdecimal() else 0


def _status(secret: Object) -> str:
    return text(_labels(secret).get("status"))


def _labels(secret: Object) -> Mapping[str, Any]:
    return mapping(secret["metadata"].get("labels"))
