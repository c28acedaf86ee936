from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.images.dockerfile import Dockerfile, Heredoc, parse_dockerfile
from alcove.errors import AlcoveError

PARTS = st.sampled_from(
    [
        "FROM",
        "a",
        " ",
        "\n",
        "\\\n",
        "RUN",
        "COPY",
        "<<EOF",
        "EOF",
        "#",
        "escape=`",
        "`",
        "--from=",
        "[",
        '"',
        "]",
    ]
)


def parse(text: str) -> Dockerfile:
    return parse_dockerfile(text.encode(), "Dockerfile")


def shown(text: str) -> list[tuple[int, str]]:
    return [(i.line, str(i)) for i in parse(text).stages[0].instructions]


def test_stages_and_arguments_are_read() -> None:
    file = parse("ARG V=1\nFROM node:$V AS Build\nRUN x\n\nfrom scratch\nCOPY --from=build /a /b\n")
    assert [(s.base, s.name) for s in file.stages] == [("node:$V", "build"), ("scratch", "")]
    assert file.arguments[0].text == "V=1"
    assert file.stages[1].instructions[0].flag("from") == "build"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RUN a \\\n  b \\\n# c\n\n d", [(2, "RUN a   b  d")]),
        ("# RUN a\n\n  RUN b  ", [(4, "RUN b")]),
        ("RUN a\\ \nb", [(2, "RUN ab")]),
        ("run\ta", [(2, "RUN a")]),
        ("RUN a \\", [(2, "RUN a")]),
        ("CMD", [(2, "CMD")]),
        ("RUN a\r\nRUN b\r\n", [(2, "RUN a"), (3, "RUN b")]),
    ],
)
def test_lines_are_joined_and_comments_left_out(text: str, expected: list[tuple[int, str]]) -> None:
    assert shown(f"FROM a\n{text}") == expected


def test_the_escape_character_can_be_chosen() -> None:
    file = parse("# syntax=docker/dockerfile:1\n# escape=`\nFROM a\nRUN dir C:\\ `\n x")
    assert (file.escape, file.stages[0].instructions[0].text) == ("`", "dir C:\\  x")


def test_lists_are_told_from_text() -> None:
    instructions = parse('FROM a\nCMD ["a", "b c"]\nCMD [a]\nSHELL ["x"]\nENV [1]').stages[0].instructions
    assert [i.items for i in instructions] == [("a", "b c"), None, ("x",), None]


def test_texts_below_an_instruction_belong_to_it() -> None:
    text = 'FROM a\nRUN <<EOF\na $b\n# kept\nEOF\nCOPY <<"X" <<-Y /d/\nx\nX\n\ty\n\tY\nRUN z<<<word $((1<<2))'
    run, copy, last = parse(text).stages[0].instructions
    assert run.heredocs == (Heredoc("EOF", "a $b\n# kept\n", expanded=True),)
    assert copy.heredocs == (Heredoc("X", "x\n", expanded=False), Heredoc("Y", "y\n", expanded=True))
    assert (last.heredocs, last.line) == ((), 11)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Dockerfile:1: there is no FROM"),
        ("RUN x", "Dockerfile:1: RUN stands before the first FROM"),
        ("FROM a\nRUM x", "Dockerfile:2: unknown instruction: RUM (did you mean RUN?)"),
        ("FROM", "Dockerfile:1: FROM needs something after it"),
        ("FROM a b", "Dockerfile:1: FROM has the form: FROM image [AS name]"),
        ("FROM a AS 1", "Dockerfile:1: '1' is no name for a stage"),
        ("FROM a AS x\nFROM b AS X", "Dockerfile:2: another stage is called 'x' too"),
        ("FROM a\n\nRUN \\\n", "Dockerfile:3: RUN needs something after it"),
        ("FROM a\nCOPY --frm=x a b", "Dockerfile:2: COPY --frm is not known here"),
        ("FROM a\nRUN <<EOF\nx", "Dockerfile:2: the text <<EOF does not end with a line EOF"),
        ("FROM a\nSHELL bash", 'Dockerfile:2: SHELL needs a list, as in: SHELL ["/bin/bash", "-c"]'),
        ("# escape=x\nFROM a", "Dockerfile:1: the escape character is \\ or `, not 'x'"),
    ],
)
def test_errors_name_the_line(text: str, message: str) -> None:
    with pytest.raises(AlcoveError) as error:
        parse(text)
    assert error.value.message == message


def test_bytes_that_are_no_text_are_told() -> None:
    with pytest.raises(AlcoveError, match="Dockerfile:2: this is no UTF-8"):
        parse_dockerfile(b"FROM a\n\xff", "Dockerfile")


@given(st.binary(max_size=60) | st.lists(PARTS, max_size=14).map(lambda parts: "".join(parts).encode()))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        assert parse_dockerfile(content, "Dockerfile").stages
    except AlcoveError as error:
        assert error.message.startswith("Dockerfile:")
