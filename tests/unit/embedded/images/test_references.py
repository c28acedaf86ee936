from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.images import normalise, parse_reference
from alcove.embedded.ports import ImageError

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.27", "docker.io/library/nginx:1.27"),
        ("me/app", "docker.io/me/app:latest"),
        ("docker.io/nginx", "docker.io/library/nginx:latest"),
        ("index.docker.io/library/nginx", "docker.io/library/nginx:latest"),
        ("localhost/app", "localhost/app:latest"),
        ("localhost:5000/a/b:x", "localhost:5000/a/b:x"),
        ("registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"),
        (f"nginx@{DIGEST}", f"docker.io/library/nginx@{DIGEST}"),
        (f"nginx:1@{DIGEST}", f"docker.io/library/nginx@{DIGEST}"),
        ("a__b/c-d.e", "docker.io/a__b/c-d.e:latest"),
        ("[::1]:5000/x", "[::1]:5000/x:latest"),
    ],
)
def test_what_is_left_out_is_filled_in(text: str, expected: str) -> None:
    assert normalise(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", ":x", "a:", "a:b:c", "a//b", "/a", "a/", "-a", "a@sha256:12", "a b", "a:" + "x" * 129, "a" * 300],
)
def test_what_is_no_reference_is_told(text: str) -> None:
    with pytest.raises(ImageError, match="invalid reference format") as error:
        parse_reference(text)
    assert error.value.reason == "InvalidImageName"


def test_upper_case_is_told() -> None:
    with pytest.raises(ImageError, match="must be lowercase"):
        normalise("Nginx")


@given(st.text(max_size=30) | st.from_regex(r"[a-z.:/@_-]{0,20}"))
def test_any_text_has_a_normal_form_or_an_error(text: str) -> None:
    try:
        normal = normalise(text)
    except ImageError:
        return
    assert normalise(normal) == normal
