from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.app.hub.trees import SOURCES, tree_of
from tests.unit.sessions.samples import make_settings
from tests.unit.sync.worlds import MANIFESTS

from alcove.app.hub.planning import (
    Applied,
    Attempt,
    Wanted,
    command_key,
    deployment_key,
    judge,
    needs_deployment,
    parse_applied,
    rules_of,
    synced,
    synced_paths,
)
from alcove.sessions.settings import (
    BuildSettings,
    CommandSettings,
    ContainerSettings,
    Import,
    InstallSettings,
    Iteration,
    UpSettings,
)
from alcove.sync.manifest import Changes, Manifest, diff, with_changes
from alcove.sync.updates import Kind

SETTINGS = make_settings()
BASE = tree_of(SOURCES)
RUNNING = Attempt(1, BASE.id, deployment_key(SETTINGS))


def find(manifest_id: str) -> Manifest | None:
    return BASE if manifest_id == BASE.id else None


def saved(**changed: bytes) -> Manifest:
    """Give the tree with files changed; ``__`` stands for a slash, ``_`` before a suffix for a dot."""
    names = {name.replace("__", "/").replace("_", "."): content for name, content in changed.items()}
    return tree_of({**SOURCES, **names})


def changed_settings(**changes: Any) -> UpSettings:
    return msgspec.structs.replace(SETTINGS, **changes)


@pytest.mark.parametrize(
    ("attempt", "wanted", "reason"),
    [
        (None, Wanted(SETTINGS, BASE), "the first time"),
        (RUNNING, Wanted(SETTINGS, BASE), ""),
        (Attempt(1, BASE.id, "other"), Wanted(SETTINGS, BASE), "the settings changed"),
        (Attempt(1, BASE.id, ""), Wanted(SETTINGS, BASE), "the settings changed"),
        (Attempt(1, BASE.id, RUNNING.settings, failed=True), Wanted(SETTINGS, BASE), ""),
        (
            Attempt(1, BASE.id, RUNNING.settings, failed=True),
            Wanted(SETTINGS, saved(app_py=b"print(2)")),
            "the last attempt failed",
        ),
        (
            Attempt(1, "0" * 64, RUNNING.settings),
            Wanted(SETTINGS, BASE),
            "it is not known any more what the running image was built from",
        ),
        (RUNNING, Wanted(SETTINGS, saved(app_py=b"print(2)")), ""),
        (RUNNING, Wanted(SETTINGS, saved(static__index_html=b"2")), ""),
    ],
)
def test_when_the_chart_is_installed_anew(attempt: Attempt | None, wanted: Wanted, reason: str) -> None:
    assert needs_deployment(attempt, wanted, find) == reason


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("Dockerfile", "the Dockerfile"),
        ("azds.yaml", "azds.yaml"),
        ("charts/web/values.yaml", "part of the chart"),
        (".dockerignore", "the build's ignore file"),
        ("Dockerfile.dockerignore", "the build's ignore file"),
    ],
)
def test_what_shapes_the_image_is_installed_anew(path: str, said: str) -> None:
    wanted = Wanted(SETTINGS, tree_of({**SOURCES, path: b"changed"}))
    reason = needs_deployment(RUNNING, wanted, find)
    assert reason == f"{path} is {said}: the image is built and the release upgraded"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("app.py", Kind.RESTART),
        ("static/index.html", Kind.COPY),
        ("page.css", Kind.COPY),
        ("new/file.py", Kind.RESTART),
        ("Dockerfile", Kind.REBUILD),
    ],
)
def test_what_a_save_needs(path: str, kind: Kind) -> None:
    assert judge(Changes({path: tree_of({path: b"x"}).entries[path]}), SETTINGS).kind is kind


def test_a_batch_needs_what_its_strongest_change_needs() -> None:
    changes = diff(BASE, tree_of({**SOURCES, "app.py": b"2", "static/index.html": b"2"}))
    assert judge(changes, SETTINGS).kind is Kind.RESTART
    assert judge(Changes(), SETTINGS).kind is Kind.NOTHING


@pytest.mark.parametrize(
    ("settings", "matters"),
    [
        (changed_settings(build=BuildSettings("", "Dockerfile", {"A": "b"})), True),
        (changed_settings(install=InstallSettings("charts/web", ("values.yaml",))), True),
        (changed_settings(debug="node"), True),
        (changed_settings(container=None), True),
        (changed_settings(container=ContainerSettings("/app", ("**/*",))), True),
        (changed_settings(container=ContainerSettings(imports=(Import("i", "/a", "/b"),))), True),
        (changed_settings(container=ContainerSettings(None, ("**/*",), (), Iteration(("x",)))), False),
        (changed_settings(command=CommandSettings(("run",))), False),
        (changed_settings(configuration="other"), False),
    ],
)
def test_which_settings_need_a_deployment(settings: UpSettings, matters: bool) -> None:
    assert (deployment_key(settings) != deployment_key(SETTINGS)) == matters


def test_the_order_of_keys_does_not_matter() -> None:
    one = changed_settings(install=InstallSettings("c", (), {"a": 1, "b": {"c": 2, "d": 3}}))
    two = changed_settings(install=InstallSettings("c", (), {"b": {"d": 3, "c": 2}, "a": 1}))
    assert deployment_key(one) == deployment_key(two)


def test_one_command_is_told_from_another() -> None:
    keys = {
        command_key(changed_settings(command=command))
        for command in (
            CommandSettings(),
            CommandSettings(("a", "b")),
            CommandSettings(("a b",)),
            CommandSettings(("a", "b"), {"C": "d"}),
            CommandSettings(hold=True),
        )
    }
    assert len(keys) == 5


HEX = st.text("0123456789abcdef", min_size=1, max_size=64)


@given(st.builds(Applied, st.just("") | HEX, HEX, st.booleans()))
def test_what_an_agent_holds_reads_back(applied: Applied) -> None:
    assert parse_applied(str(applied)) == applied


@given(st.text())
def test_what_is_not_ours_is_not_known(text: str) -> None:
    found = parse_applied(text)
    assert str(found) == text or found in (Applied("?"), Applied())
    assert parse_applied("?") == parse_applied("?.abc+") == parse_applied("nonsense") == Applied("?")


def test_rules_without_a_container_and_below_the_root() -> None:
    rules = rules_of(changed_settings(container=None))
    assert rules.sync is None and not rules.iterates
    project = msgspec.structs.replace(SETTINGS.project, prefix="services/web")
    below = rules_of(
        changed_settings(
            project=project,
            config_file="services/web/azds.yaml",
            build=BuildSettings("services", "services/web/Dockerfile"),
            install=InstallSettings("charts/web", ("values.dev.yaml",)),
        )
    )
    assert below.directory == "services/web" and below.iterates
    assert below.shaping == {
        "values.dev.yaml": "a values file",
        "services/.dockerignore": "the build's ignore file",
        "services/web/Dockerfile.dockerignore": "the build's ignore file",
        "services/web/azds.yaml": "azds.yaml",
        "services/web/Dockerfile": "the Dockerfile",
        "charts/web": "the chart",
    }


def test_only_what_is_synced_goes_into_containers() -> None:
    assert synced_paths(BASE, SETTINGS) == ("app.py", "static", "static/index.html")
    assert synced_paths(BASE, changed_settings(container=None)) == ()


PATTERNS = st.sampled_from([("**/*",), ("a/**",), ("!**/b",), ("**/*.b", "!c/**"), ()])


@given(MANIFESTS, MANIFESTS, PATTERNS)
def test_what_is_synced_is_a_part_and_leads_to_the_same_files(
    before: Manifest, after: Manifest, patterns: tuple[str, ...]
) -> None:
    settings = changed_settings(
        install=InstallSettings("Z"), container=ContainerSettings(None, patterns, (), Iteration())
    )
    changes = diff(before, after)
    found = synced(changes, settings)
    assert found.written.items() <= changes.written.items()
    assert [path for path in changes.removed if path in found.removed] == list(found.removed)
    assert synced(found, settings) == found
    if judge(changes, settings).kind is not Kind.REBUILD and patterns == ("**/*",):
        assert with_changes(before, found) == after
