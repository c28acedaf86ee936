"""What the rooms of the embedded cluster need of each other, as Protocols and the values that cross.

Each Protocol is implemented by the room that its docstring names and faked in tests by whoever needs it.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, NewType, Protocol

from alcove.embedded.faults import Cause
from alcove.embedded.objects import GroupResource, Object, ResourceType, StoredObject, WatchEvent

# ---------------------------------------------------------------------------------------------- schema


class SchemaNode(Protocol):
    """One place in a schema, as strategic merge, apply and validation walk it (room: schema).

    Built-in types and CRDs look the same through it.
    """

    @property
    def type(self) -> str:
        """``object``, ``array``, ``string``, ``integer``, ``number``, ``boolean``; empty: anything."""

    @property
    def list_type(self) -> str:
        """``atomic`` (default), ``set`` or ``map``: how apply merges this list."""

    @property
    def list_map_keys(self) -> tuple[str, ...]:
        """The keys that identify an entry of a ``map`` list, such as ``("containerPort", "protocol")``."""

    @property
    def map_type(self) -> str:
        """``granular`` (default) or ``atomic``: whether apply owns the entries or the whole."""

    @property
    def patch_strategies(self) -> frozenset[str]:
        """Of ``merge``, ``replace``, ``retainKeys``: how a strategic merge patch treats this field."""

    @property
    def patch_merge_key(self) -> str:
        """The key by which a strategic merge patch matches the entries of this list; may be empty."""

    def field(self, name: str) -> SchemaNode | None:
        """Give the node of a property (or of any entry of a map); None when the schema has no such field."""

    def items(self) -> SchemaNode | None:
        """Give the node of a list's entries."""

    def default_of(self, name: str) -> Any:
        """Give the default of property ``name``, None when it has none."""


class Catalog(Protocol):
    """The resource types that are served now and their schemas (room: schema)."""

    def types(self) -> Sequence[ResourceType]:
        """Give every type, built-in and custom, in discovery order (several versions of one are several)."""

    def find(self, group: str, version: str, plural: str) -> ResourceType | None:
        """Give the type that a request path names."""

    def preferred(self, resource: GroupResource) -> ResourceType | None:
        """Give the preferred version of a resource."""

    def for_kind(self, group: str, version: str, kind: str) -> ResourceType | None:
        """Give the type of an object's ``apiVersion`` and ``kind``."""

    def schema(self, resource_type: ResourceType) -> SchemaNode:
        """Give the schema of its objects."""

    def unknown_fields(self, resource_type: ResourceType, item: Object) -> list[str]:
        """Give the paths of fields that the schema does not have, as ``spec.containers[0].imagee``."""

    def prune(self, resource_type: ResourceType, item: Object) -> Object:
        """Give the object without its unknown fields (as Kubernetes drops them), the same one if none."""

    def default(self, resource_type: ResourceType, item: Object) -> Object:
        """Give the object with Kubernetes' defaults filled in; ``item`` itself is not changed."""

    def validate(self, resource_type: ResourceType, item: Object, old: Object | None) -> list[Cause]:
        """Give what is wrong with the object: types, required fields, rules, forbidden changes."""


# -------------------------------------------------------------------------------------------- identity


@dataclass(frozen=True, slots=True)
class UserInfo:
    """Who asks."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is asked, as an authorizer sees it."""

    user: UserInfo
    verb: str
    """``get``, ``list``, ``watch``, ``create``, ``update``, ``patch``, ``delete``, ``deletecollection``..."""
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""
    """Set instead of ``resource`` for requests outside of resources, such as ``/version``."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether it is allowed, and the reason in words."""

    allowed: bool
    reason: str = ""


class Authenticator(Protocol):
    """Tells who asks (room: identity)."""

    def authenticate_certificate(self, subject_common_name: str, organizations: Sequence[str]) -> UserInfo:
        """Give the user of a client certificate that our authority has signed."""

    def authenticate_token(
        self, token: str, audiences: Sequence[str] = ()
    ) -> tuple[UserInfo, tuple[str, ...]]:
        """Give the user of a bearer token and the audiences it is good for.

        Raises:
            ApiError: 401 when it is unknown, expired, for other audiences, or its object is gone.
        """


class Authorizer(Protocol):
    """Tells whether they may (room: identity)."""

    def authorize(self, attributes: Attributes) -> Verdict:
        """Decide from the RBAC objects of this moment."""


class TokenIssuer(Protocol):
    """Makes service-account tokens (room: identity)."""

    def issue(
        self,
        namespace: str,
        service_account: str,
        *,
        audiences: Sequence[str] = (),
        seconds: int = 3600,
        bound: Object | None = None,
    ) -> tuple[str, str]:
        """Give the token and its expiry (RFC 3339); ``bound`` is a boundObjectRef (Pod, Secret) with uid.

        Raises:
            ApiError: 404 when the account or the bound object does not exist.
        """


# ------------------------------------------------------------------------------------------- admission


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


# -------------------------------------------------------------------------------------------- registry


class ClusterReader(Protocol):
    """Reads at once from memory; what is given is shared and must not be changed (room: registry)."""

    def get(self, resource: GroupResource, namespace: str, name: str) -> Object | None:
        """Give the object, None when there is none."""

    def list(self, resource: GroupResource, namespace: str | None = None) -> Sequence[Object]:
        """Give a resource's objects, of one namespace or (None) all, ordered by namespace and name."""


class ClusterApi(ClusterReader, Protocol):
    """The API as the cluster's own components use it: no HTTP, no authorization, but all other rules.

    Every method raises ApiError as a client over HTTP would see it (room: registry).
    """

    def watch(self, *resources: GroupResource) -> AsyncIterator[WatchEvent]:
        """Yield ADDED for everything there is, one SYNCED, then each change, never losing one."""

    async def create(self, resource: GroupResource, item: Object) -> Object:
        """Create the object in its ``metadata.namespace``; give it as stored."""

    async def update(self, resource: GroupResource, item: Object, *, subresource: str = "") -> Object:
        """Replace it; 409 when ``metadata.resourceVersion`` is set and no longer current."""

    async def patch(
        self,
        resource: GroupResource,
        namespace: str,
        name: str,
        merge: Object,
        *,
        subresource: str = "",
    ) -> Object:
        """Apply a JSON merge patch; retried inside on concurrent writes."""

    async def delete(
        self,
        resource: GroupResource,
        namespace: str,
        name: str,
        *,
        uid: str = "",
        grace_seconds: int | None = None,
        propagation: str = "Background",
    ) -> None:
        """Delete it; 404 when it is gone, 409 when ``uid`` is another's."""


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What a list asks for, as in the query string."""

    label_selector: str = ""
    field_selector: str = ""
    limit: int = 0
    continue_token: str = ""
    resource_version: str = ""
    resource_version_match: str = ""


@dataclass(frozen=True, slots=True)
class ListResult:
    """One page of a list."""

    items: Sequence[StoredObject]
    revision: int
    continue_token: str = ""
    remaining: int = 0


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """What a watch asks for, as in the query string."""

    label_selector: str = ""
    field_selector: str = ""
    resource_version: str = ""
    allow_bookmarks: bool = False
    send_initial_events: bool = False
    resource_version_match: str = ""
    seconds: float | None = None


class RawEvent(NamedTuple):
    """One event of a watch over the wire."""

    type: str
    """``ADDED``, ``MODIFIED``, ``DELETED``, ``BOOKMARK`` or ``ERROR``."""
    stored: StoredObject | None
    """The object; None for BOOKMARK and ERROR."""
    revision: int = 0
    initial_end: bool = False
    """A BOOKMARK that ends the initial events (annotation ``k8s.io/initial-events-end``)."""
    status: Object | None = None
    """The Status of an ERROR."""


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """What every write carries besides the object."""

    user: UserInfo
    dry_run: bool = False
    field_manager: str = ""
    field_validation: str = "Warn"
    """``Strict``, ``Warn`` or ``Ignore`` (unknown fields are dropped)."""
    force: bool = False
    """Apply only: take fields over from other managers."""


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What a write left behind."""

    object: Object
    created: bool = False
    deleted: bool = True
    """Delete only: False when finalizers or a grace period keep the object for now."""
    warnings: tuple[str, ...] = ()
    """Texts for ``Warning`` response headers."""


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """The body of a delete."""

    grace_seconds: int | None = None
    propagation: str = ""
    """``Background`` (default), ``Foreground`` or ``Orphan``."""
    uid: str = ""
    resource_version: str = ""


class Registry(Protocol):
    """The verbs of the API after authentication and authorization (room: registry).

    ``namespace`` is empty for cluster-scoped types; in ``list`` and ``watch`` None means all namespaces.
    Every method raises ApiError.
    """

    def get(self, resource_type: ResourceType, namespace: str, name: str, *, subresource: str = "") -> Object:
        """Give the object, or its ``scale``."""

    def list(self, resource_type: ResourceType, namespace: str | None, options: ListOptions) -> ListResult:
        """Give one page, all of one revision."""

    def watch(
        self,
        resource_type: ResourceType,
        namespace: str | None,
        options: WatchOptions,
    ) -> AsyncIterator[RawEvent]:
        """Yield events from ``resource_version`` on; 410 (raised, or an ERROR event) when it is too old."""

    async def create(
        self,
        resource_type: ResourceType,
        namespace: str,
        item: Object,
        options: WriteOptions,
        *,
        name: str = "",
        subresource: str = "",
    ) -> WriteResult:
        """Create it (``generateName`` honoured); ``name`` and ``subresource`` for e.g. ``pods/binding``."""

    async def update(
        self,
        resource_type: ResourceType,
        namespace: str,
        name: str,
        item: Object,
        options: WriteOptions,
        *,
        subresource: str = "",
    ) -> WriteResult:
        """Replace it; ``subresource`` is ``status`` or ``scale``."""

    async def patch(
        self,
        resource_type: ResourceType,
        namespace: str,
        name: str,
        content_type: str,
        body: bytes,
        options: WriteOptions,
        *,
        subresource: str = "",
    ) -> WriteResult:
        """Apply one of the four kinds of patch; server-side apply creates what is not there."""

    async def delete(
        self,
        resource_type: ResourceType,
        namespace: str,
        name: str,
        delete: DeleteOptions,
        options: WriteOptions,
    ) -> WriteResult:
        """Delete it, or begin to."""

    async def delete_collection(
        self,
        resource_type: ResourceType,
        namespace: str,
        selection: ListOptions,
        delete: DeleteOptions,
        options: WriteOptions,
    ) -> ListResult:
        """Delete each object of the selection; give what was selected."""


# -------------------------------------------------------------------------------------------- launcher

NetnsId = NewType("NetnsId", int)
"""A network namespace held by the launcher."""

NODE_NETNS = NetnsId(0)
"""The node's own network namespace: the cluster's inside, apart from the machine's network."""

MACHINE_NETNS = NetnsId(-1)
"""The network namespace of the machine itself, in which image builds run."""


@dataclass(frozen=True, slots=True)
class Veth:
    """A routed link between the node's network namespace and a pod's."""

    name: str
    """The link's name in the node's namespace, at most 15 characters."""
    peer: str
    """Its name in the pod's."""
    netns: NetnsId
    address: str
    """The pod's IPv4 address, to which the node gets a route."""
    gateway: str
    """What the pod's default route goes through: any address, it is never asked for."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount inside a container's root."""

    target: str
    """Absolute path in the container; made when missing (a file when ``source`` is one)."""
    source: str = ""
    """A path of this machine for a bind mount; empty for a tmpfs."""
    read_only: bool = False
    size: str = ""
    """A tmpfs size such as ``64m``; empty for the kernel's default."""


@dataclass(frozen=True, slots=True)
class RootFilesystem:
    """What a container's ``/`` is made of."""

    layers: tuple[Path, ...]
    """Unpacked layers, lowest first, with overlayfs whiteouts."""
    machine_trees: tuple[str, ...] = ()
    """Directories of this machine (``/usr``) that show beneath the layers' directory of the same path."""
    upper: Path = Path()
    """Where its own writes go (the launcher makes ``upper`` and ``work`` directories in it)."""
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process to start: a container's first, or one beside it (exec)."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    directory: str = "/"
    user: int = 0
    group: int = 0
    groups: tuple[int, ...] = ()
    capabilities: tuple[str, ...] | None = None
    """Names without ``CAP_``; None keeps the container default set (that of containerd)."""
    no_new_privileges: bool = False
    tty: bool = False


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """One container to start."""

    id: str
    root: RootFilesystem
    mounts: tuple[Mount, ...]
    process: ProcessSpec
    netns: NetnsId
    hostname: str
    share_pids_with: str = ""
    """The id of a running container whose pid namespace it joins (shareProcessNamespace)."""
    sysctls: Mapping[str, str] = field(default_factory=dict)
    devices: bool = True
    privileged: bool = False


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a process ended."""

    code: int
    """The exit code; 128 + signal when a signal ended it."""
    signal: int = 0
    message: str = ""
    """Why it could not be started at all (``StartError``); empty otherwise."""


class Process(Protocol):
    """A started process (room: launcher)."""

    @property
    def pid(self) -> int:
        """Its pid as this machine sees it."""

    async def wait(self) -> ExitStatus:
        """Wait for its end; may be awaited by several and after it."""

    def kill(self, signal: int) -> None:
        """Send it a signal; nothing happens when it has ended."""


class Launcher(Protocol):
    """The process that owns namespaces, mounts and containers (room: launcher)."""

    async def create_netns(self) -> NetnsId:
        """Make a network namespace with its loopback up."""

    async def close_netns(self, netns: NetnsId) -> None:
        """Let it go; the kernel frees it when its last process and socket are gone."""

    async def open_socket(self, netns: NetnsId, family: int, kind: int) -> socket.socket:
        """Give a non-blocking socket that lives in ``netns`` (not bound or connected)."""

    async def run_tool(
        self, argv: Sequence[str], *, netns: NetnsId = NODE_NETNS, stdin: bytes = b""
    ) -> bytes:
        """Run a program of this machine inside ``netns``; give its stdout.

        Raises:
            ToolError: it is missing, or ended with another code than 0 (its stderr is the message).
        """

    async def set_sysctls(self, netns: NetnsId, sysctls: Mapping[str, str]) -> None:
        """Set kernel parameters (``net.ipv4.ip_forward``) of a network namespace."""

    async def create_veth(self, veth: Veth) -> None:
        """Connect a pod's namespace to the node's by a routed link, both ends up and configured."""

    async def move_link(self, name: str, netns: NetnsId, *, rename: str = "") -> None:
        """Move a network link of the node's namespace into ``netns``."""

    async def delete_route(self, address: str) -> None:
        """Forget the node's way to a pod's address; idempotent.

        The link itself goes with the pod's namespace: taking it away alone would hold the launcher for 40 ms.
        """

    async def start_container(
        self,
        spec: ContainerSpec,
        *,
        stdin: int | None,
        stdout: int,
        stderr: int,
    ) -> Process:
        """Mount the root and start the first process; the descriptors are duplicated.

        Raises:
            StartError: with reason ``CreateContainerError`` or ``StartError`` semantics and the message.
        """

    async def start_beside(
        self,
        container_id: str,
        process: ProcessSpec,
        *,
        stdin: int | None,
        stdout: int,
        stderr: int,
    ) -> Process:
        """Start one more process in a running container's namespaces (exec).

        With ``tty`` the descriptors are one pseudo-terminal's.
        """

    async def remove_container(self, container_id: str) -> None:
        """Kill whatever of it is left and unmount its root; idempotent."""


class ToolError(Exception):
    """A program of this machine failed; the message names it, its exit code and what it said."""


class StartError(Exception):
    """A process could not be started; the message is fit for a container status."""


# ------------------------------------------------------------------------------------ network and images


@dataclass(frozen=True, slots=True)
class PodAttachment:
    """A pod's place in the network."""

    netns: NetnsId
    address: str
    """Its IPv4 address; the node's for hostNetwork pods."""


class PodNetwork(Protocol):
    """Gives pods their addresses (room: network)."""

    @property
    def node_address(self) -> str:
        """The node's address, as pods see it; the API server and the DNS server listen there."""

    @property
    def dns_address(self) -> str:
        """The address to put into a pod's resolv.conf (the DNS Service's cluster address)."""

    async def attach(self, pod_uid: str, *, host_network: bool) -> PodAttachment:
        """Give the pod a namespace and an address; the same again for the same uid."""

    async def detach(self, pod_uid: str) -> None:
        """Take them back; idempotent."""

    def open_connection(
        self,
        netns: NetnsId,
        host: str,
        port: int,
        *,
        seconds: float,
    ) -> AbstractAsyncContextManager[tuple[Any, Any]]:
        """Connect by TCP from inside ``netns``; yields (StreamReader, StreamWriter).

        Raises:
            OSError: as for any connection; TimeoutError after ``seconds``.
        """


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """How an image wants to be run."""

    environment: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    directory: str = "/"
    user: str = ""
    """``uid``, ``uid:gid``, ``name`` or ``name:group``, resolved in the image's /etc/passwd."""
    ports: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """An image that is on this machine."""

    reference: str
    """Normalised: ``docker.io/library/nginx:latest``."""
    id: str
    """``sha256:...``"""
    layers: tuple[Path, ...]
    machine_trees: tuple[str, ...]
    config: ImageConfig
    stand_in: bool = False
    """This machine's own programs stand in for an image that could not be had."""


class ImageError(Exception):
    """An image cannot be had; ``reason`` is a waiting reason: ``ErrImageNeverPull``, ``ErrImagePull``."""

    def __init__(self, reason: str, message: str) -> None:
        """Keep the waiting reason apart from the text."""
        super().__init__(message)
        self.reason = reason


class ImageStore(Protocol):
    """The images of this machine (room: images)."""

    async def resolve(self, reference: str, pull_policy: str) -> Image:
        """Give the image for a container.

        Raises:
            ImageError: with the waiting reason to show.
        """

    def images(self) -> Sequence[Image]:
        """Give every image (for the node's status)."""


class StepRunner(Protocol):
    """Runs one RUN of a Dockerfile (room: kubelet or launcher, given to images)."""

    def __call__(
        self,
        root: RootFilesystem,
        process: ProcessSpec,
        output: Callable[[bytes], None],
    ) -> Awaitable[ExitStatus]:
        """Run it to its end with the machine's network; writes land in ``root.upper``."""


# -------------------------------------------------------------------------------------------- kubelet


@dataclass(frozen=True, slots=True)
class LogQuery:
    """What ``pods/log`` asks for."""

    container: str = ""
    follow: bool = False
    previous: bool = False
    since_seconds: int | None = None
    since_time: str = ""
    timestamps: bool = False
    tail_lines: int | None = None
    limit_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ExecRequest:
    """What ``pods/exec`` asks for."""

    namespace: str
    pod: str
    container: str
    command: tuple[str, ...]
    stdin: bool = False
    stdout: bool = True
    stderr: bool = True
    tty: bool = False


class ExecSession(Protocol):
    """A running exec, as the wire side drives it (room: kubelet)."""

    async def write_stdin(self, content: bytes) -> None:
        """Pass input on; waits while the process does not read."""

    async def close_stdin(self) -> None:
        """Tell the process that no more comes."""

    def resize(self, columns: int, rows: int) -> None:
        """Set the terminal's size."""

    def output(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (1 stdout or 2 stderr, content) until both have ended."""

    async def wait(self) -> ExitStatus:
        """Wait for the process's end."""


class PodAccess(Protocol):
    """What users reach of running pods (room: kubelet)."""

    def read_log(self, namespace: str, pod: str, query: LogQuery) -> AsyncIterator[bytes]:
        """Yield the log; ApiError 400 when the container is unknown or has not started, 404 without pod."""

    def open_exec(self, request: ExecRequest) -> AbstractAsyncContextManager[ExecSession]:
        """Start a command in a container and end it with the block."""

    def open_port(self, namespace: str, pod: str, port: int) -> AbstractAsyncContextManager[tuple[Any, Any]]:
        """Connect to a port on the pod's own loopback; yields (StreamReader, StreamWriter)."""
