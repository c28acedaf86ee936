"""Definitions that are to go, and their objects."""

from __future__ import annotations

import pytest

from alcove.embedded.controllers.definitions import FINALIZER, plan_definition
from alcove.embedded.objects import Object

ENDING = {"deletionTimestamp": "now"}
WIDGET: Object = {"metadata": {"name": "w", "namespace": "n", "uid": "w"}}


@pytest.mark.parametrize(
    ("meta", "items", "expected"),
    [
        ({}, [WIDGET], []),
        (ENDING, [WIDGET], []),
        ({**ENDING, "finalizers": [FINALIZER]}, [WIDGET], ["Delete"]),
        ({**ENDING, "finalizers": [FINALIZER]}, [{"metadata": {**WIDGET["metadata"], **ENDING}}], []),
        ({**ENDING, "finalizers": [FINALIZER]}, [], ["Patch"]),
    ],
)
def test_objects_go_before_their_definition(meta: Object, items: list[Object], expected: list[str]) -> None:
    names = {"name": "widgets.example.com", "uid": "u", "resourceVersion": "1"}
    plan = plan_definition({"metadata": {**names, **meta}}, items)
    assert [type(action).__name__ for action in plan.actions] == expected
