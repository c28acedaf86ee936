"""Certificates and their keys as Envoy gets them: the only resources that must not be seen."""

from __future__ import annotations

from typing import Any


class SecretBody(dict[str, Any]):
    """A ``Secret`` in the JSON mapping of protobuf, which shows nothing but its name."""

    def __repr__(self) -> str:
        return f"SecretBody({self.get('name')!r})"


def render_secret(name: str, chain: str, key: str) -> SecretBody:
    """Give the resource of a certificate with its intermediates and its key, all PEM."""
    pair = {"certificate_chain": {"inline_string": chain}, "private_key": {"inline_string": key}}
    return SecretBody(name=name, tls_certificate=pair)
