from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.charts import manifests
from alcove.charts.errors import ChartError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def parse(text: str) -> list[Any]:
    return [document.object for document in manifests.parse_templates({"web/templates/x.yaml": text})]


def test_documents_are_split_as_helm_does() -> None:
    text = (
        "---\n# Source\n---\na: 1\napiVersion: v1\nkind: A\n\n--- # and\napiVersion: v1\nkind: B\n---\n\n---"
    )
    assert [item["kind"] for item in parse(text)] == ["A", "B"]


def test_dates_are_texts_and_keys_too() -> None:
    text = "apiVersion: v1\nkind: A\nat: 2026-01-01\nequals: =\n8080: x\ntrue: y\nmode: 0644"
    assert parse(text)[0] == {
        "apiVersion": "v1",
        "kind": "A",
        "at": "2026-01-01",
        "equals": "=",
        "8080": "x",
        "true": "y",
        "mode": 0o644,
    }


def test_what_is_not_yaml_is_shown_with_its_template_and_line() -> None:
    with pytest.raises(ChartError) as caught:
        parse("apiVersion: v1\nkind: A\n  b: : c\n")
    assert caught.value.message == "web/templates/x.yaml renders something that is not YAML"
    assert "line 3" in caught.value.cause
    assert "   3   b: : c" in caught.value.cause


@pytest.mark.parametrize(
    "text", ["just text", "- a", "kind: A", "apiVersion: v1", "a: !!binary aGk=\nkind: A"]
)
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(ChartError, match=r"web/templates/x\.yaml renders something that is"):
        parse(text)


def test_templates_come_in_order_and_notes_are_none() -> None:
    item = "apiVersion: v1\nkind: A\n"
    files = {"w/templates/b.yaml": item, "w/templates/a.yaml": item, "w/templates/NOTES.txt": "not: [yaml"}
    documents = manifests.parse_templates({**files, "w/charts/s/templates/NOTES.txt": "n"})
    assert [document.template for document in documents] == ["w/templates/a.yaml", "w/templates/b.yaml"]
    assert manifests.find_notes(files, "w") == "not: [yaml"
    assert manifests.find_notes({}, "w") == ""


@given(JSON)
def test_what_is_written_is_read_back(value: Any) -> None:
    assert manifests.parse_yaml(manifests.render_yaml(value)) == value


def test_every_text_is_quoted() -> None:
    assert manifests.render_yaml({"a": "1e3", "b": "y"}) == '"a": "1e3"\n"b": "y"\n'


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        manifests.parse_templates({"t": text})
    except ChartError as error:
        assert error.message.startswith("t renders something")
