"""Where a user's settings are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def user_directory(environment: Mapping[str, str], home: Path) -> Path:
    """Give Alcove's directory among the user's settings (XDG; a relative value does not count)."""
    config = environment.get("XDG_CONFIG_HOME", "")
    return (Path(config) if config.startswith("/") else home / ".config") / "alcove"
