"""What a batch of changes is made of, as the hub says it."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from dataclasses import dataclass

from alcove.agents.messages import Directory, Link, Mode, Remove

Content = bytes | Iterable[bytes] | AsyncIterable[bytes]


@dataclass(frozen=True, slots=True)
class WriteFile:
    """A file with this content, which has ``size`` bytes and the sha256 ``digest`` (32 bytes)."""

    path: str
    """Relative to the root of the batch, with slashes; never ``..``."""
    mode: int
    size: int
    digest: bytes
    content: Content
    """Asked for when it is this file's turn; in pieces of any size."""


Operation = WriteFile | Link | Directory | Remove | Mode
"""Done in their order. What is in the way of a file, link or directory is removed.

Directories above one are made when they are missing; a link above one is refused.
"""
