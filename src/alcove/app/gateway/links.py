"""One way into a service from outside."""

from __future__ import annotations

from dataclasses import dataclass, field

from alcove.app.gateway.reaching import Entrance
from alcove.model import ServiceName, SpaceName


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """A host and path, who answers there, and by which entrance."""

    scheme: str
    host: str
    path: str
    space: SpaceName
    service: ServiceName
    entrance: Entrance = field(compare=False)

    @property
    def uri(self) -> str:
        """Give it as people type it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}{self.entrance.port_of(self.scheme)}{self.path}"
