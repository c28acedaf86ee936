"""Where one embedded cluster keeps its files and where it listens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PREFERRED_PORT = 6443
"""Taken when it is free and no other was asked for."""

STATE_DIRECTORY = "alcove"
"""What is ours in the user's state directory."""


@dataclass(frozen=True, slots=True)
class EmbeddedSettings:
    """The settings of one cluster."""

    data_directory: Path
    """Holds everything: database, keys, images, volumes, logs. Mode 0700."""
    port: int | None = None
    """The API's port on 127.0.0.1; None: the port of the last start, else a free one."""

    @property
    def database(self) -> Path:
        """Every object of the cluster."""
        return self.data_directory / "cluster.db"

    @property
    def keys(self) -> Path:
        """The certificate authority and the token key."""
        return self.data_directory / "pki"

    @property
    def images(self) -> Path:
        """Layers and their index."""
        return self.data_directory / "images"

    @property
    def pods(self) -> Path:
        """Volumes, writable layers and logs of pods."""
        return self.data_directory / "pods"

    @property
    def volumes(self) -> Path:
        """The directories of PersistentVolumes."""
        return self.data_directory / "volumes"

    @property
    def log(self) -> Path:
        """What the daemon says."""
        return self.data_directory / "daemon.log"

    @property
    def record(self) -> Path:
        """The running daemon's pid, start time and server."""
        return self.data_directory / "daemon.json"

    @property
    def control(self) -> Path:
        """The daemon's Unix socket for its own commands."""
        return self.data_directory / "control.sock"

    @property
    def image_socket(self) -> Path:
        """The node's Unix socket for images, absolute: pods mount it."""
        return self.data_directory.absolute() / "images.sock"

    @property
    def builds(self) -> Path:
        """The contexts of image builds that run."""
        return self.data_directory / "builds"


def default_data_directory(environment: Mapping[str, str], home: Path) -> Path:
    """Give the data directory of a user who names none: the XDG state directory."""
    state = environment.get("XDG_STATE_HOME", "")
    return (Path(state) if state.startswith("/") else home / ".local" / "state") / STATE_DIRECTORY / "cluster"
