from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from tests.unit.sessions.samples import SETTINGS, make_settings

from alcove.sessions.settings import CommandSettings, UpSettings


@given(SETTINGS)
def test_settings_read_back_from_json_and_from_plain_values(settings: UpSettings) -> None:
    assert msgspec.json.decode(msgspec.json.encode(settings), type=UpSettings) == settings
    assert msgspec.convert(msgspec.to_builtins(settings), UpSettings) == settings


def test_what_is_not_said_is_the_pods_own_command() -> None:
    assert make_settings().command == CommandSettings((), {}, hold=False)


@pytest.mark.parametrize("missing", ["project", "configuration", "configFile", "build", "install", "space"])
def test_what_must_be_said(missing: str) -> None:
    document = msgspec.to_builtins(make_settings())
    del document[missing]
    with pytest.raises(msgspec.ValidationError, match=missing):
        msgspec.convert(document, UpSettings)
