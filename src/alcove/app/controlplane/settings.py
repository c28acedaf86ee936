"""What the process of the control plane is told by its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from alcove import errors


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """How long changes are collected before they are compiled, in seconds."""

    hold_off: float = 0.02
    """A change waits so long for others."""
    longest: float = 0.1
    """No change waits longer, however many come."""


@dataclass(frozen=True, slots=True)
class LeaseSettings:
    """How the one writer is found, in seconds; as Kubernetes' own controllers have it."""

    duration: float = 15.0
    """After so long without renewal anybody may take the lease."""
    renew: float = 5.0
    """How often the holder renews it, and others look."""


@dataclass(frozen=True, slots=True)
class ControlPlaneSettings:
    """One replica."""

    pod: str
    """Its pod's name: who holds the lease."""
    proxy_image: str
    namespace: str = "azds"
    service: str = "alcove"
    """The Service by which API server and proxies reach the control plane."""
    builder_image: str = ""
    """The image of builder pods; empty: there are none."""
    pull_policy: str = "IfNotPresent"
    host: str = "0.0.0.0"  # noqa: S104  # in a pod of its own
    https_port: int = 8443
    xds_port: int = 15010
    batch: BatchSettings = field(default_factory=BatchSettings)
    lease: LeaseSettings = field(default_factory=LeaseSettings)

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> ControlPlaneSettings:
        """Read ``ALCOVE_POD_NAME``, ``ALCOVE_PROXY_IMAGE`` and, where they differ from the usual, the others.

        Raises:
            UsageError: one that is needed is missing.
        """
        missing = [name for name in ("ALCOVE_POD_NAME", "ALCOVE_PROXY_IMAGE") if not environment.get(name)]
        if missing:
            raise errors.UsageError(
                f"the environment lacks {', '.join(missing)}",
                hint="the control plane runs in a cluster, where 'alcove enable' puts it",
            )
        return cls(
            pod=environment["ALCOVE_POD_NAME"],
            proxy_image=environment["ALCOVE_PROXY_IMAGE"],
            builder_image=environment.get("ALCOVE_BUILDER_IMAGE", ""),
            namespace=environment.get("ALCOVE_NAMESPACE") or "azds",
            pull_policy=environment.get("ALCOVE_PULL_POLICY") or "IfNotPresent",
        )
