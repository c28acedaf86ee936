"""What changes and refuses writes (room: admission)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from alcove.embedded.objects import Object, ResourceType
from alcove.embedded.ports.identity import UserInfo


@dataclass(frozen=True, slots=True)
class AdmissionRequest:
    """One write on its way into the store."""

    operation: str
    """``CREATE``, ``UPDATE``, ``DELETE`` or ``CONNECT``."""
    resource_type: ResourceType
    subresource: str
    namespace: str
    name: str
    object: Object | None
    """The new object; None for DELETE."""
    old: Object | None
    """The stored object; None for CREATE."""
    user: UserInfo
    dry_run: bool = False
    options: Object = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    """Filled by admission: texts for ``Warning`` response headers."""


class Admission(Protocol):
    """Changes and refuses writes (room: admission)."""

    async def mutate(self, request: AdmissionRequest) -> Object | None:
        """Give the object as the in-tree plugins and mutating webhooks leave it (None for DELETE).

        Raises:
            ApiError: what a plugin or webhook refused, or a webhook that failed with ``failurePolicy: Fail``.
        """

    async def validate(self, request: AdmissionRequest) -> None:
        """Ask the validating plugins and webhooks.

        Raises:
            ApiError: as for ``mutate``.
        """
