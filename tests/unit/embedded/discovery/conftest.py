from __future__ import annotations

import pytest

from alcove.embedded.schema import Catalog


@pytest.fixture
def catalog() -> Catalog:
    return Catalog.load()
