"""Variables in texts, and the file that holds them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.config.azds.environment import Expander, parse_env_file
from alcove.config.azds.problems import Problems

ENVIRONMENT = {"A": "one", "EMPTY": "", "_x9": "two", "SECRET": "hunter2", "BIG": "x" * 40_000}


def expand(text: str, *, tokens: bool = False) -> str:
    problems = Problems("azds.yaml")
    expanded = Expander(ENVIRONMENT, problems).expand(text, line=3, where="x", tokens=tokens)
    problems.check()
    return expanded


def refuse(text: str) -> str:
    problems = Problems("azds.yaml")
    Expander(ENVIRONMENT, problems).expand(text, line=3, where="x")
    return str(problems.error())


def parse(text: str) -> dict[str, str]:
    problems = Problems(".env")
    variables = parse_env_file(text, problems)
    problems.check()
    return variables


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$A", "one"),
        ("${A}", "one"),
        ("x${A}y$A-$_x9", "xoney" + "one-two"),
        ("${NO:-d e}", "d e"),
        ("${NO:-}", ""),
        ("${EMPTY:-d}", "d"),
        ("$EMPTY${EMPTY}", ""),
        ("${NO:-${A}${NO:-$A}}", "oneone"),
        ("$$A $$$A $$", "$A $one $"),
        ("$5 $ $-", "$5 $ $-"),
        ("$(tag) $$(tag)", "$(tag) $(tag)"),
    ],
)
def test_expansion(text: str, expected: str) -> None:
    assert expand(text) == expected


def test_where_tokens_count_their_escape_stays() -> None:
    assert expand("$(tag) $$(tag) $$A", tokens=True) == "$(tag) $$(tag) $A"


def test_a_variable_cannot_bring_a_token() -> None:
    problems = Problems("azds.yaml")
    expander = Expander({"V": "$(tag)"}, problems)
    assert expander.expand("$V", line=1, where="x", tokens=True) == "$$(tag)"
    assert expander.expand("$V", line=1, where="x") == "$(tag)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$NO", "azds.yaml:3: x: the variable NO is not set"),
        ("${NO}", "azds.yaml:3: x: the variable NO is not set"),
        ("${NO:-$NEITHER}", "azds.yaml:3: x: the variable NEITHER is not set"),
        ("${A", "azds.yaml:3: x: a ${ is not closed"),
        ("${A-b}", "azds.yaml:3: x: '${A-b}' is neither ${NAME} nor ${NAME:-default}"),
        ("${}", "azds.yaml:3: x: '${}' is neither ${NAME} nor ${NAME:-default}"),
        ("$BIG$BIG", "azds.yaml:3: x: the environment makes the text too long"),
        ("${N:-" * 20 + "}" * 20, "azds.yaml:3: x: defaults are nested too deeply"),
    ],
)
def test_what_cannot_be_expanded_is_named(text: str, message: str) -> None:
    assert refuse(text) == message


def test_what_variables_bring_into_a_whole_file_is_bounded() -> None:
    problems = Problems("azds.yaml")
    expander = Expander(ENVIRONMENT, problems)
    total = sum(len(expander.expand("$BIG", line=1, where="x")) for _ in range(1000))
    assert total < 5 * 1024 * 1024 and problems.count == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("# comment\n\n  # another\n", {}),
        ("A=1\nB = two words \n", {"A": "1", "B": "two words"}),
        ("export A=1\r\nexport\tB=2\r\n", {"A": "1", "B": "2"}),
        ("A=x=y=z\n", {"A": "x=y=z"}),
        ("A=\nB=''\nC=\"\"", {"A": "", "B": "", "C": ""}),
        ("A='single $B \\n # x' # c\n", {"A": "single $B \\n # x"}),
        ('A="a\\nb \\"q\\" \\\\ \\$" #c\n', {"A": 'a\nb "q" \\ $'}),
        ("A=b#c\nB=b #c\nC=#c\n", {"A": "b#c", "B": "b", "C": ""}),
        ("A=1\nA=2\n", {"A": "2"}),
        ("A.b-c=1\n", {"A.b-c": "1"}),
        ("URL=redis://user:p@host:1/0?x=y&z\n", {"URL": "redis://user:p@host:1/0?x=y&z"}),
    ],
)
def test_env_files(text: str, expected: dict[str, str]) -> None:
    assert parse(text) == expected


def test_problems_of_an_env_file_have_lines_and_no_values() -> None:
    problems = Problems(".env")
    parse_env_file("A=1\nhunter2\n=hunter2\nB=\"hunter2\nC='hunter2' hunter2\n1x=hunter2\n", problems)
    message = str(problems.error())
    assert [problem.line for problem in problems.error().problems] == [2, 3, 4, 5, 6]
    assert message.startswith(".env:2: this is not NAME=VALUE") and "hunter2" not in message


@given(st.text())
def test_any_env_file_is_read_or_refused(text: str) -> None:
    problems = Problems(".env")
    variables = parse_env_file(text, problems)
    assert all(isinstance(value, str) for value in variables.values())


@given(st.text(st.sampled_from("${}:-A x("), max_size=40), st.booleans())
def test_any_text_is_expanded_or_refused(text: str, tokens: bool) -> None:
    problems = Problems("azds.yaml")
    expanded = Expander(ENVIRONMENT, problems).expand(text, line=1, where="x", tokens=tokens)
    assert "$" in text or expanded == text


@given(st.dictionaries(st.from_regex(r"[A-Z_]{1,8}", fullmatch=True), st.text(st.characters(codec="utf-8"))))
def test_what_is_quoted_comes_back(variables: dict[str, str]) -> None:
    def quote(value: str) -> str:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + escaped.replace("\n", "\\n").replace("\r", "\\r") + '"'

    text = "".join(f"{name}={quote(value)}\n" for name, value in variables.items())
    assert parse(text) == variables
