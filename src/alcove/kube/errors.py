"""What can go wrong when talking to a cluster.

::

    KubeError                 the cluster refused, for a reason of its own
    ├── NotFoundError         404: there is no such object (or no such resource)
    ├── ConflictError         409: the object is not as the writer believed
    │   └── AlreadyExistsError    the name is taken
    ├── ForbiddenError        401, 403: nobody known is asking, or they may not
    ├── InvalidError          400, 422: the object or request breaks rules
    ├── GoneError             410: the revision asked for is no longer kept
    └── UnreachableError      no answer, or the server cannot answer now (429, 502, 503, 504)

Messages never hold credentials, and no more than the beginning of what a server said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import aiohttp

from alcove.errors import AlcoveError

_LONGEST_TEXT = 1024
_SECRETS = re.compile(
    r"eyJ[\w-]+\.[\w-]+\.[\w-]*|(?<=[Bb]earer )\S+|(?<=[Bb]asic )\S+|(?<=://)[^/\s@]+(?=@)"
    r"|-----BEGIN [^-]*KEY-----.*?(?:-----END [^-]*KEY-----|$)",
    re.DOTALL,
)


class KubeError(AlcoveError):
    """The cluster refused: with the HTTP status ``code`` (0 without one) and Kubernetes' word for it."""

    def __init__(self, message: str, *, code: int = 0, reason: str = "", hint: str = "") -> None:
        """Keep what is known of it."""
        super().__init__(mask(message), hint=hint)
        self.code = code
        self.reason = reason


class NotFoundError(KubeError):
    """There is no such object."""


class ConflictError(KubeError):
    """The object is not as the writer believed: read it again and decide anew."""

    exit_code = 4


class AlreadyExistsError(ConflictError):
    """The name is taken."""


class ForbiddenError(KubeError):
    """Nobody known is asking, or they may not."""


class InvalidError(KubeError):
    """The object or the request breaks rules: sending it again will not help."""


class GoneError(KubeError):
    """The revision asked for is no longer kept: list again."""


class UnreachableError(KubeError):
    """There was no answer, or none for now: later may help."""

    exit_code = 3


_BY_CODE: Mapping[int, type[KubeError]] = {
    400: InvalidError,
    401: ForbiddenError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
    422: InvalidError,
    429: UnreachableError,
    502: UnreachableError,
    503: UnreachableError,
    504: UnreachableError,
}
_HINTS = {
    401: "log in again: the kubeconfig's credentials are unknown to the cluster, or have expired",
    403: "ask for the right with 'kubectl auth can-i', or use another context",
}


def mask(text: str) -> str:
    """Give the beginning of ``text`` without what looks like a credential."""
    masked = _SECRETS.sub("***", text)
    return masked if len(masked) <= _LONGEST_TEXT else f"{masked[:_LONGEST_TEXT]}..."


def from_status(code: int, status: object) -> KubeError:
    """Give the error for a ``Status`` object (or whatever else a server answered with an error code)."""
    told: Mapping[str, Any] = status if isinstance(status, dict) else {}
    reason, message = str(told.get("reason") or ""), str(told.get("message") or "")
    kind = AlreadyExistsError if reason == "AlreadyExists" else _BY_CODE.get(code, KubeError)
    return kind(message or f"the server answered {code}", code=code, reason=reason, hint=_HINTS.get(code, ""))


def from_answer(code: int, body: bytes) -> KubeError:
    """Give the error for an HTTP answer."""
    try:
        status = json.loads(body)
    except (ValueError, RecursionError):
        status = {"message": f"the server answered {code}: {body[:_LONGEST_TEXT].decode(errors='replace')}"}
    return from_status(code, status)


@contextmanager
def translated(server: str) -> Iterator[None]:
    """Turn whatever the network and the HTTP library raise into ``UnreachableError``."""
    try:
        yield
    except aiohttp.WSServerHandshakeError as error:
        raise from_status(error.status, {"message": error.message}) from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        why = str(error) or type(error).__name__
        raise UnreachableError(
            f"the cluster at {server} cannot be reached: {why}",
            hint="check that the cluster runs and that the kubeconfig's context is the right one",
        ) from error
