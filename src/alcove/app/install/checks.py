"""What ``doctor`` checks: each check with its outcome, cause and hint, as pure decisions.

What has to be tried (a pod that is not kept, a name that is looked up, a request to the gateway) comes in as
a ``Trial``: what happened, in words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from alcove import __version__
from alcove.admission.sweep import Cause
from alcove.app.install import kinds, preflight
from alcove.app.install.pods import counted
from alcove.app.install.statuses import NAMES, Installation, orphans, summarize, sweep
from alcove.app.observation.reports import Report
from alcove.kube.client import Object, object_key

_SHOWN = 5
_ROTATION = (
    "the control plane rotates it, and does not run as it should: "
    f"kubectl logs -n {kinds.NAMESPACE} deploy/{kinds.CONTROL_PLANE}"
)


class Outcome(Enum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Check:
    """One check."""

    name: str
    outcome: Outcome
    told: str = ""
    """What was found."""
    hint: str = ""

    def document(self) -> dict[str, str | None]:
        """Give it in the form that ``-o json`` prints."""
        return {
            "check": self.name,
            "result": self.outcome.value,
            "message": self.told or None,
            "hint": self.hint or None,
        }


@dataclass(frozen=True, slots=True)
class Trial:
    """Something that was tried: it worked, or what happened instead."""

    name: str
    problem: str = ""
    hint: str = ""
    skipped: str = ""
    """Why it was not tried."""
    told: str = ""
    """What was seen when it worked."""


def check_trial(trial: Trial, *, worst: Outcome = Outcome.FAIL) -> Check:
    """Judge what was tried."""
    if trial.skipped:
        return Check(trial.name, Outcome.SKIP, trial.skipped, trial.hint)
    if trial.problem:
        return Check(trial.name, worst, trial.problem, trial.hint)
    return Check(trial.name, Outcome.OK, trial.told)


def check_installation(seen: Installation | None) -> Check:
    """Check that there is an installation."""
    if seen is None:
        return Check(
            "installation",
            Outcome.FAIL,
            "Alcove is not installed, or you may not see its ConfigMap",
            "alcove enable",
        )
    return Check("installation", Outcome.OK, f"version {seen.version}")


def check_parts(seen: Installation) -> Iterator[Check]:
    """Check that what was installed runs."""
    by_name = {part.name: part for part in summarize(seen).parts}
    for name, component in NAMES.items():
        part = by_name.get(name)
        told = {kinds.CONTROL_PLANE: "control plane"}.get(name, component)
        if part is None:
            yield Check(told, Outcome.SKIP, "the endpoint is none: there is no gateway")
        elif part.lacking:
            problems = "".join(f"\n  {one}" for one in part.problems)
            yield Check(
                told,
                Outcome.FAIL if part.ready == 0 else Outcome.WARN,
                f"{part.lacking}{problems}",
                f"kubectl describe pods -n {kinds.NAMESPACE} -l {kinds.COMPONENT}={component}",
            )
        else:
            yield Check(told, Outcome.OK, f"{part.ready} of {part.wanted} ready")


def check_versions(seen: Installation) -> Check:
    """Check that this command, the control plane and the proxies are of one version."""
    name = "versions"
    if seen.version != __version__:
        return Check(
            name,
            Outcome.WARN,
            f"this command is {__version__}, the installation is {seen.version}",
            f"use that version, or bring the cluster to {__version__}: alcove enable",
        )
    if lost := orphans(seen):
        spaces = sorted({object_key(pod)[0] for pod in lost})
        return Check(
            name,
            Outcome.WARN,
            f"{counted(len(lost), 'proxy', 'proxies')} of an installation that is gone, with its last routes "
            f"({', '.join(spaces)})",
            f"restart them: alcove space create {spaces[0]} --restart",
        )
    outdated = [one for one in sweep(seen) if one.cause is Cause.OUTDATED]
    if outdated:
        versions = ", ".join(sorted({one.detail or "unknown" for one in outdated}))
        where = ", ".join(sorted({one.namespace for one in outdated}))
        return Check(
            name,
            Outcome.WARN,
            f"{counted(len(outdated), 'proxy', 'proxies')} of other versions ({versions}), in {where}",
            f"restart them: alcove space create {outdated[0].namespace} --restart",
        )
    return Check(name, Outcome.OK, f"all are {__version__}")


def check_missed(seen: Installation) -> Check:
    """Check that the pods of spaces have their proxies."""
    name = "pods"
    if seen.pods is None:
        return Check(name, Outcome.SKIP, "you may not list pods of all namespaces")
    missed = [one for one in sweep(seen) if one.cause is not Cause.OUTDATED]
    if not missed:
        connected = sum(row.connected for row in summarize(seen).spaces or ())
        has = f"{counted(connected, 'proxy', 'proxies')} {'has' if connected == 1 else 'have'}"
        return Check(name, Outcome.OK, f"{has} got routes")
    lines = [
        f"{one.namespace}/{one.name}: {one.cause.value}{f' ({one.detail})' if one.detail else ''}"
        for one in missed[:_SHOWN]
    ]
    more = [f"and {len(missed) - _SHOWN} more"] if len(missed) > _SHOWN else []
    mended = next((one for one in missed if one.is_mended_by_recreation), None)
    hint = f"alcove space create {mended.namespace} --restart" if mended else ""
    return Check(
        name,
        Outcome.WARN,
        "\n  ".join([f"{counted(len(missed), 'pod')} without a proxy", *lines, *more]),
        hint,
    )


def check_surroundings(seen: preflight.Surroundings) -> Check:
    """Check what would keep routing from working here."""
    findings = preflight.examine(seen)
    if not findings:
        return Check("cluster", Outcome.OK, "nodes and network suit")
    worst = Outcome.FAIL if any(one.refuses for one in findings) else Outcome.WARN
    return Check(
        "cluster",
        worst,
        "\n  ".join(f"{one.what}: {one.cause}" if one.cause else one.what for one in findings),
        "\n  ".join(one.hint for one in findings if one.hint),
    )


def check_reports(reports: Sequence[Report]) -> Check:
    """Check that nothing in spaces, Services and Ingresses is left out of routing."""
    if not reports:
        return Check("objects", Outcome.OK, "all of spaces, Services and Ingresses count")
    lines = [str(one) for one in reports[:_SHOWN]]
    more = [f"and {len(reports) - _SHOWN} more"] if len(reports) > _SHOWN else []
    return Check("objects", Outcome.WARN, "\n  ".join([*lines, *more]), "what is listed does not count")


def check_trust(configuration: Object | None, ends: float | None, now: float) -> Check:
    """Check the webhook's configuration: ``ends`` is when the last authority that it trusts does, if any."""
    name = "certificates"
    if configuration is None:
        return Check(
            name,
            Outcome.FAIL,
            "there is no webhook configuration (or you may not see it): new pods get no proxy",
            "alcove enable",
        )
    if ends is None:
        return Check(
            name,
            Outcome.FAIL,
            "the webhook's configuration trusts nobody yet: new pods get no proxy",
            f"the control plane writes that: kubectl logs -n {kinds.NAMESPACE} deploy/{kinds.CONTROL_PLANE}",
        )
    days = (ends - now) / 86400
    if days <= 0:
        return Check(name, Outcome.FAIL, "the webhook's authority has ended", _ROTATION)
    return Check(name, Outcome.OK, f"the authority is good for {days:.0f} days")
