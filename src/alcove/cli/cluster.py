"""``alcove cluster``: the embedded cluster of this machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from alcove.app.embedded import kubeconfig, lifecycle, settings
from alcove.cli import output


def _data_dir_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--data-dir",
        type=click.Path(path_type=Path, file_okay=False),
        default=None,
        help="The cluster's directory; several clusters live side by side in several.",
    )(command)


def _settings(data_dir: Path | None, port: int | None = None) -> settings.EmbeddedSettings:
    chosen = data_dir or settings.default_data_directory(os.environ, Path.home())
    return settings.EmbeddedSettings(chosen.absolute(), port)


def _kubeconfig_path() -> Path:
    return kubeconfig.kubeconfig_path(os.environ, Path.home())


@click.group()
def cluster() -> None:
    """Run Kubernetes on this machine: no Docker, no download, ready in about a second."""


@cluster.command()
@click.option("--foreground", is_flag=True, help="Stay in this terminal; Ctrl+C ends the cluster.")
@click.option("--port", type=click.IntRange(1, 65535), default=None, help="The API's port on 127.0.0.1.")
@_data_dir_option
@output.progress_option
def start(foreground: bool, port: int | None, data_dir: Path | None, progress: str) -> None:
    """Start the cluster and add the context 'alcove' to the kubeconfig file."""
    chosen = _settings(data_dir, port)
    said = output.Progress(progress)
    if foreground:
        lifecycle.make_private(chosen.data_directory)
        argv = lifecycle.daemon_argv(chosen, _kubeconfig_path())
        os.execv(argv[0], argv)  # noqa: S606 - the daemon takes this terminal's place
    already = lifecycle.running(chosen)
    if already is not None:
        said.say(f"The cluster runs already: {already.server} (pid {already.pid})")
        return
    report = lifecycle.start_cluster(chosen, _kubeconfig_path())
    said.say(f"Cluster ready in {report['seconds']:.1f} s: {report['server']}")
    said.say(f"Context '{report['context']}' is current in {_kubeconfig_path()}")


@cluster.command()
@_data_dir_option
@output.progress_option
def stop(data_dir: Path | None, progress: str) -> None:
    """Stop the cluster; its objects stay for the next start."""
    ended = lifecycle.stop_cluster(_settings(data_dir))
    output.Progress(progress).say("Cluster stopped" if ended else "The cluster does not run")


@cluster.command()
@_data_dir_option
@output.format_option
def status(data_dir: Path | None, output_format: str) -> None:
    """Show whether the cluster runs, and where."""
    output.print_record(lifecycle.read_status(_settings(data_dir)).document(), output_format)


@cluster.command()
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@_data_dir_option
@output.progress_option
def reset(yes: bool, data_dir: Path | None, progress: str) -> None:
    """Stop the cluster and remove everything of it from this machine."""
    chosen = _settings(data_dir)
    if not yes:
        click.confirm(
            f"Remove the cluster in {chosen.data_directory} with all its objects?", abort=True, err=True
        )
    lifecycle.reset_cluster(chosen)
    kubeconfig.remove_context(_kubeconfig_path(), chosen.data_directory)
    output.Progress(progress).say("Cluster removed")


@cluster.command("load-image")
@click.argument("source", type=click.Path(path_type=Path), metavar="TAR|DIR")
@click.argument("name")
@_data_dir_option
@output.progress_option
def load_image(source: Path, name: str, data_dir: Path | None, progress: str) -> None:
    """Load an image archive (docker save, OCI), or build a directory that has a Dockerfile, as NAME."""
    said = output.Progress(progress)
    image = lifecycle.load_image(_settings(data_dir), source, name, said.say)
    said.say(f"Image {name} is {image}")


@cluster.command()
@click.option("-f", "--follow", is_flag=True, help="Go on with what is said from now on.")
@_data_dir_option
def logs(follow: bool, data_dir: Path | None) -> None:
    """Print what the cluster's daemon says."""
    output.print_file(_settings(data_dir).log, follow=follow)


@cluster.command("kubeconfig")
@_data_dir_option
def print_kubeconfig(data_dir: Path | None) -> None:
    """Print a kubeconfig of this cluster alone."""
    output.print_text(lifecycle.read_kubeconfig(_settings(data_dir)))
