from __future__ import annotations

from typing import get_args

import msgspec
import pytest
from hypothesis import given
from tests.unit.sessions.samples import PUSHED, REQUESTS, TOLD, make_settings

from alcove.sessions import calls


@given(REQUESTS)
def test_every_request_reads_back(request: calls.Request) -> None:
    assert calls.REQUEST.decode(msgspec.json.encode(request)) == request


@given(TOLD)
def test_all_that_is_told_reads_back(told: calls.Told) -> None:
    assert calls.TOLD.decode(msgspec.json.encode(told)) == told


@given(PUSHED)
def test_what_the_workstation_says_later_reads_back(pushed: calls.FromWorkstation) -> None:
    assert calls.PUSHED.decode(msgspec.json.encode(pushed)) == pushed


@pytest.mark.parametrize("union", [calls.Request, calls.Told, calls.FromWorkstation])
def test_no_two_values_have_one_tag(union: object) -> None:
    tags = [kind.__struct_config__.tag for kind in get_args(union)]
    assert len(set(tags)) == len(tags)


@pytest.mark.parametrize(
    ("decoder", "text"),
    [
        (calls.REQUEST, b'{"call":"destroy"}'),
        (calls.REQUEST, b"{}"),
        (calls.REQUEST, b"[]"),
        (calls.REQUEST, b'{"call":"down"}'),
        (calls.REQUEST, b'{"call":"dial","session":"s","port":"80"}'),
        (calls.REQUEST, b'{"call":"up","settings":{}}'),
        (calls.TOLD, b'{"told":"rumour"}'),
        (calls.TOLD, b'{"call":"hello"}'),
        (calls.TOLD, b'{"told":"exited","code":1.5}'),
        (calls.PUSHED, b'{"push":"pull"}'),
    ],
)
def test_what_is_not_understood_is_refused(decoder: msgspec.json.Decoder[object], text: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        decoder.decode(text)


def test_fields_of_a_later_version_are_passed_over() -> None:
    assert calls.TOLD.decode(b'{"told":"exited","code":1,"mood":"good"}') == calls.Exited(1)


def test_what_the_wire_calls_things() -> None:
    document = msgspec.to_builtins(calls.Up(make_settings(), verbose=True))
    assert document["call"] == "up" and document["settings"]["configFile"] == "azds.yaml"
    assert document["settings"]["space"] == {
        "spacePrefix": "",
        "rootSpacePrefix": "dev.",
        "hostSuffix": ".apps.example",
    }
