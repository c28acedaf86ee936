"""The first synchronization of a large project, the second one, and what the bare connection carries."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from alcove.kube.access import load_access
from alcove.kube.http import open_client
from benchmarks.up import figures
from benchmarks.up.desk import SPACE, Desk
from benchmarks.up.trees import Tree

_SINK_PORT = 8081
_PIECE = 256 << 10


@dataclass(frozen=True)
class Upload:
    """What the marks of a client say of one synchronization, in seconds."""

    looked: float
    pushed: float
    sent: int
    """Bytes on the wire."""


def read_upload(marks: Path) -> Upload:
    """Read the first synchronization of a client with clocks."""
    moments: dict[str, float] = {}
    sent = 0
    for line in marks.read_text().splitlines():
        name, moment, size = line.split()
        moments.setdefault(name, int(moment) / 1e9)
        if "push-ends" not in moments:
            sent += int(size) if name == "send_chunk" else 0
    looked = moments["look-ends"] - moments["look-begins"]
    return Upload(looked, moments["push-ends"] - moments["push-begins"], sent)


def print_upload(tree: Tree, first: Upload, second: Upload, *, rsync: float, bare: float) -> None:
    """Print the rows of the upload; ``rsync`` in seconds, ``bare`` in bytes a second."""
    rate = tree.size / first.pushed
    figures.row(
        "first upload through the port-forward",
        f"{rate / 1e6:.0f} MB/s",
        method=f"{first.pushed:.1f} s, {first.sent / 1e6:.0f} MB on the wire; "
        f"looked at and hashed before: {first.looked:.1f} s",
    )
    figures.row(
        "rsync -a into an empty folder, local pipe",
        f"{tree.size / rsync / 1e6:.0f} MB/s",
        method=f"{rsync:.1f} s; alcove with hashing takes {(first.looked + first.pushed) / rsync:.1f} x",
    )
    figures.row(
        "bytes alone through the same port-forward",
        f"{bare / 1e6:.0f} MB/s",
        method=f"to a pod that forgets them; the upload has {rate / bare:.0%} of it",
    )
    figures.row(
        "second synchronization, nothing changed",
        f"{second.looked + second.pushed:.2f} s",
        method=f"looked at {second.looked:.2f} s, {second.sent / 1e3:.0f} KB sent",
    )


async def measure_connection(desk: Desk, size: int) -> float:
    """Give the bytes a second that a connection to a port of the project's pod carries."""
    pods = desk.kubectl.read("pods", "-l", "alcove.dev/session")["items"]
    name = next(pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"])
    access = await load_access(desk.environment, kubeconfig=desk.home / "kubeconfig")
    piece = bytes(_PIECE)
    async with open_client(access) as client, client.connect(SPACE, name, _SINK_PORT) as stream:
        began = time.monotonic()
        pieces = size // _PIECE
        await stream.write((pieces * _PIECE).to_bytes(8, "big"))
        for _ in range(pieces):
            await stream.write(piece)
        assert await stream.read() == b"all"
        # Tells the server before the loop ends, so that nothing of TLS is left open.
        seconds = time.monotonic() - began
    await asyncio.sleep(0.2)
    return pieces * _PIECE / seconds
