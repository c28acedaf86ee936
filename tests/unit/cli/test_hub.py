"""``alcove hub``, as a pod runs it."""

from __future__ import annotations

import pytest

from alcove.cli import main


def test_a_hub_that_is_told_nothing_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("ALCOVE_NAMESPACE", "ALCOVE_STORE"):
        monkeypatch.delenv(name, raising=False)
    assert main.run(["hub"]) == 2
    told = capsys.readouterr().err
    assert "the environment lacks ALCOVE_NAMESPACE, ALCOVE_STORE" in told
    assert "where 'alcove up' puts it" in told


def test_it_takes_no_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["hub", "now"]) == 2
    assert "alcove hub --help" in capsys.readouterr().err
