"""The client's contract against the embedded API: the very tests that its fake passes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from tests.unit.kube import test_client_contract as contract


def needs_only_a_client(test: Callable[..., Any]) -> bool:
    """Tell whether a test takes nothing but the client and its own parameters.

    What takes more reaches behind the fake: it breaks watches, or scripts what a pod says.
    """
    marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
    given = {name for mark in marks for name in _names(mark.args[0])}
    return set(inspect.signature(test).parameters) <= given | {"client"}


def _names(argument: str | tuple[str, ...]) -> tuple[str, ...]:
    return tuple(argument.replace(",", " ").split()) if isinstance(argument, str) else tuple(argument)


shared = {name: test for name, test in vars(contract).items() if name.startswith("test_")}
chosen = {name: test for name, test in shared.items() if needs_only_a_client(test)}
globals().update(chosen)


def test_most_of_the_contract_is_checked_here() -> None:
    assert len(chosen) > len(shared) / 2
