from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.unit.embedded.schema.samples import told, type_of

from alcove.embedded.objects import Object
from alcove.embedded.schema import Catalog


@pytest.fixture(scope="session")
def builtin() -> Catalog:
    """The built-in catalog; tests that install CRDs load their own."""
    return Catalog.load()


@pytest.fixture
def catalog() -> Catalog:
    return Catalog.load()


@pytest.fixture
def complaints(builtin: Catalog) -> Callable[..., list[str]]:
    """What validation says of an object after defaulting, as ``field: message``."""

    def run(item: Object, old: Object | None = None) -> list[str]:
        kind = type_of(builtin, item)
        before = None if old is None else builtin.default(kind, old)
        return told(builtin.validate(kind, builtin.default(kind, item), before))

    return run
