"""Archives as docker writes them, and a runner that plays the RUN steps of a build."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from alcove.embedded.images import archives
from alcove.embedded.ports import ExitStatus, ProcessSpec, RootFilesystem

Files = Mapping[str, Any]


def make_tar(files: Files) -> bytes:
    """Pack ``files``: bytes, None for a directory, or a TarInfo."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            member = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            member.name = name
            body = content if isinstance(content, bytes) else b""
            if content is None:
                member.type, member.mode = tarfile.DIRTYPE, 0o755
            elif isinstance(content, bytes):
                member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return packed.getvalue()


def entry(kind: bytes, target: str = "", **fields: Any) -> tarfile.TarInfo:
    member = tarfile.TarInfo("x")
    member.type, member.linkname = kind, target
    for name, value in fields.items():
        setattr(member, name, value)
    return member


def image_config(layers: list[bytes], **config: Any) -> bytes:
    digests = [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]
    rootfs = {"type": "layers", "diff_ids": digests}
    return json.dumps({"architecture": archives.architecture(), "rootfs": rootfs, "config": config}).encode()


def docker_archive(layers: list[bytes], names: list[str], **config: Any) -> bytes:
    members: dict[str, bytes] = {f"{i}/layer.tar": layer for i, layer in enumerate(layers)}
    manifest = [{"Config": "config.json", "RepoTags": names, "Layers": list(members)}]
    members["config.json"] = image_config(layers, **config)
    return make_tar({**members, "manifest.json": json.dumps(manifest).encode()})


class FakeRunner:
    """Plays RUN: what the command says is looked up in ``effects``, which write below ``upper``."""

    def __init__(self) -> None:
        self.ran: list[tuple[RootFilesystem, ProcessSpec]] = []
        self.effects: dict[str, Callable[[Path], int]] = {}
        self.says: list[bytes] = []

    def __call__(
        self, root: RootFilesystem, process: ProcessSpec, output: Callable[[bytes], None]
    ) -> Awaitable[ExitStatus]:
        return self._run(root, process, output)

    async def _run(
        self, root: RootFilesystem, process: ProcessSpec, output: Callable[[bytes], None]
    ) -> ExitStatus:
        self.ran.append((root, process))
        for part in self.says:
            output(part)
        effect = self.effects.get(process.argv[-1])
        return ExitStatus(effect(root.upper / "upper") if effect is not None else 0)
