"""``alcove completion SHELL``: prints what a shell needs to complete commands."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from alcove.cli import output


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of SHELL.

    For bash: alcove completion bash > ~/.local/share/bash-completion/completions/alcove
    """
    import alcove.cli.main as entry

    known: dict[str, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
    output.print_text(known[shell](entry.alcove, {}, "alcove", "_ALCOVE_COMPLETE").source())
