from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.builds.fakes import pieces

from alcove.app.builder.composition import first_error, make_driver
from alcove.app.builder.settings import BuilderProcessSettings
from alcove.builds.delegating import DelegatingDriver
from alcove.builds.drivers import RefusingDriver
from alcove.builds.identity import IdentitySettings
from alcove.builds.requests import BuildRequest, Failed
from alcove.errors import AlcoveError, UnavailableError

SETTINGS = BuilderProcessSettings(IdentitySettings("10.96.0.9:443", b"PEM"), "alcove")


def test_the_driver_follows_the_runtime(tmp_path: Path) -> None:
    assert isinstance(make_driver(SETTINGS), DelegatingDriver)
    assert isinstance(make_driver(replace(SETTINGS, runtime="cri-o", refusal="no")), RefusingDriver)


async def test_where_nothing_can_be_built_everybody_is_told_why() -> None:
    driver = make_driver(replace(SETTINGS, runtime="cri-o", refusal="the runtime is cri-o"))
    (failed,) = [event async for event in driver.build(BuildRequest("web:1"), pieces(b"tar"), space="")]
    assert (
        isinstance(failed, Failed)
        and failed.message == "the runtime is cri-o"
        and "nodeSelector" in failed.hint
    )
    assert await driver.find("web:1") is None
    with pytest.raises(AlcoveError, match="cri-o"):
        await anext(driver.copy_out("web:1", "/", auth="", space=""))


def test_of_a_group_of_errors_the_one_that_can_be_told_is_told() -> None:
    told = UnavailableError("the runtime went away")
    group = BaseExceptionGroup("a", [ValueError(), BaseExceptionGroup("b", [told])])
    assert first_error(group) is told
    assert first_error(BaseExceptionGroup("a", [ValueError()])) is None
