"""The only place that prints.

Data goes to stdout in the form that was asked for; everything said to people goes to stderr, so that
``alcove ... -o json | jq`` always works.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO, TypeVar

import click

from alcove import errors

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = ("table", "json", "yaml")


def format_option(command: F) -> F:
    """Add ``-o/--output`` to a command (parameter ``output_format``)."""
    return click.option(
        "-o",
        "--output",
        "output_format",
        type=click.Choice(FORMATS),
        default="table",
        show_default=True,
        help="How data is printed.",
    )(command)


def event_format_option(command: F) -> F:
    """Add ``-o/--output`` to a command that tells of events (parameter ``output_format``)."""
    return click.option(
        "-o",
        "--output",
        "output_format",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="How events are printed; as JSON each is one line.",
    )(command)


def progress_option(command: F) -> F:
    """Add ``--progress`` to a command (parameter ``progress``)."""
    return click.option(
        "--progress",
        type=click.Choice(["auto", "plain", "quiet"]),
        default="auto",
        show_default=True,
        help="What is said while working: auto colours a terminal, plain never does, quiet says nothing.",
    )(command)


def print_document(document: Mapping[str, Any] | Sequence[Any], output_format: str) -> None:
    """Print one document as JSON or YAML to stdout."""
    if output_format == "yaml":
        import yaml

        click.echo(yaml.safe_dump(_plain(document), sort_keys=False), nl=False)
    else:
        click.echo(json.dumps(document, indent=2))


def print_line(document: Mapping[str, Any]) -> None:
    """Print one document on a line of its own, at once."""
    click.echo(json.dumps(document, separators=(",", ":")))


def print_record(record: Mapping[str, Any], output_format: str) -> None:
    """Print one record: ``key  value`` lines, or the document."""
    if output_format != "table":
        print_document(record, output_format)
        return
    width = max((len(key) for key in record), default=0)
    for key, value in record.items():
        click.echo(f"{key:<{width}}  {_cell(value)}".rstrip())


def print_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
    """Print rows under titles; ``columns`` gives the key of each title, and what has no value is ``-``.

    A column without a title is for marks: there nothing stays nothing.
    """
    lines = [list(columns)]
    lines += [
        [_cell(row.get(key)) or ("-" if title else "") for title, key in columns.items()] for row in rows
    ]
    widths = [max(1, *map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = (f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def print_text(text: str) -> None:
    """Print text that is itself the data."""
    click.echo(text, nl=not text.endswith("\n"))


def print_file(path: Path, *, follow: bool) -> None:
    """Print a file that another process appends to; with ``follow`` until interrupted."""
    try:
        stream = path.open(errors="replace")
    except OSError as error:
        raise errors.UnavailableError(f"nothing to show in {path}", cause=error.strerror or "") from error
    with stream:
        _copy(stream)
        if not follow:
            return
        from watchfiles import watch

        for _ in watch(path, debounce=50, step=20, raise_interrupt=False):
            _copy(stream)


def _copy(stream: TextIO) -> None:
    while chunk := stream.read(65536):
        click.echo(chunk, nl=False)


class Progress:
    """What a command says while it works; never data."""

    def __init__(self, mode: str) -> None:
        """Speak as ``mode`` says: ``auto``, ``plain`` or ``quiet``."""
        self._quiet = mode == "quiet"
        self._colour = None if mode == "auto" else False

    def say(self, text: str) -> None:
        """Say one line."""
        if not self._quiet:
            click.echo(text, err=True, color=self._colour)

    def warn(self, text: str) -> None:
        """Say one line that must not be missed, even when quiet."""
        click.secho(f"warning: {text}", err=True, fg="yellow", color=self._colour)


class Lines:
    """Lines of several speakers on one terminal; a piece of work may get its time on the line it began."""

    def __init__(self) -> None:
        """Begin at the start of a line."""
        self._open = ""

    def say(self, text: str) -> None:
        """Say a line to people."""
        self._finish()
        click.echo(text, err=True)

    def warn(self, text: str) -> None:
        """Say a line that must not be missed."""
        self._finish()
        click.secho(f"warning: {text}", err=True, fg="yellow")

    def data(self, text: str) -> None:
        """Print a line that is itself the data."""
        self._finish()
        click.echo(text)

    def begin(self, text: str, work: str) -> None:
        """Say that a piece of work began; on a terminal its end may follow on the same line."""
        if sys.stderr.isatty():
            self._finish()
            click.echo(text, err=True, nl=False)
            self._open = work

    def end(self, text: str, work: str) -> None:
        """Say that a piece of work ended."""
        if self._open == work:
            self._open = ""
            click.echo(f"\r{text}", err=True)
        else:
            self.say(text)

    def _finish(self) -> None:
        if self._open:
            self._open = ""
            click.echo(err=True)


class ByteTerminal:
    """This process's own input and output, as bytes."""

    def write(self, stream: int, content: bytes) -> None:
        """Take output: 1 stdout, 2 stderr."""
        target = sys.stdout.buffer if stream == 1 else sys.stderr.buffer
        target.write(content)
        target.flush()

    async def read(self) -> bytes:
        """Give input, none at its end."""
        import asyncio

        return await asyncio.to_thread(_read_input)


def _read_input() -> bytes:
    try:
        return os.read(sys.stdin.fileno(), 65536)
    except (OSError, ValueError):
        return b""


def confirm(question: str, *, default: bool) -> None:
    """Ask a question of yes or no; ends the command on no.

    Raises:
        UsageError: there is nobody to answer.
    """
    with _somebody("answer yes beforehand: -y"):
        agreed = click.confirm(question, default=default, err=True)
    if not agreed:
        raise click.Abort


def choose(title: str, options: Sequence[str], *, first: int, instead: str, free: bool = False) -> str:
    """Ask for one of the options, by its number from ``first`` on or by its text; give the text.

    With ``free`` any other text counts too. ``instead`` says how to answer beforehand.

    Raises:
        UsageError: there is nobody to answer.
    """
    numbered = {str(number): option for number, option in enumerate(options, first)}

    def read(answer: str) -> str:
        given = answer.strip()
        if given in numbered:
            return numbered[given]
        if given in options or (free and given and not given.isdigit()):
            return given
        raise click.UsageError(f"{given!r} is not one of them")

    for number, option in numbered.items():
        title += f"\n [{number}] {option}"
    click.echo(title, err=True)
    with _somebody(instead):
        told = "Type a number or a new name" if free else "Type a number"
        chosen: str = click.prompt(told, value_proc=read, err=True)
    return chosen


@contextlib.contextmanager
def _somebody(instead: str) -> Iterator[None]:
    """Turn the end of the input into an error that says so; Ctrl+C stays what it is."""
    try:
        yield
    except click.exceptions.Abort:
        if sys.stdin.isatty():
            raise
        click.echo(err=True)
        raise errors.UsageError("nobody answers", cause="the input has ended", hint=instead) from None


def say_error(message: str, *, cause: str = "", hint: str = "") -> None:
    """Say what happened, why, and what to do next."""
    click.secho("error", err=True, fg="red", bold=True, nl=False)
    click.echo(f": {message}", err=True)
    if cause:
        click.echo(f"  because: {cause}", err=True)
    if hint:
        click.echo(f"\nhint: {hint}", err=True)


def say_usage(error: click.ClickException) -> None:
    """Say that the command line is wrong, and where its help is."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "alcove"
    say_error(error.format_message(), hint=f"see '{path} --help'")


def abandon_stdout() -> None:
    """Let go of a stdout whose reader has gone, so that the interpreter's last flush does not fail."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, sys.stdout.fileno())
    os.close(sink)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))
