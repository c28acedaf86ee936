"""What is printed, and where it goes."""

from __future__ import annotations

import io

import click
import pytest

from alcove.cli import output
from alcove.errors import UsageError


def test_a_table_aligns_its_columns_and_marks_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[dict[str, str | None]] = [
        {"mark": "*", "name": "dev", "parent": None},
        {"mark": "", "name": "dev/alice", "parent": "dev"},
    ]
    output.print_table(rows, {"": "mark", "NAME": "name", "PARENT": "parent"})
    assert capsys.readouterr().out == "   NAME       PARENT\n*  dev        -\n   dev/alice  dev\n"


def test_a_table_without_rows_is_its_titles(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table([], {"NAME": "name"})
    assert capsys.readouterr().out == "NAME\n"


def answering(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{answer}\n" for answer in answers)))


@pytest.mark.parametrize(
    ("answers", "chosen"), [(["0"], "<none>"), (["1"], "dev"), (["dev"], "dev"), (["9", "x", "1"], "dev")]
)
def test_one_of_the_options_is_chosen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answers: list[str], chosen: str
) -> None:
    answering(monkeypatch, *answers)
    assert output.choose("Which?", ["<none>", "dev"], first=0, instead="") == chosen
    told = capsys.readouterr()
    assert "Which?\n [0] <none>\n [1] dev\n" in told.err and not told.out


def test_another_text_counts_where_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, "7", "new")
    assert output.choose("Which?", ["dev"], first=1, instead="", free=True) == "new"


def test_no_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, "n")
    with pytest.raises(click.Abort):
        output.confirm("Sure?", default=True)


def test_a_question_without_anybody_to_answer_says_how_to_answer_beforehand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answering(monkeypatch)
    with pytest.raises(UsageError, match="nobody answers") as caught:
        output.confirm("Sure?", default=True)
    assert "-y" in caught.value.hint
