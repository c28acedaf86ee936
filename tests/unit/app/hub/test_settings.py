from __future__ import annotations

from pathlib import Path

import pytest

from alcove.app.hub.settings import HubSettings
from alcove.errors import UsageError

LEAST = {"ALCOVE_NAMESPACE": "dev", "ALCOVE_STORE": "/var/lib/alcove"}


def test_what_differs_from_the_usual() -> None:
    assert HubSettings.from_env(LEAST) == HubSettings("dev", Path("/var/lib/alcove"))
    told = HubSettings.from_env({**LEAST, "ALCOVE_STORE_LIMIT": "1000", "ALCOVE_STORE_PERSISTENT": "true"})
    assert told.persistent and told.store_limit == 1000 and told.port == 15070
    assert not HubSettings.from_env({**LEAST, "ALCOVE_STORE_PERSISTENT": ""}).persistent


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"ALCOVE_NAMESPACE": ""}, "lacks ALCOVE_NAMESPACE"),
        ({"ALCOVE_STORE": ""}, "lacks ALCOVE_STORE"),
        ({"ALCOVE_STORE_LIMIT": "much"}, "'much' is not a number"),
        ({"ALCOVE_STORE_LIMIT": "-1"}, "'-1' is not a number"),
    ],
)
def test_what_is_missing_or_no_number(change: dict[str, str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        HubSettings.from_env({**LEAST, **change})
