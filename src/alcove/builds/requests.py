"""What a hub asks of a builder, what it is answered, and both as bytes.

A question is one line of JSON, followed by the tar of the build's directory; an answer is lines of JSON, of
which the last says how it ended::

    {"line": "Step 1/3 : FROM python:3.12-slim"}
    {}                                            nothing new, but somebody is there
    {"built": {"entrypoint": [], "cmd": ["python", "app.py"], ...}}
    {"failed": {"message": "...", "step": "RUN make", "hint": "..."}}
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from alcove.errors import AlcoveError
from alcove.sessions.ids import RANDOM_DIGITS, Tag, belongs_to, new_session_id, parse_tag

PORT = 8443
"""Where builders listen."""
BUILD_PATH, IMAGE_PATH, COPY_PATH = "/v1/builds", "/v1/image", "/v1/copy"
LONGEST_REQUEST = 1 << 20
"""Bytes of the line that says what is to be built."""
LONGEST_EVENT = 1 << 20
ALIVE = b"{}\n"
"""Sent while there is nothing to say, so that each side notices when the other is gone."""

_LABEL = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REGISTRY = r"(?:[A-Za-z0-9]+(?:[.-]+[A-Za-z0-9]+)*(?::[0-9]+)?/)?"
_VERSION = r"(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
_IMAGE = re.compile(rf"{_REGISTRY}{_LABEL}(?:/{_LABEL})*{_VERSION}", re.ASCII)
_ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_NAME = 512


class RequestError(AlcoveError):
    """A question that no builder can answer; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What is to be built."""

    image: str
    """The name as the pod has it, with the tag of a session."""
    dockerfile: str = "Dockerfile"
    """Where it is in the build's directory."""
    target: str = ""
    """The stage; empty for the last."""
    args: Mapping[str, str] = field(default_factory=dict)
    auth: str = field(default="", repr=False)
    """What may be pulled, as the content of a ``config.json`` of Docker; empty for what everybody may."""


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What an image says of the program that it is for."""

    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    workdir: str = ""
    user: str = ""
    env: tuple[str, ...] = ()
    """``NAME=VALUE`` each."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the build's output."""

    text: str


@dataclass(frozen=True, slots=True)
class Built:
    """The image is on the node."""

    config: ImageConfig


@dataclass(frozen=True, slots=True)
class Failed:
    """There is no image."""

    message: str
    """What happened; the step is not said again."""
    step: str = ""
    """The instruction that failed; empty when it was none."""
    hint: str = ""


BuildEvent = Line | Built | Failed


def check_request(request: BuildRequest, namespace: str) -> Tag:
    """Give the tag that ``namespace`` asks to have built.

    Raises:
        RequestError: it is not the namespace's, or the question makes no sense.
    """
    tag = check_image(request.image, namespace)
    path = request.dockerfile
    if not path or path.startswith("/") or "\\" in path or "\0" in path or ".." in path.split("/"):
        raise RequestError(f"the Dockerfile {path!r} is not a path inside of the build's directory")
    for name, value in request.args.items():
        if not _ARGUMENT.fullmatch(name) or "\0" in value:
            raise RequestError(f"{name!r} is no name of a build argument")
    if request.target.startswith("-") or "\0" in request.target:
        raise RequestError(f"{request.target!r} is no name of a stage")
    return tag


def check_image(image: str, namespace: str) -> Tag:
    """Give the tag of an image's name.

    Raises:
        RequestError: it is no name, or not that of an image of a session of this namespace.
    """
    check_name(image)
    text = image_tag(image)
    tag = parse_tag(text)
    if tag is None or "@" in image:
        raise RequestError(f"{image} is not an image of a session", hint="its tag must be $(tag)")
    if not belongs_to(text, namespace):
        raise RequestError(f"{image} belongs to another space")
    return tag


def check_name(image: str) -> None:
    """Make sure that a text is the name of an image.

    Raises:
        RequestError: it is not.
    """
    if len(image) > _LONGEST_NAME or not _IMAGE.fullmatch(image):
        raise RequestError(f"{image[:_LONGEST_NAME]!r} is no name of an image")


def is_foreign(image: str, namespace: str) -> bool:
    """Tell whether an image was built for a session of another namespace: what is in it is theirs."""
    text = image_tag(image)
    return parse_tag(text) is not None and not belongs_to(text, namespace)


def space_key(namespace: str) -> str:
    """Give what stands for a namespace in names of files: what the ids of its sessions begin with."""
    return new_session_id(namespace, "0" * RANDOM_DIGITS)[1:-RANDOM_DIGITS]


def image_tag(image: str) -> str:
    """Give the tag in an image's name; ``latest`` when there is none."""
    last = image.partition("@")[0].rpartition("/")[2]
    return last.partition(":")[2] or "latest"


def full_name(image: str) -> str:
    """Give the name with registry and tag, as containerd knows images: ``docker.io/library/web:1``."""
    first, slash, _ = image.partition("/")
    has_registry = slash and (set(first) & {".", ":"} or first == "localhost")
    named = image if has_registry else f"docker.io/{image if slash else f'library/{image}'}"
    tagged = "@" in named or ":" in named.rpartition("/")[2]
    return named if tagged else f"{named}:latest"


def is_plain_path(path: str) -> bool:
    """Tell whether a path is absolute and as short as it can be."""
    return path.startswith("/") and "\0" not in path and posixpath.normpath(path) == (path.rstrip("/") or "/")


def encode_request(request: BuildRequest) -> bytes:
    """Give the line that begins a question."""
    return msgspec.json.encode(request) + b"\n"


def decode_request(line: bytes) -> BuildRequest:
    """Read such a line.

    Raises:
        RequestError: it is none.
    """
    try:
        return msgspec.json.decode(line, type=BuildRequest)
    except ValueError as error:  # msgspec's errors are ValueErrors, and quote no content
        raise RequestError("this is no question to a builder", cause=str(error)) from error


class _Event(msgspec.Struct, omit_defaults=True):
    line: str | None = None
    built: ImageConfig | None = None
    failed: Failed | None = None


def encode_event(event: BuildEvent) -> bytes:
    """Give the line that says an event."""
    if isinstance(event, Line):
        said = _Event(line=event.text)
    elif isinstance(event, Built):
        said = _Event(built=event.config)
    else:
        said = _Event(failed=event)
    return msgspec.json.encode(said) + b"\n"


def decode_event(line: bytes) -> BuildEvent | None:
    """Read such a line; None for one that says nothing.

    Raises:
        RequestError: it is none.
    """
    try:
        said = msgspec.json.decode(line, type=_Event)
    except ValueError as error:
        raise RequestError("this is no answer of a builder", cause=str(error)) from error
    if said.failed is not None:
        return said.failed
    if said.built is not None:
        return Built(said.built)
    return Line(said.line) if said.line is not None else None
