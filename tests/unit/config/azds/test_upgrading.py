"""Old files in the newest form, with everything that is their author's."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest
from tests.unit.config.azds.projects import ENV, FILES, configuration_of

from alcove.config.azds import ConfigError
from alcove.config.azds.loading import parse_settings
from alcove.config.azds.upgrading import upgrade

OLD = """\
# of the team
kind: helm-release   # the kind

build: {context: ., dockerfile: "Dockerfile"}
install:
    chart: charts/web
    set:
        ingress:
            hosts:
            # [space.s.]web
            - $(spacePrefix)web$(hostSuffix)   # ours
            - "$(spacePrefix)web.example.com"
        name: $(spacePrefix)
        text: $$(spacePrefix)web$(hostSuffix)
configurations:
    develop:
        container:
            # the values
            values:
            - values.dev.yaml?   # mine

            - secrets.yaml
            sync: ["**"]
"""


def changes(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def test_only_what_must_change_changes() -> None:
    assert changes(OLD, upgrade(OLD)) == [
        "+apiVersion: 1.1",
        "-            - $(spacePrefix)web$(hostSuffix)   # ours",
        '-            - "$(spacePrefix)web.example.com"',
        "+            - $(spacePrefix)$(rootSpacePrefix)web$(hostSuffix)   # ours",
        '+            - "$(spacePrefix)$(rootSpacePrefix)web.example.com"',
        "-        container:",
        "-            # the values",
        "+        install:",
        "+        container:",
        "+            # the values",
    ]


def test_ends_of_lines_and_the_byte_order_mark_stay() -> None:
    upgraded = upgrade("\ufeff" + OLD.replace("\n", "\r\n"))
    assert upgraded == "\ufeff" + upgrade(OLD).replace("\n", "\r\n")


def test_values_go_into_an_install_that_is_there() -> None:
    before = (
        "kind: helm-release\napiVersion: 1.0\nconfigurations:\n  develop:\n    install:\n"
        "        set: {a: 1}\n    container:\n      values: [a.yaml,\n        b.yaml]  # two\n"
    )
    assert upgrade(before) == (
        "kind: helm-release\napiVersion: 1.1\nconfigurations:\n  develop:\n    install:\n"
        "        values: [a.yaml,\n          b.yaml]  # two\n        set: {a: 1}\n    container: {}\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "kind: helm-release\nconfigurations: {develop: {container: {values: [a]}}}\n",
        "kind: helm-release\nconfigurations:\n d:\n  install: {values: [b]}\n  container:\n   values: [a]",
    ],
)
def test_what_cannot_be_moved_is_told_and_left(text: str) -> None:
    with pytest.raises(ConfigError, match="cannot be moved") as caught:
        upgrade(text)
    assert caught.value.problems[0].line == text.count("\n", 0, text.index("values: [a]")) + 1


def test_a_file_that_is_wrong_is_not_upgraded() -> None:
    with pytest.raises(ConfigError, match=r"azds\.yaml:2: unknown property 'bild'"):
        upgrade("kind: helm-release\nbild: {}\n")


def test_the_newest_form_comes_back_as_it_is() -> None:
    text = "kind: helm-release\napiVersion: 1.1\ninstall: {set: {h: $(spacePrefix)x$(hostSuffix)}}\n"
    assert upgrade(text) == text


@pytest.mark.parametrize("file", sorted(FILES.glob("*.yaml")), ids=lambda path: path.stem)
def test_an_upgrade_changes_hosts_and_nothing_else_that_counts(file: Path) -> None:
    content = file.read_bytes()
    if file.stem == "both-places-of-values":
        return
    name = configuration_of(content)
    upgraded = upgrade(content.decode()).encode()
    before = parse_settings(content, environment=ENV, configuration=name)
    after = parse_settings(upgraded, environment=ENV, configuration=name)
    assert after.api_version == "1.1"
    assert (after.args, after.container, after.ignore) == (before.args, before.container, before.ignore)
    assert [said.text for said in after.values] == [said.text for said in before.values]
    rooted = repr(before.set).replace("$(spacePrefix)node4", "$(spacePrefix)$(rootSpacePrefix)node4")
    assert repr(after.set) == rooted and upgrade(upgraded.decode()).encode() == upgraded
