"""Hashes and revision numbers of templates."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.controllers.revisions import REVISION, content_hash, revision_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_a_hash_does_not_depend_on_the_order_of_keys(content: dict[str, object]) -> None:
    turned = dict(reversed(content.items()))
    assert content_hash(content) == content_hash(turned)


def test_a_hash_is_ten_letters_fit_for_a_name_and_moves_with_collisions() -> None:
    first, second = content_hash({"a": 1}), content_hash({"a": 1}, 1)
    assert first != second
    assert first.isalnum()
    assert len(first) == 10


def test_the_hash_of_a_template_never_changes() -> None:
    # A cluster that is started by a later version must find its ReplicaSets again.
    assert content_hash({"spec": {"containers": [{"image": "a"}]}}) == "8lt4w5m4pg"


@given(st.text())
def test_any_revision_annotation_is_some_number(text: str) -> None:
    assert revision_of({"metadata": {"annotations": {REVISION: text}}}) >= 0
