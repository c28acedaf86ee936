from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.builds.dockerfiles import base_images


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("FROM python:3.12", ("python:3.12",)),
        ("from python:3.12 as base\nFROM base\nFROM BASE AS x\nRUN true", ("python:3.12",)),
        ("ARG V=3.12\nFROM python:$V-slim", ("python:3.12-slim",)),
        ("ARG V=3.12\nARG I=python:${V}\nFROM ${I}", ("python:3.12",)),
        ("ARG V\nFROM python:${V:-3.11}", ("python:3.11",)),
        ('ARG V="3.12"\nFROM "python:${V:+x}"', ("python:x",)),
        ("FROM --platform=$BUILDPLATFORM go:1 AS b\nFROM scratch\nCOPY --from=b /a /", ("go:1",)),
        ("FROM a\nCOPY --chown=1:1 --from=nginx:1 /x /y\nCOPY --from=0 /x /", ("a", "nginx:1")),
        ("FROM a\nRUN --mount=type=bind,from=tools:1,target=/t make", ("a", "tools:1")),
        ("FROM a\nRUN echo --from=b FROM c", ("a",)),
        ("# escape=`\nFROM `\n  win:1", ("win:1",)),
        ("\ufeff# comment\r\nFROM \\\r\n# in between\r\n  a:1\r\n", ("a:1",)),
        ("FROM a\nFROM a", ("a",)),
        ("FROM $NOTHING", ()),
        ("FROM", ()),
        ("", ()),
    ],
)
def test_the_images_that_a_dockerfile_takes_from(text: str, found: tuple[str, ...]) -> None:
    assert base_images(text, {}) == found


def test_arguments_of_the_build_count_where_they_are_declared() -> None:
    text = "ARG V=3.12\nFROM python:$V\nARG W=1\nFROM x:$W"
    assert base_images(text, {"V": "3.13", "W": "2"}) == ("python:3.13", "x:")


@given(st.text(max_size=300))
def test_random_texts_never_fail(text: str) -> None:
    base_images(f"FROM {text}", {})
