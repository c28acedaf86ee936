"""What the rooms of the embedded cluster need of each other, as Protocols and the values that cross.

Each Protocol is implemented by the room that its docstring names and faked in tests by whoever needs it.
Rooms import the names from here; the modules only keep them apart by who implements them.
"""

from alcove.embedded.ports.admission import Admission, AdmissionRequest
from alcove.embedded.ports.identity import (
    Attributes,
    Authenticator,
    Authorizer,
    TokenIssuer,
    UserInfo,
    Verdict,
)
from alcove.embedded.ports.kubelet import ExecRequest, ExecSession, LogQuery, PodAccess
from alcove.embedded.ports.launcher import (
    MACHINE_NETNS,
    NODE_NETNS,
    ContainerSpec,
    ExitStatus,
    Launcher,
    Mount,
    NetnsId,
    Process,
    ProcessSpec,
    RootFilesystem,
    StartError,
    ToolError,
    Veth,
)
from alcove.embedded.ports.placing import (
    Image,
    ImageConfig,
    ImageError,
    ImageStore,
    PodAttachment,
    PodNetwork,
    StepRunner,
)
from alcove.embedded.ports.registry import (
    ClusterApi,
    ClusterReader,
    DeleteOptions,
    ListOptions,
    ListResult,
    RawEvent,
    Registry,
    WatchOptions,
    WriteOptions,
    WriteResult,
)
from alcove.embedded.ports.schema import Catalog, SchemaNode

__all__ = [
    "MACHINE_NETNS",
    "NODE_NETNS",
    "Admission",
    "AdmissionRequest",
    "Attributes",
    "Authenticator",
    "Authorizer",
    "Catalog",
    "ClusterApi",
    "ClusterReader",
    "ContainerSpec",
    "DeleteOptions",
    "ExecRequest",
    "ExecSession",
    "ExitStatus",
    "Image",
    "ImageConfig",
    "ImageError",
    "ImageStore",
    "Launcher",
    "ListOptions",
    "ListResult",
    "LogQuery",
    "Mount",
    "NetnsId",
    "PodAccess",
    "PodAttachment",
    "PodNetwork",
    "Process",
    "ProcessSpec",
    "RawEvent",
    "Registry",
    "RootFilesystem",
    "SchemaNode",
    "StartError",
    "StepRunner",
    "TokenIssuer",
    "ToolError",
    "UserInfo",
    "Verdict",
    "Veth",
    "WatchOptions",
    "WriteOptions",
    "WriteResult",
]
