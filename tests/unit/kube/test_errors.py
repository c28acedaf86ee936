from __future__ import annotations

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.errors import AlcoveError
from alcove.kube import errors

TOKEN = "eyJhbGciOi.eyJpc3MiOi.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (404, "NotFound", errors.NotFoundError),
        (409, "Conflict", errors.ConflictError),
        (409, "AlreadyExists", errors.AlreadyExistsError),
        (401, "Unauthorized", errors.ForbiddenError),
        (403, "Forbidden", errors.ForbiddenError),
        (400, "BadRequest", errors.InvalidError),
        (422, "Invalid", errors.InvalidError),
        (410, "Expired", errors.GoneError),
        (429, "TooManyRequests", errors.UnreachableError),
        (503, "ServiceUnavailable", errors.UnreachableError),
        (500, "InternalError", errors.KubeError),
        (418, "", errors.KubeError),
    ],
)
def test_a_status_becomes_the_error_that_callers_catch(
    code: int, reason: str, kind: type[errors.KubeError]
) -> None:
    error = errors.from_status(code, {"reason": reason, "message": "told"})
    assert type(error) is kind
    assert (error.code, error.reason, error.message) == (code, reason, "told")


@given(code=st.integers(300, 599), body=st.binary(max_size=300))
def test_any_answer_becomes_an_error(code: int, body: bytes) -> None:
    error = errors.from_answer(code, body)
    assert isinstance(error, AlcoveError)
    assert error.message


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {TOKEN}",
        "Authorization: bearer secret-token",
        "Authorization: Basic c2VjcmV0",
        f"token {TOKEN} is bad",
        "https://jane:secret@cluster",
        "-----BEGIN EC PRIVATE KEY-----\nsecret\n-----END EC PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nsecret",
    ],
)
def test_messages_hold_no_credentials(text: str) -> None:
    told = str(errors.from_status(500, {"message": text}))
    assert "***" in told
    for secret in ("secret", TOKEN, "c2VjcmV0"):
        assert secret not in told


def test_messages_are_cut() -> None:
    assert len(errors.from_answer(500, b"x" * 1_000_000).message) < 2000


@pytest.mark.parametrize(
    "cause",
    [
        aiohttp.ClientConnectionError("refused"),
        aiohttp.ServerDisconnectedError(),
        TimeoutError(),
        ConnectionResetError("reset"),
        aiohttp.InvalidURL("x"),
    ],
)
def test_what_the_network_raises_is_unreachable(cause: Exception) -> None:
    with (
        pytest.raises(errors.UnreachableError, match="https://cluster") as raised,
        errors.translated("https://cluster"),
    ):
        raise cause
    assert raised.value.__cause__ is cause
    assert raised.value.exit_code == 3
    assert raised.value.hint


def test_errors_of_our_own_are_left_alone() -> None:
    with pytest.raises(errors.NotFoundError), errors.translated("https://cluster"):
        raise errors.NotFoundError("gone")
