"""What the process of a builder is told by its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from alcove import errors
from alcove.builds import pods
from alcove.builds.identity import IdentitySettings
from alcove.builds.requests import PORT


@dataclass(frozen=True, slots=True)
class BuilderProcessSettings:
    """One builder."""

    identity: IdentitySettings
    runtime: str
    """The kind of the node's runtime."""
    refusal: str = ""
    """Why no image can be made for it; empty when one can."""
    socket: Path = Path(pods.SOCKET)
    state: Path = Path(pods.STATE)
    run: Path = Path("/run/alcove-build")
    host: str = ""
    """Where to listen; empty for everywhere."""
    port: int = PORT

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> BuilderProcessSettings:
        """Read what the control plane put there.

        Raises:
            UsageError: something is missing.
        """
        runtime = environment.get(pods.RUNTIME, "")
        if not runtime:
            raise errors.UsageError(
                f"the environment lacks {pods.RUNTIME}",
                hint="builders run in a cluster, where the control plane starts them",
            )
        refusal = environment.get(pods.REFUSAL, "")
        return cls(IdentitySettings.from_env(environment), runtime, refusal)
