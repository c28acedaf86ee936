"""What happens, as lines for people; the words are those that users of Azure Dev Spaces know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from alcove.sessions import calls
from alcove.sessions.calls import Told

SYNC = "sync"
_WORKING = {
    SYNC: "Synchronizing files",
    "install": "Installing Helm chart",
    "build": "Building container image",
    "start": "Waiting for container",
}
_FAILED = {
    "install": "Failed to install Helm chart",
    "build": "Failed to build container image.",
    "start": "The container did not start",
}


@dataclass(frozen=True, slots=True)
class Said:
    """One thing to print."""

    text: str
    began: str = ""
    """Names a piece of work that has only begun: its time follows on the same line if it can."""
    ended: str = ""
    """Names the piece of work that has ended; ``text`` is what is then to follow, or stand alone."""
    warning: bool = False
    data: bool = False
    """Whether it is what the service prints, rather than what is said about it."""


def say(told: Told, *, prefixed: bool = False) -> Iterator[Said]:
    """Give what is printed of an event; ``prefixed`` when several services share a terminal."""
    match told:
        case calls.PhaseBegan(phase=phase):
            yield Said(f"{_WORKING.get(phase, phase)}...", began=phase)
        case calls.PhaseEnded(phase=phase, seconds=seconds, failed=failed):
            yield from _end(phase, seconds, failed=failed)
        case calls.Line(source="command", text=text, instance=instance):
            yield Said(f"{instance}: {text}" if prefixed else text, data=True)
        case calls.Line(text=text):
            yield Said(text)
        case calls.Updated():
            yield Said(describe_update(told))
        case calls.Notice(message=message, hint=hint):
            yield Said(f"{message} ({hint})" if hint else message, warning=True)
        case (
            calls.Problem(message=message, cause=cause, hint=hint)
            | calls.Refused(message=message, cause=cause, hint=hint)
        ):
            yield Said(f"{message}: {cause}" if cause else message, warning=True)
            if hint:
                yield Said(f"hint: {hint}")
        case _:
            return


def _end(phase: str, seconds: float, *, failed: bool) -> Iterator[Said]:
    if failed:
        yield Said(_FAILED.get(phase, f"{phase} failed"), ended=phase)
    elif phase == "build":
        yield Said(f"Built container image in {duration(seconds)}", ended=phase)
    else:
        yield Said(f"{_WORKING.get(phase, phase)}...{duration(seconds)}", ended=phase)


def describe_update(told: calls.Updated) -> str:
    """Give one line about a save that has arrived."""
    files = f"{told.files} {'file' if told.files == 1 else 'files'}"
    done = "Restarted" if told.kind == "restart" else "Updated"
    what = f"{done} with {files}" if told.kind == "restart" else f"{done} {files}"
    where = f" in {told.instance}" if told.instances > 1 else ""
    return f"{what}{where} in {duration(told.seconds)}: {told.reason}"


def duration(seconds: float) -> str:
    """Give a time as people read it: ``43ms``, ``2s``, ``2m 25s``."""
    if seconds < 1:
        return f"{max(1, round(seconds * 1000))}ms"
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    return f"{minutes}m {rest}s" if minutes else f"{rest}s"


def document(told: Told, project: str) -> dict[str, Any]:
    """Give an event as ``--output json`` prints it, one on a line: its kind is ``event``."""
    found: dict[str, Any] = msgspec.to_builtins(told)
    return {"event": found.pop("told"), "project": project, **found}
