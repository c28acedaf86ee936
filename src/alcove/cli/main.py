"""The entry point: finds the command, runs it, and turns errors into words and exit codes."""

from __future__ import annotations

import importlib
import sys
from typing import NamedTuple, NoReturn

import click

from alcove import __version__, errors
from alcove.cli import output


class Lazy(NamedTuple):
    """A command that is imported when somebody runs it."""

    module: str
    attribute: str
    help: str


COMMANDS = {
    "cluster": Lazy("alcove.cli.cluster", "cluster", "The embedded cluster: Kubernetes on this machine."),
    "space": Lazy("alcove.cli.space", "space", "Spaces: make, select, list, show and remove them."),
    "up": Lazy("alcove.cli.up", "up", "Run source folders in the selected space, and follow every save."),
    "down": Lazy("alcove.cli.sessions", "down", "Remove what 'up' started."),
    "attach": Lazy("alcove.cli.sessions", "attach", "Follow a service that is up."),
    "logs": Lazy("alcove.cli.sessions", "logs", "Print what a service that is up prints."),
    "exec": Lazy("alcove.cli.sessions", "exec_command", "Run a command in a service's container."),
    "builder": Lazy("alcove.cli.builder", "builder", "Make images on a node (in a cluster)."),
    "hub": Lazy("alcove.cli.hub", "hub", "Run the hub of a space (in a cluster; 'up' does)."),
    "routes": Lazy("alcove.cli.routes", "routes", "Routing: who answers a request, and why."),
    "prep": Lazy("alcove.cli.prep", "prep", "Make a source folder ready for 'up'."),
    "show-context": Lazy(
        "alcove.cli.context", "show_context", "Show where commands go: cluster, selected space, host suffix."
    ),
    "controlplane": Lazy(
        "alcove.cli.controlplane", "controlplane", "Run the control plane (in a cluster; 'enable' does)."
    ),
    "canary": Lazy("alcove.cli.canary", "canary", "A service that says who it is (runs in pods)."),
    "enable": Lazy("alcove.cli.install", "enable", "Make a cluster ready for spaces."),
    "disable": Lazy("alcove.cli.install", "disable", "Take Alcove out of a cluster; namespaces stay."),
    "status": Lazy("alcove.cli.status", "status", "Show what runs: control plane, gateway, proxies."),
    "doctor": Lazy("alcove.cli.doctor", "doctor", "Check everything, with cause and hint for what is wrong."),
    "list-up": Lazy("alcove.cli.listing", "list_up", "List what runs in the selected space."),
    "list-uris": Lazy("alcove.cli.uris", "list_uris", "List the URIs of the selected space."),
    "images": Lazy("alcove.cli.images", "images", "Alcove's own images: build and export them."),
    "completion": Lazy("alcove.cli.completion", "completion", "Print the completion script of a shell."),
}


class LazyGroup(click.Group):
    """A group that lists its commands from a table and imports one only to run it.

    Import cost counts: ``alcove --help`` must answer within 150 ms.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command that is asked for."""
        lazy = COMMANDS.get(cmd_name)
        if lazy is None:
            return None
        command: click.Command = getattr(importlib.import_module(lazy.module), lazy.attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.help) for name, lazy in COMMANDS.items()])


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, "--version", prog_name="alcove", message="%(prog)s %(version)s")
def alcove() -> None:
    """Give every developer a private view of one shared Kubernetes cluster."""


def main() -> NoReturn:
    """Run the command line of this process and end it."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line; give its exit code: that of the error, 130 after Ctrl+C."""
    try:
        result = alcove.main(args=arguments, prog_name="alcove", standalone_mode=False)
    except click.exceptions.Abort:
        output.say_error("interrupted")
        return 130
    except click.ClickException as error:
        output.say_usage(error)
        return error.exit_code
    except errors.AlcoveError as error:
        output.say_error(error.message, cause=error.cause, hint=error.hint)
        return error.exit_code
    except BrokenPipeError:
        output.abandon_stdout()
        return 1
    return result if isinstance(result, int) else 0
