"""Spaces as people write them: ``NAME``, ``PARENT/NAME``, or the whole path from the root."""

from __future__ import annotations

import re
from dataclasses import dataclass

from alcove import errors
from alcove.model import SpaceName
from alcove.spaces.hosts import LONGEST_LABEL, is_label

_OUTSIDE = re.compile(r"[^a-z0-9-]")


@dataclass(frozen=True, slots=True)
class SpacePath:
    """A name, and as many of its ancestors as were written."""

    name: SpaceName
    ancestors: tuple[SpaceName, ...] = ()
    """From the top down, so that the last one is the parent."""

    @property
    def parent(self) -> SpaceName | None:
        """The parent that was written."""
        return self.ancestors[-1] if self.ancestors else None

    def __str__(self) -> str:
        return "/".join((*self.ancestors, self.name))


def parse_path(text: str) -> SpacePath:
    """Read what a user wrote.

    Raises:
        UsageError: a part of it cannot be the name of a namespace; says why.
    """
    parts = text.split("/")
    for part in parts:
        _check(part, text)
    if len(set(parts)) != len(parts):
        raise errors.UsageError(f"{text!r} names a space twice", cause="no space is its own ancestor")
    *ancestors, name = map(SpaceName, parts)
    return SpacePath(name, tuple(ancestors))


def _check(part: str, text: str) -> None:
    if is_label(part):
        return
    better = suggest_name(part)
    raise errors.UsageError(
        f"{part!r} cannot be the name of a space" + (f" (in {text!r})" if part != text else ""),
        cause=_why_no_label(part),
        hint=f"for example {better!r}" if better else "write NAME or PARENT/NAME",
    )


def _why_no_label(text: str) -> str:
    if not text:
        return "it is empty"
    if len(text) > LONGEST_LABEL:
        return f"it has {len(text)} characters, and a DNS label has at most {LONGEST_LABEL}"
    outside = "".join(dict.fromkeys(_OUTSIDE.findall(text)))
    if outside:
        return f"a DNS label has lower-case letters, digits and '-' only, not {outside!r}"
    return "a DNS label begins and ends with a letter or a digit"


def suggest_name(text: str) -> str:
    """Give the name that is nearest to ``text`` and can be one, nothing when there is none."""
    name = re.sub(r"-{2,}", "-", _OUTSIDE.sub("-", text.lower()))[:LONGEST_LABEL].strip("-")
    return name if is_label(name) else ""
