"""The pods of spaces that were missed, and why: those a webhook that fails open has let through.

A pod cannot be injected once it runs; whoever made it has to make it anew. So this finds and explains, for
``doctor`` and for the control plane's own round, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from alcove.admission import markers
from alcove.admission.facts import SpaceFacts
from alcove.admission.sessions import find_session
from alcove.admission.settings import InjectionSettings
from alcove.admission.verdicts import Skipped, judge

_ENDED = ("Succeeded", "Failed")


class Cause(Enum):
    """Why a pod of a space is not as a new one would be."""

    NOT_ASKED = "it was created before its namespace became a space, or while the webhook did not answer"
    EXCLUDED = "a new one would not be injected either"
    OUT_OF_ORDER = "another webhook put an init container before the proxy, where it has no network"
    OUTDATED = "its proxy is of another version of Alcove"


@dataclass(frozen=True, slots=True)
class Finding:
    """One pod that was missed."""

    namespace: str
    name: str
    cause: Cause
    detail: str = ""
    """What excludes it, or its version."""
    owner: str = ""
    """What makes such pods, as ``kind/name``; empty for a pod that somebody made by hand."""

    @property
    def is_mended_by_recreation(self) -> bool:
        """Whether deleting the pod is enough, as far as its owner makes a new one."""
        return self.cause in (Cause.NOT_ASKED, Cause.OUTDATED)


def plan_sweep(
    pods: Iterable[Mapping[str, Any]], spaces: Mapping[str, SpaceFacts], settings: InjectionSettings
) -> tuple[Finding, ...]:
    """Give what is to be said about pods, by namespace and name.

    Left out: pods outside of spaces, in order, ended, ending, or excluded as somebody wanted.
    """
    found = (_look_at(pod, spaces, settings) for pod in pods)
    return tuple(sorted((one for one in found if one is not None), key=lambda one: (one.namespace, one.name)))


def _look_at(
    pod: Mapping[str, Any], spaces: Mapping[str, SpaceFacts], settings: InjectionSettings
) -> Finding | None:
    meta = markers.mapping(pod, "metadata")
    facts = spaces.get(str(meta.get("namespace", "")))
    ended = markers.mapping(pod, "status").get("phase") in _ENDED or meta.get("deletionTimestamp")
    if facts is None or ended:
        return None
    judged = _judged(pod, facts, settings)
    if judged is None:
        return None
    cause, detail = judged
    return Finding(facts.name, str(meta.get("name", "")), cause, detail, _owner(meta))


def _judged(
    pod: Mapping[str, Any], facts: SpaceFacts, settings: InjectionSettings
) -> tuple[Cause, str] | None:
    if not markers.is_of_session(pod) and find_session(pod, facts.name).tag is not None:
        return Cause.NOT_ASKED, "it is of a session, and nobody builds its image"
    if not markers.is_marked(pod):
        skipped = judge(pod, facts, settings)
        if skipped is None:
            return Cause.NOT_ASKED, ""
        return _excluded(skipped)
    inits = markers.sequence(markers.mapping(pod, "spec"), "initContainers")
    wanted = markers.RESERVED if markers.is_of_session(pod) else markers.CONTAINERS
    if tuple(one.get("name") for one in inits[: len(wanted)]) != wanted:
        return Cause.OUT_OF_ORDER, ""
    version = str(markers.annotations_of(pod).get(markers.VERSION_ANNOTATION, ""))
    return (Cause.OUTDATED, version) if version != settings.version else None


def _excluded(skipped: Skipped) -> tuple[Cause, str] | None:
    return None if skipped.verdict.is_silent else (Cause.EXCLUDED, str(skipped))


def _owner(meta: Mapping[str, Any]) -> str:
    owners = [one for one in markers.sequence(meta, "ownerReferences") if one.get("controller")]
    return f"{owners[0].get('kind')}/{owners[0].get('name')}" if owners else ""
