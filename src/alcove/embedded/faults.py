"""The one error of the API: what becomes a Kubernetes ``Status`` on the wire.

Reasons, codes and texts follow the API conventions, since clients compare ``reason`` and print ``message``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SUPPORTED_LIST = "docs/embedded.md"
"""Where the list of what the embedded cluster supports stands; named by every 501."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One field that is wrong, as in ``status.details.causes``."""

    reason: str
    """``FieldValueInvalid``, ``FieldValueRequired``, ``FieldValueNotSupported``..."""
    message: str
    field: str = ""


class ApiError(Exception):
    """A request that cannot be done, with everything a client is told about it."""

    def __init__(
        self, code: int, reason: str, message: str, *, details: dict[str, Any] | None = None
    ) -> None:
        """Keep the HTTP ``code``, the machine-readable ``reason`` and the text for people."""
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details or {}

    def status(self) -> dict[str, Any]:
        """Give the ``Status`` object that tells it."""
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        if not self.reason:
            del body["reason"]
        if self.details:
            body["details"] = self.details
        return body


def _about(resource: str, name: str) -> dict[str, Any]:
    plural, _, group = resource.partition(".")
    details = {"name": name, "group": group, "kind": plural}
    return {field: value for field, value in details.items() if value}


def not_found(resource: str, name: str) -> ApiError:
    """404: there is no such object."""
    return ApiError(404, "NotFound", f'{resource} "{name}" not found', details=_about(resource, name))


def already_exists(resource: str, name: str) -> ApiError:
    """409: the name is taken."""
    return ApiError(
        409, "AlreadyExists", f'{resource} "{name}" already exists', details=_about(resource, name)
    )


def conflict(resource: str, name: str, why: str) -> ApiError:
    """409: the object is not as the writer believed."""
    message = f'Operation cannot be fulfilled on {resource} "{name}": {why}'
    return ApiError(409, "Conflict", message, details=_about(resource, name))


def invalid(kind: str, group: str, name: str, causes: Sequence[Cause]) -> ApiError:
    """422: the object breaks rules; every broken one is told."""
    texts = [f"{cause.field}: {cause.message}" if cause.field else cause.message for cause in causes]
    told = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details: dict[str, Any] = {"name": name, "group": group, "kind": kind}
    details = {field: value for field, value in details.items() if value}
    details["causes"] = [
        {"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes
    ]
    qualified = f"{kind}.{group}" if group else kind
    return ApiError(422, "Invalid", f'{qualified} "{name}" is invalid: {told}', details=details)


def bad_request(message: str) -> ApiError:
    """400: the request itself is malformed."""
    return ApiError(400, "BadRequest", message)


def forbidden(resource: str, name: str, why: str) -> ApiError:
    """403: the user may not."""
    target = f'{resource} "{name}"' if name else resource
    return ApiError(403, "Forbidden", f"{target} is forbidden: {why}", details=_about(resource, name))


def unauthorized() -> ApiError:
    """401: nobody known is asking."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def expired(why: str) -> ApiError:
    """410: the revision asked for is no longer kept; list again."""
    return ApiError(410, "Expired", why)


def method_not_allowed() -> ApiError:
    """405: the resource does not know the verb."""
    return ApiError(
        405, "MethodNotAllowed", "the server does not allow this method on the requested resource"
    )


def unsupported_media_type(got: str, known: Sequence[str]) -> ApiError:
    """415: the body's encoding is not one of ours."""
    message = (
        f"the body of the request was in an unknown format - accepted media types include: {', '.join(known)}"
    )
    return ApiError(
        415, "UnsupportedMediaType", message, details={"causes": [{"message": got}]} if got else None
    )


def too_large(limit: int) -> ApiError:
    """413: the body is over the limit (bytes)."""
    message = f"Request entity too large: limit is {limit}"
    return ApiError(413, "RequestEntityTooLarge", message)


def not_implemented(what: str) -> ApiError:
    """501: Kubernetes has it, the embedded cluster does not (yet)."""
    return ApiError(
        501, "NotImplemented", f"the embedded cluster does not implement {what}: see {SUPPORTED_LIST}"
    )


def internal(message: str) -> ApiError:
    """500: our own fault or that of something we depend on, such as a webhook that cannot be called."""
    return ApiError(500, "InternalError", f"Internal error occurred: {message}")
