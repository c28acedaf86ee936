"""What a webhook is asked (AdmissionReview) and what its answer means.

Answers come from outside: anything may be in them. What is wrong with one is an ``AnswerError`` and, by the
webhook's failure policy, either ignored or a refusal of the write.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, NamedTuple

import jsonpatch
import msgspec

from alcove.embedded import faults
from alcove.embedded.admission.matching import Webhook
from alcove.embedded.faults import ApiError
from alcove.embedded.identity.reviews import user_fields
from alcove.embedded.objects import Object
from alcove.embedded.ports import AdmissionRequest

_API = "admission.k8s.io"
_OPTIONS = {"CREATE": "CreateOptions", "UPDATE": "UpdateOptions", "DELETE": "DeleteOptions"}
_LONGEST_WARNING = 256
_MOST_WARNINGS = 16


class AnswerError(Exception):
    """The webhook's answer is not one."""


class Answer(NamedTuple):
    """What a webhook says."""

    refusal: ApiError | None
    patch: list[Any]
    """A JSON patch; empty for none."""
    warnings: tuple[str, ...]


def review(webhook: Webhook, request: AdmissionRequest, uid: str) -> Object:
    """Give the AdmissionReview that asks about ``request``.

    Raises:
        AnswerError: the webhook speaks no version of it that is known here.
    """
    spoken = next((one for one in webhook.review_versions if one in ("v1", "v1beta1")), "")
    if not spoken:
        raise AnswerError("webhook does not accept known AdmissionReview versions (v1, v1beta1)")
    kind = request.resource_type
    told = {"group": kind.group, "version": kind.version}
    asked_kind = _kind_of(request)
    asked_version = {"version": webhook.version}
    asked: Object = {
        "uid": uid,
        "kind": asked_kind if request.subresource else asked_kind | asked_version,
        "resource": told | asked_version | {"resource": kind.plural},
        "requestKind": asked_kind,
        "requestResource": told | {"resource": kind.plural},
        "name": request.name,
        "namespace": request.namespace,
        "operation": request.operation,
        "userInfo": user_fields(request.user),
        "object": in_version(request, request.object, webhook.version),
        "oldObject": in_version(request, request.old, webhook.version),
        "dryRun": request.dry_run,
        "options": _options(request),
    }
    if request.subresource:
        asked |= {"subResource": request.subresource, "requestSubResource": request.subresource}
    return {"kind": "AdmissionReview", "apiVersion": f"{_API}/{spoken}", "request": asked}


def in_version(request: AdmissionRequest, item: Object | None, version: str) -> Object | None:
    """Give an object of the request in another version of its resource (custom ones differ in name only)."""
    kind = request.resource_type
    if item is None or version == kind.version or item.get("apiVersion") != kind.api_version:
        return item
    return item | {"apiVersion": f"{kind.group}/{version}"}


def parse_answer(webhook: Webhook, asked: Object, answer: object, *, mutating: bool) -> Answer:
    """Read the AdmissionReview that a webhook answered to ``asked``.

    Raises:
        AnswerError: it is not an answer to this question.
    """
    version, response = _response(asked, answer)
    if version == "v1" and response.get("uid") != asked["request"]["uid"]:
        raise AnswerError(f'expected response.uid="{asked["request"]["uid"]}"')
    allowed, warnings = response.get("allowed"), response.get("warnings") or ()
    if not isinstance(allowed, bool):
        raise AnswerError("response.allowed is not a boolean")
    if not isinstance(warnings, list | tuple):
        raise AnswerError("response.warnings is not a list")
    told = tuple(str(text)[:_LONGEST_WARNING] for text in warnings[:_MOST_WARNINGS])
    patch = _patch(response, mutating=mutating)
    refusal = None if allowed else _refusal(webhook.name, response.get("status") or response.get("result"))
    return Answer(refusal, patch, told)


def patched(webhook: Webhook, request: AdmissionRequest, item: Object, patch: list[Any]) -> Object:
    """Give ``item`` (not changed itself) with a webhook's patch applied.

    Raises:
        ApiError: 500 when the patch cannot be applied or leaves something else than such an object.
    """
    own_version = item.get("apiVersion")
    asked = in_version(request, item, webhook.version) or {}
    try:
        result = jsonpatch.apply_patch(asked, patch)
    except Exception as error:  # the library raises whatever its Python code meets in a malformed patch
        raise faults.internal(f"{type(error).__name__}: {error}"[:1024]) from error
    unchanged = ("apiVersion", "kind")
    if not isinstance(result, dict) or any(result.get(name) != asked.get(name) for name in unchanged):
        raise faults.internal(
            f'admission webhook "{webhook.name}" attempted to change the kind of the object'
        )
    if not isinstance(result.get("metadata"), dict):
        raise faults.internal(f'admission webhook "{webhook.name}" left an object without metadata')
    return result | {"apiVersion": own_version}


def failure(webhook: Webhook, why: str) -> ApiError:
    """Give the error for a webhook that could not be asked."""
    return faults.internal(f'failed calling webhook "{webhook.name}": {why}')


def _kind_of(request: AdmissionRequest) -> dict[str, str]:
    kind, item = request.resource_type, request.object or request.old
    if not request.subresource or item is None or not item.get("kind"):
        return {"group": kind.group, "version": kind.version, "kind": kind.kind}
    group, _, version = str(item.get("apiVersion", "")).rpartition("/")
    return {"group": group, "version": version, "kind": item["kind"]}


def _options(request: AdmissionRequest) -> Object | None:
    kind = _OPTIONS.get(request.operation)
    if kind is None:
        return request.options or None
    return {"kind": kind, "apiVersion": "meta.k8s.io/v1"} | request.options


def _response(asked: Object, answer: object) -> tuple[str, Mapping[str, Any]]:
    if not isinstance(answer, dict) or not isinstance(answer.get("response"), dict):
        raise AnswerError("webhook response was absent")
    version = asked["apiVersion"].rpartition("/")[2]
    if version == "v1" and (answer.get("apiVersion"), answer.get("kind")) != (
        asked["apiVersion"],
        asked["kind"],
    ):
        raise AnswerError(f"expected webhook response of {asked['apiVersion']}, Kind=AdmissionReview")
    return version, answer["response"]


def _patch(response: Mapping[str, Any], *, mutating: bool) -> list[Any]:
    encoded, patch_type = response.get("patch"), response.get("patchType")
    if not encoded and not patch_type:
        return []
    if not mutating:
        raise AnswerError("validating webhook may not return response.patch")
    if not encoded:
        raise AnswerError("webhook returned response.patchType but not response.patch")
    if patch_type is None:
        raise AnswerError("webhook returned response.patch but not response.patchType")
    if patch_type != "JSONPatch":
        raise AnswerError(f'unsupported patch type "{patch_type}"')
    try:
        patch = msgspec.json.decode(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError, TypeError, RecursionError) as error:
        raise AnswerError(f"received undecodable patch in webhook response: {error}") from error
    if not isinstance(patch, list):
        raise AnswerError("received undecodable patch in webhook response: not a list")
    return patch


def _refusal(name: str, status: object) -> ApiError:
    told: Mapping[str, Any] = status if isinstance(status, dict) else {}
    why = told.get("message") or told.get("reason")
    code, reason = told.get("code"), told.get("reason")
    details = told.get("details")
    message = f'admission webhook "{name}" denied the request'
    return ApiError(
        code if isinstance(code, int) and 400 <= code <= 599 else 400,
        reason if isinstance(reason, str) else "",
        f"{message}: {why}" if why else f"{message} without explanation",
        details=details if isinstance(details, dict) else None,
    )
