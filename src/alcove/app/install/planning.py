"""What ``enable`` is about to do, as a value: to be shown, agreed to, and applied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from alcove import errors
from alcove.admission.markers import mapping
from alcove.app.install import kinds
from alcove.app.install.observing import Key, Present
from alcove.app.install.pods import counted
from alcove.app.install.preflight import Finding
from alcove.app.install.settings import InstallSettings, Record
from alcove.app.spaces.plans import Ending
from alcove.kube.client import Object
from alcove.model import SpaceName

_MAKE_SPACE = "alcove space select NAME"


@dataclass(frozen=True, slots=True)
class EnablePlan:
    """The steps of one ``enable``, in order: ``replaces`` goes, ``objects`` come, ``removals`` go."""

    settings: InstallSettings
    objects: tuple[Object, ...]
    question: str
    """What the user must agree to first; empty when there is nothing to ask."""
    warnings: tuple[str, ...] = ()
    replaces: Ending | None = None
    """A namespace ``azds`` that others made, or that is being deleted."""
    is_ending: bool = False
    """Whether it is being deleted already."""
    removals: tuple[Key, ...] = ()
    awaits: tuple[Ending, ...] = ()
    """Other namespaces that are being deleted, and have to be gone first."""


def plan_enable(
    objects: Sequence[Object],
    settings: InstallSettings,
    *,
    present: Present,
    findings: Sequence[Finding],
    cluster: str,
) -> EnablePlan:
    """Plan to install ``objects`` into the cluster that is called ``cluster``.

    Raises:
        ConflictError: it cannot work there, or Helm has it in its hands; says why.
    """
    if present.helm_release:
        raise errors.ConflictError(
            f"Alcove was installed in {cluster} by Helm",
            cause=f"it is the release {present.helm_release!r}, and two would undo each other's changes",
            hint=f"change it by Helm: helm upgrade {present.helm_release} ...; "
            "then choose a space: alcove space select",
        )
    refusals = [one for one in findings if one.refuses]
    if refusals:
        raise _refused(refusals, installed=present.recorded is not None)
    ending = _ending(present) if present.is_foreign or present.is_ending else None
    return EnablePlan(
        settings,
        tuple(objects),
        question=_question(settings, present, cluster),
        warnings=(*map(str, findings), *_warn_of_orphans(present)),
        replaces=ending,
        is_ending=present.is_ending,
        removals=() if ending else present.leftover,
        awaits=present.endings,
    )


def _warn_of_orphans(present: Present) -> Iterator[str]:
    if present.orphans:
        count = counted(sum(present.orphans.values()), "pod")
        yield (
            f"{count} ({', '.join(sorted(present.orphans))}) with proxies of an installation that is gone, "
            "and its last routes; afterwards restart them: "
            f"alcove space create {min(present.orphans)} --restart"
        )


def _refused(refusals: Sequence[Finding], *, installed: bool) -> errors.AlcoveError:
    """Give one error for all that stands in the way; the first one's words carry it."""
    first, *others = refusals
    if installed:
        first = replace(first, hint=f"Alcove is there already: for a space, {_MAKE_SPACE}. Else {first.hint}")
    causes = "\n  and ".join(filter(None, [first.cause, *(str(one) for one in others)]))
    return errors.ConflictError(f"Alcove cannot be installed: {first.what}", cause=causes, hint=first.hint)


def _ending(present: Present) -> Ending:
    uid = str(mapping(present.namespace or {}, "metadata").get("uid") or "")
    return Ending(SpaceName(kinds.NAMESPACE), uid)


def _question(settings: InstallSettings, present: Present, cluster: str) -> str:
    told = list(_changes(settings, present, cluster))
    return " ".join([*told, "Continue?"]) if told else ""


def _changes(settings: InstallSettings, present: Present, cluster: str) -> Iterator[str]:
    before = present.recorded
    if before is None:
        yield f"Alcove {settings.version} will be installed in {cluster}."
    elif before.get(Record.VERSION) != settings.version:
        yield f"Alcove {before.get(Record.VERSION)} in {cluster} will become {settings.version}."
    elif before.get(Record.ENDPOINT) != settings.endpoint.value:
        yield (
            f"The endpoint of Alcove in {cluster} will change from {before.get(Record.ENDPOINT)} "
            f"to {settings.endpoint.value}."
        )
    if present.is_foreign and not present.is_ending:
        yield (
            f"The namespace {kinds.NAMESPACE!r} was not made by Alcove: "
            "it will be deleted with everything in it."
        )
    if present.foreign:
        yield f"Alcove takes over what others made: {', '.join(map(str, present.foreign))}."
