"""The daemon's Unix socket."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from alcove import errors
from alcove.app.embedded import control


async def greet(parameters: Mapping[str, Any], say: control.Say) -> dict[str, Any]:
    say("working")
    if not parameters.get("name"):
        raise errors.AlcoveError("nobody to greet", cause="no name", hint="give one")
    return {"text": f"hello {parameters['name']}"}


async def test_a_command_says_what_it_does_and_gives_its_result(tmp_path: Path) -> None:
    said: list[str] = []
    async with control.serve_control(tmp_path / "s", {"greet": greet}):
        assert await control.call_control(tmp_path / "s", "greet", {"name": "you"}, said.append) == {
            "text": "hello you"
        }
    assert said == ["working"]


async def test_an_error_crosses_with_its_cause_and_hint(tmp_path: Path) -> None:
    async with control.serve_control(tmp_path / "s", {"greet": greet}):
        with pytest.raises(errors.AlcoveError) as caught:
            await control.call_control(tmp_path / "s", "greet", {}, lambda _: None)
    assert (caught.value.message, caught.value.cause, caught.value.hint) == (
        "nobody to greet",
        "no name",
        "give one",
    )


async def test_a_path_longer_than_a_socket_name_works(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    async with control.serve_control(deep / "s", {"greet": greet}):
        assert (deep / "s").stat().st_mode & 0o077 == 0
        assert (await control.call_control(deep / "s", "greet", {"name": "x"}, lambda _: None))[
            "text"
        ] == "hello x"


async def test_nobody_listening_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(errors.UnavailableError, match="does not answer"):
        await control.call_control(tmp_path / "s", "greet", {}, lambda _: None)
