"""The name of the context that a kubeconfig makes current."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml


def kubeconfig_paths(environment: Mapping[str, str], home: Path) -> list[Path]:
    """Give the files in which kubectl looks, in order."""
    listed = [Path(part) for part in environment.get("KUBECONFIG", "").split(os.pathsep) if part]
    return listed or [home / ".kube" / "config"]


def current_context(paths: Iterable[Path]) -> str:
    """Give what the first file that names a current context says, nothing when none does.

    Files that cannot be read are passed over: whoever opens the cluster says what is wrong with them.
    """
    for path in paths:
        try:
            document = yaml.safe_load(path.read_text())
        except (OSError, ValueError, yaml.YAMLError):
            continue
        if isinstance(document, dict) and isinstance(name := document.get("current-context"), str) and name:
            return name
    return ""
