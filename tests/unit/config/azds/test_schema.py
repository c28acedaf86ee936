"""The schema for editors and the reference for people: both say all that the parser knows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tests.unit.config.azds.projects import ERRORS, FILES

from alcove.config.azds import schema
from alcove.config.azds.tokens import KNOWN

ROOT = Path(__file__).parents[4]
DOCUMENT = (ROOT / "docs" / "azds-yaml.md").read_text(encoding="utf-8")
STORED = Path(schema.__file__).with_name("schema.json")
PATHS = sorted(set(schema.property_paths()))


def test_the_stored_schema_is_what_the_types_say() -> None:
    assert STORED.read_text(encoding="utf-8") == schema.render_schema_text()


def test_the_schema_knows_every_property() -> None:
    def paths(one: dict[str, Any], prefix: str = "") -> set[str]:
        found = set()
        for key, value in one.get("properties", {}).items():
            path = f"{prefix}.{key}".lstrip(".")
            found |= {path} | paths(value, path)
        extra = one.get("additionalProperties")
        return found | (paths(extra, f"{prefix}.<name>") if isinstance(extra, dict) else set())

    assert paths(schema.render_schema()) == set(PATHS) and len(PATHS) > 25


@pytest.mark.parametrize("path", PATHS)
def test_every_property_is_in_the_reference(path: str) -> None:
    assert f"| `{path}` |" in DOCUMENT


@pytest.mark.parametrize("token", KNOWN)
def test_every_token_is_in_the_reference(token: str) -> None:
    assert f"| `$({token})` |" in DOCUMENT


def test_the_reference_names_no_other_property() -> None:
    named = re.findall(r"^\| `([a-zA-Z.<>]+)` \|", DOCUMENT, flags=re.MULTILINE)
    assert set(named) <= set(PATHS)


def test_properties_are_described_in_one_line() -> None:
    def texts(one: dict[str, Any]) -> list[str]:
        inner = [*one.get("properties", {}).values(), one.get("additionalProperties"), one.get("items")]
        found = [text for value in inner if isinstance(value, dict) for text in texts(value)]
        return found + ([one["description"]] if "description" in one else [])

    assert all(text.endswith(".") and len(text) < 130 for text in texts(schema.render_schema()))


def test_examples_of_the_reference_are_files_that_count(tmp_path: Path) -> None:
    from alcove.config.azds.loading import parse_settings

    examples = re.findall(r"^```yaml\n(kind: .*?)^```", DOCUMENT, flags=re.MULTILINE | re.DOTALL)
    for example in examples:
        parse_settings(example.encode(), environment={"REDIS_HOST": "redis"})
    assert len(examples) >= 3


def test_golden_files_agree_with_the_schema() -> None:
    from ruamel.yaml import YAML

    checked = 0
    for file in sorted(FILES.glob("*.yaml")):
        document = YAML(typ="safe", pure=True).load(
            file.read_text(encoding="utf-8-sig").replace("\t", " ").replace(": on\n", ": true\n")
        )
        assert not list(violations(document, schema.render_schema())), file
        checked += 1
    assert checked >= 60
    wrong = (ERRORS / "wrong-types.yaml").read_text()
    assert len(list(violations(YAML(typ="safe", pure=True).load(wrong), schema.render_schema()))) >= 8


KINDS: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "number": (int, float),
    "null": type(None),
    "object": dict,
    "array": list,
}


def violations(value: Any, one: dict[str, Any]) -> list[str]:
    """Check the parts of JSON Schema that ours uses."""
    if "anyOf" in one and all(violations(value, option) for option in one["anyOf"]):
        return [f"{value!r} is none of {one['anyOf']}"]
    if "enum" in one and value not in one["enum"]:
        return [f"{value!r} is not in {one['enum']}"]
    kinds = one.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(isinstance(value, KINDS[kind]) for kind in kinds):
        return [f"{value!r} is not {kinds}"]
    if "pattern" in one and not re.search(one["pattern"], value):
        return [f"{value!r} does not match"]
    found = []
    if isinstance(value, dict):
        found += [f"{key} is missing" for key in one.get("required", []) if key not in value]
        for key, inner in value.items():
            below = one.get("properties", {}).get(key, one.get("additionalProperties", {}))
            found += [f"{key} is unknown"] if below is False else violations(inner, below or {})
    if isinstance(value, list):
        found += [text for inner in value for text in violations(inner, one.get("items", {}))]
    return found
