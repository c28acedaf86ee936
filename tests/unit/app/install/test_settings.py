"""What is asked for, what is remembered, and what cannot be."""

from __future__ import annotations

import pytest

from alcove.app.install.settings import (
    Endpoint,
    InstallSettings,
    Wishes,
    parse_registry,
    parse_suffix,
    settle,
)
from alcove.errors import UsageError

REMEMBERED = {"endpoint": "private", "imageRegistry": "r.example.com/a", "version": "0.0.1"}


def test_nothing_asked_and_nothing_remembered_is_the_default() -> None:
    assert settle(Wishes(), {}) == InstallSettings()


def test_what_is_not_asked_for_stays_as_it_is() -> None:
    found = settle(Wishes(), REMEMBERED)
    assert (found.endpoint, found.registry) == (Endpoint.PRIVATE, "r.example.com/a")
    assert found.version == InstallSettings().version


def test_what_is_asked_for_counts_more() -> None:
    found = settle(Wishes(Endpoint.NONE, "dev.example.com", "other"), REMEMBERED)
    assert (found.endpoint, found.host_suffix, found.registry) == (Endpoint.NONE, ".dev.example.com", "other")


@pytest.mark.parametrize(("source", "kept"), [("option", ".a.b"), ("address", ""), (None, "")])
def test_only_a_suffix_that_was_chosen_is_chosen_again(source: str | None, kept: str) -> None:
    recorded = {"hostSuffix": ".a.b", "hostSuffixSource": source}
    assert settle(Wishes(), recorded).host_suffix == kept
    assert settle(Wishes(host_suffix=""), recorded).host_suffix == ""


@pytest.mark.parametrize(
    "text", ["dev.example.com", ".dev.example.com", "*.Dev.Example.com", "dev.example.com."]
)
def test_a_suffix_is_written_in_one_way(text: str) -> None:
    assert parse_suffix(text) == ".dev.example.com"


@pytest.mark.parametrize("text", ["dev_1.example.com", "a..b", "dev.example.com:80", "http://dev"])
def test_what_no_host_can_end_with_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="suffix"):
        parse_suffix(text)


@pytest.mark.parametrize("text", ["https://registry", "a b", "user@host/x"])
def test_what_no_image_can_begin_with_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="image"):
        parse_registry(text)


def test_images_are_named_after_registry_and_version() -> None:
    found = InstallSettings(version="1.2+local", registry=parse_registry("r.example.com:5000/team/"))
    assert found.control_plane_image == "r.example.com:5000/team/alcove:1.2-local"
    assert found.proxy_image == "r.example.com:5000/team/proxy:1.2-local"
