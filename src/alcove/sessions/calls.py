"""What the workstation asks of the hub, and what it is told.

Each connection begins with one *request*. ``Up`` is a conversation: the workstation pushes manifests
(``Push``, then bytes), the hub says what it lacks (``Wanted``, then digests), confirms (``Committed``) and
tells what happens (*events*) until either side goes away; the session lives on. ``Exec``, ``Dial`` and
``Logs`` carry bytes; ``Down`` and ``List`` are answered with one value.
"""

from __future__ import annotations

import msgspec

from alcove.sessions.settings import UpSettings

# ------------------------------------------------------------------------------ requests


class _Request(msgspec.Struct, frozen=True, rename="camel", tag_field="call"):
    """The first value of a connection."""


class Hello(_Request, frozen=True, tag="hello"):
    """Asks who is there."""


class Up(_Request, frozen=True, tag="up"):
    """Runs a project, or goes on with it."""

    settings: UpSettings
    manifest: str = ""
    """A tree against which the workstation can send changes; empty for none."""
    verbose: bool = False


class Attach(_Request, frozen=True, tag="attach"):
    """Follows a session's events."""

    session: str
    verbose: bool = False


class Exec(_Request, frozen=True, tag="exec"):
    """Runs a command in the container of a session."""

    session: str
    argv: tuple[str, ...]
    instance: str = ""
    """The pod; empty for the first one that runs."""
    stdin: bool = False
    replace: bool = False
    """Whether the command takes the place of the session's own for as long as it runs."""
    restore: bool = False
    """Whether the session's own command is started again afterwards."""


class Dial(_Request, frozen=True, tag="dial"):
    """Connects to a port of an instance, by its address: so that its proxy sees the request."""

    session: str
    port: int


class Logs(_Request, frozen=True, tag="logs"):
    """Streams what the instances print."""

    session: str
    follow: bool = True
    tail: int | None = None
    since: int | None = None
    """Seconds."""


class Down(_Request, frozen=True, tag="down"):
    """Removes a session and what it installed."""

    session: str


class List(_Request, frozen=True, tag="list"):
    """Asks for the sessions."""


Request = Hello | Up | Attach | Exec | Dial | Logs | Down | List

# ------------------------------------------------------------------------------ workstation to hub


class Push(msgspec.Struct, frozen=True, rename="camel", tag_field="push", tag="push"):
    """A manifest follows as bytes: the whole, or the changes since ``base``.

    With ``inline`` the contents of new files follow as well, in a second row of bytes.
    """

    manifest: str
    base: str = ""
    inline: bool = False


class ExecInput(msgspec.Struct, frozen=True, rename="camel", tag_field="push", tag="signal"):
    """A signal for the command of an ``Exec``."""

    signal: int


# ------------------------------------------------------------------------------ hub to workstation


class _Told(msgspec.Struct, frozen=True, rename="camel", tag_field="told"):
    """A value from the hub."""


class Greeting(_Told, frozen=True, tag="hello"):
    """Who is there."""

    version: str
    namespace: str
    persistent: bool
    """Whether sources outlive the hub's pod."""


class Base(_Told, frozen=True, tag="base"):
    """What the hub has of the project: changes can be sent against it."""

    session: str
    manifest: str
    """The tree of the session; empty while there is none."""
    base: str
    """The tree that the workstation named, if it is known."""
    synchronization: str
    synchronized_at: float


class Wanted(_Told, frozen=True, tag="wanted"):
    """The digests of contents that are missing follow as bytes, 32 each."""

    count: int


class Committed(_Told, frozen=True, tag="committed"):
    """A manifest is whole at the hub."""

    manifest: str
    synchronization: str
    synchronized_at: float


class Refused(_Told, frozen=True, tag="refused"):
    """What was pushed is not taken; what was taken before stays."""

    message: str
    cause: str = ""
    hint: str = ""
    whole: bool = False
    """Whether the whole tree would be taken."""


class PhaseBegan(_Told, frozen=True, tag="began"):
    """A phase of the work began: ``install``, ``build``, ``start``."""

    phase: str


class PhaseEnded(_Told, frozen=True, tag="ended"):
    """A phase ended."""

    phase: str
    seconds: float
    failed: bool = False


class Line(_Told, frozen=True, tag="line"):
    """One line that something printed: ``build``, ``helm``, ``command``, ``event``."""

    source: str
    text: str
    instance: str = ""


class Port(msgspec.Struct, frozen=True, rename="camel"):
    """A port that can be opened on the workstation."""

    service: str
    name: str
    port: int
    target: int
    """The container's."""


class Running(_Told, frozen=True, tag="running"):
    """The session serves."""

    instances: tuple[str, ...]
    ports: tuple[Port, ...] = ()
    hosts: tuple[str, ...] = ()
    """URLs by which it is entered from outside."""
    restarted: bool = False
    """Whether this is after an update by a new image."""


class Updated(_Told, frozen=True, tag="updated"):
    """One instance has the files of a manifest."""

    manifest: str
    instance: str
    kind: str
    """``copy``, ``restart``."""
    reason: str
    files: int
    seconds: float
    instances: int = 1
    """How many there are."""


class CommandStarted(_Told, frozen=True, tag="commandStarted"):
    """The command runs in an instance."""

    instance: str
    pid: int


class CommandEnded(_Told, frozen=True, tag="commandEnded"):
    """The command of an instance ended by itself."""

    instance: str
    code: int
    """Its exit code, or the negative number of a signal."""


class Notice(_Told, frozen=True, tag="notice"):
    """Something people should know; the work goes on."""

    message: str
    hint: str = ""


class Problem(_Told, frozen=True, tag="problem"):
    """What was asked for failed; the session waits for the next save."""

    message: str
    cause: str = ""
    hint: str = ""
    final: bool = False
    """Whether the call ends with it."""
    code: int = 1
    """The exit code of a command that ends with it."""


class SessionView(msgspec.Struct, frozen=True, rename="camel"):
    """One session, as lists show it."""

    id: str
    project: str
    directory: str
    client: str
    phase: str
    tag: str
    release: str
    instances: tuple[str, ...]
    message: str = ""
    updated: str = ""


class Sessions(_Told, frozen=True, tag="sessions"):
    """All sessions of the space."""

    sessions: tuple[SessionView, ...]


class Removed(_Told, frozen=True, tag="removed"):
    """A session is gone."""

    objects: tuple[str, ...]
    left: int
    """How many sessions the space still has."""


class Connected(_Told, frozen=True, tag="connected"):
    """From here on both directions are bytes: of a port, or of a command (stdout, stderr as values)."""

    instance: str


class Output(_Told, frozen=True, tag="output"):
    """The bytes that follow (up to a mark) are of this stream: 1 stdout, 2 stderr."""

    stream: int


class Exited(_Told, frozen=True, tag="exited"):
    """A command ended."""

    code: int


Told = (
    Greeting
    | Base
    | Wanted
    | Committed
    | Refused
    | PhaseBegan
    | PhaseEnded
    | Line
    | Running
    | Updated
    | CommandStarted
    | CommandEnded
    | Notice
    | Problem
    | Sessions
    | Removed
    | Connected
    | Output
    | Exited
)
FromWorkstation = Push | ExecInput

REQUEST: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)
PUSHED: msgspec.json.Decoder[FromWorkstation] = msgspec.json.Decoder(FromWorkstation)
TOLD: msgspec.json.Decoder[Told] = msgspec.json.Decoder(Told)

HUB_PORT = 15070
"""Where the hub listens on its pod's loopback."""
