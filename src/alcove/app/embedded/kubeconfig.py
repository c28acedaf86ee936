"""The entries of embedded clusters in the user's kubeconfig file.

The file is the user's: every other entry, key and order stays, the old file is replaced in one step, and
under a lock file as kubectl does, so that nobody reads half of it. Our cluster entry carries the data
directory in an extension, so that two clusters in one file do not take each other's name.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from alcove import errors

CONTEXT = "alcove"
EXTENSION = "alcove.dev/embedded"


@dataclass(frozen=True, slots=True)
class Access:
    """What a client needs to use one cluster as its administrator."""

    server: str
    authority: bytes
    """The certificate authority, PEM."""
    certificate: bytes
    key: bytes
    data_directory: Path


def kubeconfig_path(environment: Mapping[str, str], home: Path) -> Path:
    """Give the file kubectl would write to: of KUBECONFIG the last that exists, or the default."""
    named = [Path(part) for part in environment.get("KUBECONFIG", "").split(os.pathsep) if part]
    existing = [path for path in named if path.exists()]
    return (existing or named or [home / ".kube" / "config"])[-1]


def render(access: Access, name: str = CONTEXT) -> dict[str, Any]:
    """Give a whole kubeconfig with this cluster alone."""
    document: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "preferences": {}}
    merge(document, access, name)
    document["current-context"] = name
    return document


def merge(document: dict[str, Any], access: Access, name: str) -> None:
    """Put the three entries of a cluster into a document, in place of ours of the same name."""
    cluster = {
        "server": access.server,
        "certificate-authority-data": _text(access.authority),
        "extensions": [{"name": EXTENSION, "extension": {"dataDir": str(access.data_directory)}}],
    }
    user = {"client-certificate-data": _text(access.certificate), "client-key-data": _text(access.key)}
    _put(document, "clusters", {"name": name, "cluster": cluster})
    _put(document, "users", {"name": name, "user": user})
    _put(document, "contexts", {"name": name, "context": {"cluster": name, "user": name}})


def choose_name(document: Mapping[str, Any], data_directory: Path) -> str:
    """Give the context's name: ``alcove``, or one with the directory's name if that is another cluster's."""
    for name in (CONTEXT, f"{CONTEXT}-{data_directory.name}"):
        if not _entry(document, "clusters", name) and not _entry(document, "contexts", name):
            return name
        owner = _owner(document, name)
        if owner == str(data_directory) or (owner and not (Path(owner) / "cluster.db").exists()):
            return name
    return f"{CONTEXT}-{hashlib.sha256(str(data_directory).encode()).hexdigest()[:8]}"


def write_context(path: Path, access: Access) -> str:
    """Put the cluster into the file at ``path`` and make it the current context; give the context's name.

    Raises:
        AlcoveError: the file is no kubeconfig, is locked by another program, or cannot be written.
    """
    with _open_for_change(path) as document:
        name = choose_name(document, access.data_directory)
        previous = document.get("current-context") or ""
        merge(document, access, name)
        if previous != name:
            _entry(document, "clusters", name)["cluster"]["extensions"][0]["extension"]["previous"] = previous
        document["current-context"] = name
        return name


def remove_context(path: Path, data_directory: Path) -> None:
    """Take the cluster's entries out of the file and give the current context back to the one before.

    A file that then holds nothing at all is removed: it was made for our entries.
    """
    if not path.exists():
        return
    with _open_for_change(path) as document:
        for entry in list(document.get("clusters") or ()):
            name = entry.get("name", "")
            if _owner(document, name) == str(data_directory):
                _forget(document, name, entry)
        empty = not any(document.get(key) for key in document.keys() - {"apiVersion", "kind"})
    if empty:
        path.unlink()


def _forget(document: dict[str, Any], name: str, cluster: Mapping[str, Any]) -> None:
    previous = _extension(cluster).get("previous", "")
    for section in ("clusters", "users", "contexts"):
        document[section] = [item for item in document.get(section) or () if item.get("name") != name]
    if document.get("current-context") == name:
        known = {item.get("name") for item in document["contexts"]}
        document["current-context"] = previous if previous in known else ""


@contextlib.contextmanager
def _open_for_change(path: Path) -> Iterator[dict[str, Any]]:
    lock = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError as error:
        raise errors.ConflictError(
            f"cannot change {path}", cause=f"another program holds {lock}", hint=f"remove {lock} if none does"
        ) from error
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        document = _load(path)
        yield document
        _replace(path, document)
    finally:
        lock.unlink(missing_ok=True)


def _load(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        document = None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise errors.ConflictError(
            f"cannot read the kubeconfig {path}",
            cause=str(error).splitlines()[0],
            hint="mend the file, or name another one in KUBECONFIG",
        ) from error
    document = {"apiVersion": "v1", "kind": "Config", "preferences": {}} if document is None else document
    if not _is_kubeconfig(document):
        raise errors.ConflictError(f"{path} is not a kubeconfig file", hint="name another one in KUBECONFIG")
    return dict(document)


def _is_kubeconfig(document: Any) -> bool:
    if not isinstance(document, dict):
        return False
    sections = [document.get(name) or [] for name in ("clusters", "users", "contexts")]
    return all(isinstance(part, list) and all(isinstance(item, dict) for item in part) for part in sections)


def _replace(path: Path, document: Mapping[str, Any]) -> None:
    target = path.resolve()
    draft = target.with_name(target.name + ".alcove")
    try:
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, mode), "w") as stream:
            yaml.safe_dump(dict(document), stream, sort_keys=False)
        draft.replace(target)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> errors.AlcoveError:
    return errors.AlcoveError(
        f"cannot write the kubeconfig {path}",
        cause=str(error),
        hint="name a writable file in KUBECONFIG",
    )


def _put(document: dict[str, Any], section: str, entry: dict[str, Any]) -> None:
    entries = [item for item in document.get(section) or () if item.get("name") != entry["name"]]
    document[section] = [*entries, entry]


def _entry(document: Mapping[str, Any], section: str, name: str) -> dict[str, Any]:
    return next((item for item in document.get(section) or () if item.get("name") == name), {})


def _owner(document: Mapping[str, Any], name: str) -> str:
    """Give the data directory of an entry of ours, nothing for anybody else's."""
    return str(_extension(_entry(document, "clusters", name)).get("dataDir", ""))


def _extension(entry: Mapping[str, Any]) -> dict[str, Any]:
    for item in (entry.get("cluster") or {}).get("extensions") or ():
        if item.get("name") == EXTENSION and isinstance(item.get("extension"), dict):
            return dict(item["extension"])
    return {}


def _text(pem: bytes) -> str:
    return base64.b64encode(pem).decode()
