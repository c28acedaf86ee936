"""Names that tie a pod, its build, its chart and its Session together, and show to whom they belong.

A session's id begins with what its namespace hashes to, and the tag of every image that is built for it
begins with the id. So whoever sees a tag (the webhook, a builder) can tell without asking anybody whether it
is of the namespace that shows it: nobody can build, or have injected, what is another's.
"""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple, NewType

SessionId = NewType("SessionId", str)

SESSION_PATTERN = re.compile(r"s[0-9a-f]{24}")
TAG_PATTERN = re.compile(r"(s[0-9a-f]{24})-([0-9]{1,9})")
RANDOM_DIGITS = 8
"""How many hexadecimal digits of a session's id are chance."""

_HASH_DIGITS = 16


class Tag(NamedTuple):
    """An image's tag, ``$(tag)`` in azds.yaml: each build of a session has a number of its own."""

    session: SessionId
    build: int

    def __str__(self) -> str:
        return f"{self.session}-{self.build}"


def new_session_id(namespace: str, chance: str) -> SessionId:
    """Make the id of a session in ``namespace`` from ``RANDOM_DIGITS`` hexadecimal digits of chance.

    Raises:
        ValueError: these are no such digits.
    """
    if not re.fullmatch(rf"[0-9a-f]{{{RANDOM_DIGITS}}}", chance):
        raise ValueError(f"{chance!r} is not {RANDOM_DIGITS} hexadecimal digits")
    return SessionId(f"s{_hash(namespace)}{chance}")


def parse_tag(text: str) -> Tag | None:
    """Read an image's tag; None when it is not one of a session."""
    found = TAG_PATTERN.fullmatch(text)
    return Tag(SessionId(found[1]), int(found[2])) if found else None


def belongs_to(text: str, namespace: str) -> bool:
    """Tell whether a session's id, or a tag of one, is of this namespace."""
    tag = parse_tag(text)
    session = tag.session if tag else text
    return SESSION_PATTERN.fullmatch(session) is not None and session[1 : 1 + _HASH_DIGITS] == _hash(
        namespace
    )


def _hash(namespace: str) -> str:
    return hashlib.sha256(namespace.encode()).hexdigest()[:_HASH_DIGITS]
