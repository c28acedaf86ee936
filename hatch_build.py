"""Puts the agent into wheels (for every architecture) and editable installs (for this machine's).

The compiler is asked for only when a program is stale: it is large, and most installs need none.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class AgentHook(BuildHookInterface[Any]):
    """The build hook."""

    def dependencies(self) -> list[str]:
        """Give the compiler's requirement when it will be needed."""
        agents = _build_agent(Path(self.root))
        wanted = _wanted(agents, editable=_is_asked_for_editable())
        return [agents.compiler_requirement(Path(self.root))] if agents.stale(Path(self.root), wanted) else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build what is stale before files are collected; ``version`` is that of the build, not ours."""
        agents = _build_agent(Path(self.root))
        agents.build(Path(self.root), _wanted(agents, editable=version == "editable"))


def _wanted(agents: ModuleType, *, editable: bool) -> list[str]:
    """Give the architectures to build for; a machine of another kind gets none, and runs no containers."""
    known: tuple[str, ...] = agents.ARCHITECTURES
    return [name for name in known if not editable or name == agents.this_architecture()]


def _build_agent(root: Path) -> ModuleType:
    """Load ``scripts/build_agent.py``: the project is no package while it is built."""
    spec = importlib.util.spec_from_file_location("build_agent", root / "scripts" / "build_agent.py")
    assert spec and spec.loader  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _is_asked_for_editable() -> bool:
    """Tell whether PEP 660's question is being answered: hooks are told what is built only when it is."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_code.co_name != "get_requires_for_build_editable":
        frame = frame.f_back
    return frame is not None
