"""What the API server asks (AdmissionReview, ``admission.k8s.io/v1``) and what it is answered.

The answer to a question that can be read is always "allowed": a pod that cannot be injected is created as it
is. What cannot be read as a question has no uid to answer to; that alone is an error of the request, which
the API server ignores by the webhook's failure policy. Answering changes nothing anywhere, so a dry run is
like any other question.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from alcove.admission import markers
from alcove.admission.facts import SpaceFacts
from alcove.admission.inject import inject
from alcove.admission.markers import Object
from alcove.admission.patches import Operation, plan_patch
from alcove.admission.settings import InjectionSettings
from alcove.admission.verdicts import Skipped, Verdict

API_VERSION = "admission.k8s.io/v1"
_KIND = "AdmissionReview"
_LONGEST_WARNING = 250
"""The API server cuts warnings at 256 bytes."""

_log = logging.getLogger(__name__)


class ReviewError(ValueError):
    """A body is no AdmissionReview that can be answered; the message says why."""


@dataclass(frozen=True, slots=True)
class Question:
    """One AdmissionReview request, as far as it matters here."""

    uid: str
    namespace: str
    pod: Object | None
    """The pod that is being created; None for everything that does not concern us."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to a question; it is allowed in any case."""

    patch: Sequence[Operation] = ()
    warnings: tuple[str, ...] = ()
    outcome: str = ""
    """For the API server's audit log."""


def parse_review(body: bytes) -> Question:
    """Read the body of a request.

    Raises:
        ReviewError: it is not an AdmissionReview of the version that is spoken here.
    """
    try:
        review = msgspec.json.decode(body)
    except (ValueError, RecursionError) as error:
        raise ReviewError("the body is not JSON") from error
    if not isinstance(review, dict) or review.get("kind") != _KIND:
        raise ReviewError("the body is not an AdmissionReview")
    if review.get("apiVersion") != API_VERSION:
        raise ReviewError(f"the AdmissionReview is not of {API_VERSION}")
    request = markers.mapping(review, "request")
    uid, namespace = request.get("uid"), request.get("namespace")
    if not isinstance(uid, str) or not uid:
        raise ReviewError("the AdmissionReview has no request with a uid")
    pod = request.get("object") if _concerns_us(request) else None
    return Question(
        uid=uid,
        namespace=namespace if isinstance(namespace, str) else "",
        pod=pod if isinstance(pod, dict) else None,
    )


def decide(question: Question, facts: SpaceFacts | None, settings: InjectionSettings) -> Answer:
    """Give the answer to a question; ``facts`` is None for a namespace that is not known as a space.

    Never raises: what goes wrong is logged with its traceback, and the pod is created as it is.
    """
    if question.pod is None:
        return Answer()
    if facts is None:
        return _left(Skipped(Verdict.NOT_A_SPACE, question.namespace))
    try:
        outcome = inject(question.pod, facts, settings)
        if isinstance(outcome, Skipped):
            return _left(outcome)
        patch = plan_patch(question.pod, outcome.pod)
        return Answer(patch, outcome.warnings, "injected")
    except Exception as error:  # the one place where our mistakes end: they must not cost anybody a pod
        _log.exception("Cannot inject into a pod of %s", question.namespace)
        return failed(f"{type(error).__name__}, see the log of the control plane")


def failed(why: str) -> Answer:
    """Give the answer for a pod that should be injected and cannot be, by no fault of its own."""
    return Answer((), (f"not injected: {why}; delete the pod to try again",), f"failed: {why}")


def render_answer(question: Question, answer: Answer) -> Object:
    """Give the AdmissionReview to send back."""
    response: Object = {"uid": question.uid, "allowed": True}
    if answer.patch:
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(msgspec.json.encode(answer.patch)).decode()
    if answer.warnings:
        response["warnings"] = [_shown(text) for text in answer.warnings]
    if answer.outcome:
        response["auditAnnotations"] = {"outcome": answer.outcome}
    return {"apiVersion": API_VERSION, "kind": _KIND, "response": response}


def _concerns_us(request: Mapping[str, object]) -> bool:
    resource = markers.mapping(request, "resource")
    return (
        request.get("operation") == "CREATE"
        and not request.get("subResource")
        and (resource.get("group"), resource.get("resource")) == ("", "pods")
    )


def _left(skipped: Skipped) -> Answer:
    told = () if skipped.verdict.is_silent else (f"not injected: {skipped}",)
    return Answer((), (*told, *skipped.warnings), f"skipped: {skipped.verdict.name}")


def _shown(text: str) -> str:
    """Make a warning fit for an HTTP header, which is how it travels to the user."""
    line = "".join(letter if letter.isprintable() else " " for letter in f"alcove: {text}")
    return line.encode()[:_LONGEST_WARNING].decode(errors="ignore")
