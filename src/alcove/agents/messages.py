"""What hub and agent say to each other; ``frames`` says in which order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from alcove.agents.errors import FramingError
from alcove.agents.kinds import (
    BYTES,
    DIGEST,
    FLAG,
    I32,
    LETTER,
    REST,
    REST_TEXT,
    TEXT,
    TEXTS,
    U8,
    U16,
    U32,
    U64,
    Kind,
)

VERSION = 1
WITH_INPUT, WITH_LOG = 1, 2
PLAIN = ("",)
"""As a command: what the pod or its image says, whatever the session wanted when it was built."""


class State(IntEnum):
    """What the container's command is doing."""

    WAITING = 0
    """Not started yet in this container's life."""
    RUNNING = 1
    ENDED = 2
    """By itself, or stopped."""
    HELD = 3
    """Nothing starts before a hub says so."""


def _state(number: int) -> State:
    try:
        return State(number)
    except ValueError as error:
        raise FramingError(f"there is no state {number}") from error


STATE = Kind(U8.write, lambda reader: _state(U8.read(reader)))


@dataclass(frozen=True, slots=True)
class Message:
    """One message; the fields of each are written in their order."""

    TYPE: ClassVar[int]
    LAYOUT: ClassVar[tuple[Kind, ...]] = ()


@dataclass(frozen=True, slots=True)
class HubHello(Message):
    """The first from a hub."""

    TYPE = 0
    LAYOUT = (U16, TEXT)
    version: int
    session: str


@dataclass(frozen=True, slots=True)
class AgentHello(Message):
    """The first from an agent, and what it is."""

    TYPE = 0
    LAYOUT = (U16, TEXT, TEXT, TEXT, TEXT, STATE, U32, I32, U32, TEXT)
    version: int
    session: str
    role: str
    """``run`` or ``build``."""
    applied: str
    """The last manifest that was committed; empty: as the image is; ``?``: only partly."""
    instance: str
    """Differs between agents' lives, and so between a container's."""
    state: State
    pid: int
    """Of the command; 0 when none runs."""
    exit: int
    """Of the command that ended: its code, or the negative number of its signal."""
    uid: int
    workdir: str


@dataclass(frozen=True, slots=True)
class Begin(Message):
    """A batch of changes below ``root``, an absolute path that is made when it is missing."""

    TYPE = 1
    LAYOUT = (TEXT,)
    root: str


@dataclass(frozen=True, slots=True)
class File(Message):
    """A file, whose content follows as ``Data`` until there are ``size`` bytes."""

    TYPE = 2
    LAYOUT = (TEXT, U32, U64, DIGEST)
    path: str
    mode: int
    size: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Data(Message):
    """A part of the file that was named last."""

    TYPE = 3
    LAYOUT = (REST,)
    content: bytes


@dataclass(frozen=True, slots=True)
class Link(Message):
    """A symbolic link."""

    TYPE = 4
    LAYOUT = (TEXT, TEXT)
    path: str
    target: str


@dataclass(frozen=True, slots=True)
class Directory(Message):
    """A directory; one that is there keeps what is in it."""

    TYPE = 5
    LAYOUT = (TEXT, U32)
    path: str
    mode: int


@dataclass(frozen=True, slots=True)
class Remove(Message):
    """Something that shall not be there, and all below it."""

    TYPE = 6
    LAYOUT = (TEXT,)
    path: str


@dataclass(frozen=True, slots=True)
class Mode(Message):
    """Another mode of what is there."""

    TYPE = 7
    LAYOUT = (TEXT, U32)
    path: str
    mode: int


@dataclass(frozen=True, slots=True)
class Commit(Message):
    """The end of a batch: what the tree is then."""

    TYPE = 8
    LAYOUT = (TEXT,)
    applied: str


@dataclass(frozen=True, slots=True)
class Tree(Message):
    """What is below ``root``, or at these paths below it."""

    TYPE = 9
    LAYOUT = (TEXT, TEXTS)
    root: str
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run(Message):
    """A command beside the container's own."""

    TYPE = 10
    LAYOUT = (TEXTS, TEXTS, TEXT, U8)
    argv: tuple[str, ...]
    env: tuple[str, ...] = ()
    """``KEY=value``, added to the agent's own."""
    workdir: str = ""
    flags: int = 0
    """``WITH_INPUT`` and ``WITH_LOG``, or'ed."""


@dataclass(frozen=True, slots=True)
class Input(Message):
    """A part of what a command reads."""

    TYPE = 11
    LAYOUT = (REST,)
    content: bytes


@dataclass(frozen=True, slots=True)
class InputEnd(Message):
    """No more of it."""

    TYPE = 12


@dataclass(frozen=True, slots=True)
class Signal(Message):
    """A signal for a command and its process group."""

    TYPE = 13
    LAYOUT = (U8,)
    number: int


@dataclass(frozen=True, slots=True)
class Stop(Message):
    """The container's command shall end, and every process with one of these names."""

    TYPE = 14
    LAYOUT = (TEXTS, U32)
    names: tuple[str, ...]
    grace_ms: int


@dataclass(frozen=True, slots=True)
class Start(Message):
    """The container's command shall be this from now on; without argv, what it was originally."""

    TYPE = 15
    LAYOUT = (TEXTS, TEXTS, TEXT)
    argv: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    workdir: str = ""


@dataclass(frozen=True, slots=True)
class Ping(Message):
    """Are you there."""

    TYPE = 16


@dataclass(frozen=True, slots=True)
class Log(Message):
    """For the container's log, while it waits for its image."""

    TYPE = 32
    LAYOUT = (REST,)
    content: bytes


@dataclass(frozen=True, slots=True)
class Built(Message):
    """The image is there, and says this."""

    TYPE = 33
    LAYOUT = (TEXTS, TEXTS, TEXT, TEXT, TEXTS)
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    workdir: str = ""
    user: str = ""
    env: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings(Message):
    """How the session wants the container's command; an empty ``argv`` leaves it as it is."""

    TYPE = 34
    LAYOUT = (TEXTS, TEXTS, TEXT, FLAG)
    argv: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    workdir: str = ""
    hold: bool = False


@dataclass(frozen=True, slots=True)
class BuildFailed(Message):
    """There is no image yet, because of this."""

    TYPE = 35
    LAYOUT = (REST_TEXT,)
    text: str


@dataclass(frozen=True, slots=True)
class Done(Message):
    """It was done; the value is what the request gives (a process, an exit code), or 0."""

    TYPE = 64
    LAYOUT = (I32,)
    value: int = 0


@dataclass(frozen=True, slots=True)
class Failed(Message):
    """It could not be done at this path (maybe empty), for this reason.

    ``partly`` tells of a batch: whether changes before it were made.
    """

    TYPE = 65
    LAYOUT = (TEXT, TEXT, FLAG)
    path: str
    reason: str
    partly: bool = False


@dataclass(frozen=True, slots=True)
class Entry(Message):
    """What is at a path."""

    TYPE = 66
    LAYOUT = (TEXT, LETTER, U32, U64, BYTES)
    path: str
    kind: str
    """``f`` file, ``l`` link, ``d`` directory, ``o`` any other, ``-`` nothing."""
    mode: int
    size: int
    content: bytes
    """The digest of a file (empty: it cannot be read), the target of a link."""


@dataclass(frozen=True, slots=True)
class Started(Message):
    """A command runs; as process 0 it could not start: its output says why."""

    TYPE = 67
    LAYOUT = (U32,)
    pid: int


@dataclass(frozen=True, slots=True)
class Output(Message):
    """What a command wrote."""

    TYPE = 68
    LAYOUT = (U8, REST)
    stream: int
    """1 or 2."""
    content: bytes


@dataclass(frozen=True, slots=True)
class Exited(Message):
    """A command ended: its code, or the negative number of its signal."""

    TYPE = 69
    LAYOUT = (I32,)
    code: int


@dataclass(frozen=True, slots=True)
class Error(Message):
    """Why the agent ends the connection."""

    TYPE = 70
    LAYOUT = (REST_TEXT,)
    text: str


@dataclass(frozen=True, slots=True)
class CommandStarted(Message):
    """The container's command started."""

    TYPE = 80
    LAYOUT = (U32,)
    pid: int


@dataclass(frozen=True, slots=True)
class CommandExited(Message):
    """The container's command ended: its code, or the negative number of its signal."""

    TYPE = 81
    LAYOUT = (I32,)
    code: int


Kinds = dict[int, type[Message]]


def _by_type(*messages: type[Message]) -> Kinds:
    return {message.TYPE: message for message in messages}


TO_AGENT = _by_type(
    *(HubHello, Begin, File, Data, Link, Directory, Remove, Mode, Commit, Tree, Run, Input, InputEnd),
    *(Signal, Stop, Start, Ping, Log, Built, Settings, BuildFailed),
)
TO_HUB = _by_type(
    *(AgentHello, Done, Failed, Entry, Started, Output, Exited, Error, CommandStarted, CommandExited)
)
