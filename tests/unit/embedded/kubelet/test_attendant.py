"""What an image calls a signal."""

from __future__ import annotations

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.kubelet.attendant import parse_signal


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", signal.SIGTERM),
        ("SIGQUIT", signal.SIGQUIT),
        ("INT", signal.SIGINT),
        ("3", 3),
        ("0", signal.SIGTERM),
        ("SIGRTMIN+3", signal.SIGRTMIN + 3),
        ("nonsense", signal.SIGTERM),
    ],
)
def test_signals_are_named_or_numbered(text: str, expected: int) -> None:
    assert parse_signal(text) == expected


@given(st.text())
def test_any_text_gives_a_signal(text: str) -> None:
    assert 0 < parse_signal(text) <= signal.SIGRTMAX
