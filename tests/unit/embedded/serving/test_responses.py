from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.embedded.serving.fakes import make_type

from alcove.embedded.faults import ApiError, unauthorized
from alcove.embedded.serving import responses


def test_a_list_is_joined_from_the_bytes_of_its_items() -> None:
    content = responses.render_list(
        make_type("Pod", "pods"), {"resourceVersion": "7"}, [b'{"a":1}', b'{"b":2}']
    )
    assert msgspec.json.decode(content) == {
        "kind": "PodList",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": "7"},
        "items": [{"a": 1}, {"b": 2}],
    }


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("plain", '299 - "plain"'),
        ('say "x\\y"', '299 - "say \\"x\\\\y\\""'),
        ("a\r\nB: c", '299 - "a  B: c"'),
    ],
)
def test_a_warning_stays_in_its_header(text: str, header: str) -> None:
    assert responses.render_warning(text) == header


@given(st.text())
def test_any_text_can_be_a_warning(text: str) -> None:
    response = responses.give_bytes(b"{}", warnings=[text])
    assert "\n" not in response.headers["Warning"]


@given(st.text(st.characters(codec=None, exclude_categories=())))
@example("\ud800")
def test_a_failure_with_any_text_can_be_told(text: str) -> None:
    response = responses.give_failure(ApiError(400, "BadRequest", text, details={"name": text}))
    assert isinstance(response.body, bytes)
    assert json.loads(response.body)["code"] == 400


def test_what_clients_do_next_is_in_headers() -> None:
    assert responses.give_failure(unauthorized()).headers["WWW-Authenticate"].startswith("Bearer")
    busy = ApiError(429, "TooManyRequests", "later", details={"retryAfterSeconds": 3})
    assert responses.give_failure(busy).headers["Retry-After"] == "3"
