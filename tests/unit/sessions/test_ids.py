import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.sessions import ids

CHANCE = st.text("0123456789abcdef", min_size=8, max_size=8)


@given(st.text(min_size=1), CHANCE, st.integers(0, 999_999_999))
def test_a_tag_reads_back_and_belongs_to_its_namespace(namespace: str, chance: str, build: int) -> None:
    session = ids.new_session_id(namespace, chance)
    tag = ids.Tag(session, build)
    assert ids.parse_tag(str(tag)) == tag
    assert ids.belongs_to(str(tag), namespace)
    assert ids.belongs_to(session, namespace)
    assert not ids.belongs_to(str(tag), namespace + "x")


@given(st.text())
def test_any_other_text_is_no_tag_and_belongs_to_nobody(text: str) -> None:
    if not ids.TAG_PATTERN.fullmatch(text):
        assert ids.parse_tag(text) is None
    assert not ids.belongs_to(text, "dev")


@pytest.mark.parametrize("chance", ["", "abc", "ABCDEF01", "0123456789", "0123456\n"])
def test_chance_is_eight_digits(chance: str) -> None:
    with pytest.raises(ValueError, match="hexadecimal"):
        ids.new_session_id("dev", chance)


@pytest.mark.parametrize(
    "text",
    ["latest", "s0-1", "s" + "0" * 24, "s" + "0" * 24 + "-", "s" + "0" * 24 + "-1\n", "x" + "0" * 24 + "-1"],
)
def test_what_is_not_a_tag(text: str) -> None:
    assert ids.parse_tag(text) is None
