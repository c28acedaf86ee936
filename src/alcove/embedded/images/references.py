"""Image references: ``nginx`` is short for ``docker.io/library/nginx:latest``."""

from __future__ import annotations

import re
from typing import NamedTuple

from alcove.embedded.ports import ImageError

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_REGISTRY = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,512}")
_MAX_LENGTH = 255


class Reference(NamedTuple):
    """A reference with everything that is left out of it filled in."""

    registry: str
    repository: str
    tag: str
    """Empty when there is a digest, which alone counts then."""
    digest: str

    @property
    def name(self) -> str:
        """The reference without tag and digest."""
        return f"{self.registry}/{self.repository}"

    def __str__(self) -> str:
        """Give the normal form, by which images are found."""
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.tag}"


def parse_reference(text: str) -> Reference:
    """Read a reference.

    Raises:
        ImageError: reason ``InvalidImageName``, with the text that the kubelet shows.
    """
    rest, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise _invalid(text, "invalid reference format")
    head, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        head, tag = rest, ""
    elif not _TAG.fullmatch(tag):
        raise _invalid(text, "invalid reference format")
    registry, repository = _split(head)
    if not _REPOSITORY.fullmatch(repository):
        if repository.lower() != repository and _REPOSITORY.fullmatch(repository.lower()):
            what = f"invalid reference format: repository name ({repository}) must be lowercase"
            raise _invalid(text, what)
        raise _invalid(text, "invalid reference format")
    if not _REGISTRY.fullmatch(registry) or len(repository) > _MAX_LENGTH:
        raise _invalid(text, "invalid reference format")
    return Reference(registry, repository, "" if digest else tag or "latest", digest)


def _split(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if not slash or not (set(first) & {".", ":"} or first == "localhost" or first != first.lower()):
        first, rest = "docker.io", name
    if first == "index.docker.io":
        first = "docker.io"
    if first == "docker.io" and "/" not in rest:
        rest = f"library/{rest}"
    return first, rest


def _invalid(text: str, why: str) -> ImageError:
    return ImageError("InvalidImageName", f"couldn't parse image name {text[:300]!r}: {why}")


def normalise(text: str) -> str:
    """Give the normal form of a reference; ImageError as ``parse_reference``."""
    return str(parse_reference(text))
