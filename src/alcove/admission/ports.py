"""The ports that a pod's containers declare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alcove.admission import markers


def tcp_ports(container: Mapping[str, Any]) -> list[tuple[int, str]]:
    """Give number and name of each TCP port that a container declares."""
    return [
        (port["containerPort"], str(port.get("name") or ""))
        for port in markers.sequence(container, "ports")
        if port.get("protocol", "TCP") == "TCP" and type(port.get("containerPort")) is int
    ]
