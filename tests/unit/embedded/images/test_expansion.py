from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.images.expansion import expand, expand_text, split_words

VALUES = {"a": "1", "e": "", "long_1": "x y"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$a/$long_1.x", "1/x y.x"),
        ("${a}b", "1b"),
        ("$missing-${missing}", "-"),
        ("${a:-d}${e:-d}${m:-d}", "1dd"),
        ("${a-d}${e-d}${m-d}", "1d"),
        ("${a:+d}${e:+d}${m:+d}", "d"),
        ("${a+d}${e+d}${m+d}", "dd"),
        ("${m:-${n:-$a}}", "1"),
        ("${a:?no}", "1"),
        ("'$a'", "$a"),
        ('"$a \\" \\$ \\x"', '1 " $ \\x'),
        ("\\$a", "$a"),
        ("cost$", "cost$"),
        ("${m:-'a b'}", "a b"),
    ],
)
def test_variables_are_put_in(text: str, expected: str) -> None:
    assert expand(text, VALUES, "\\") == expected


@pytest.mark.parametrize(
    "text", ["${a", "${", "${}", "${a:", "${a:-x", "${a/b}", "'a", '"a', "${m:?told}", "${a:=x}"]
)
def test_what_is_malformed_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        expand(text, VALUES, "\\")


def test_quotes_mean_nothing_in_a_text() -> None:
    assert expand_text('it\'s "$a" \\n \\$a', VALUES, "\\") == 'it\'s "1" \\n $a'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b", ["a", "b"]),
        ("a='b c'  d", ["a='b c'", "d"]),
        ('a="b\\" c"', ['a="b\\" c"']),
        ("a\\ b", ["a\\ b"]),
    ],
)
def test_words_end_at_blanks_outside_of_quotes(text: str, expected: list[str]) -> None:
    assert split_words(text, "\\") == expected


@given(st.text(alphabet="ab${}:-+?'\"\\ @0", max_size=200))
def test_any_text_is_expanded_or_refused(text: str) -> None:
    try:
        expand(text, VALUES, "\\")
        expand_text(text, VALUES, "\\")
    except ValueError as error:
        assert str(error)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(ValueError, match="too deeply"):
        expand("${m:-" * 500 + "}" * 500, VALUES, "\\")
