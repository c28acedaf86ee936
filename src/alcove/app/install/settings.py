"""What may be chosen of an installation, and what an existing one remembers of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from alcove import __version__, errors
from alcove.admission.settings import Resources
from alcove.kube.client import Object
from alcove.spaces.hosts import is_label

DEFAULT_REGISTRY = "alcove"


class Endpoint(Enum):
    """How the gateway is reached from outside of the cluster."""

    PUBLIC = "public"
    PRIVATE = "private"
    """From the cluster's own network: the cloud is asked for an internal load balancer."""
    NONE = "none"
    """There is no gateway; an ingress controller of the user's own may serve the prefixed copies."""


@dataclass(frozen=True, slots=True)
class PodSettings:
    """How the pods of one part run."""

    resources: Resources
    replicas: int = 2
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: Sequence[Object] = ()


CONTROL_PLANE_PODS = PodSettings(Resources({"cpu": "100m", "memory": "192Mi"}, {"memory": "768Mi"}))
GATEWAY_PODS = PodSettings(Resources({"cpu": "100m", "memory": "64Mi"}, {"memory": "512Mi"}))


@dataclass(frozen=True, slots=True)
class InstallSettings:
    """An installation."""

    version: str = __version__
    registry: str = DEFAULT_REGISTRY
    """What comes before ``/alcove``, ``/proxy`` and ``/builder`` in the names of images."""
    pull_policy: str = "IfNotPresent"
    pull_secrets: Sequence[str] = ()
    endpoint: Endpoint = Endpoint.PUBLIC
    host_suffix: str = ""
    """What the user wants to come after a service in entry hosts; empty: what the gateway's address gives."""
    controlplane: PodSettings = CONTROL_PLANE_PODS
    gateway: PodSettings = GATEWAY_PODS
    service_annotations: Mapping[str, str] = field(default_factory=dict)
    """Of the gateway's Service, for what a cloud wants to be told."""

    @property
    def tag(self) -> str:
        """The tag of our images; a version's local part has a letter that tags do not."""
        return self.version.replace("+", "-")

    @property
    def control_plane_image(self) -> str:
        """The image of the control plane."""
        return f"{self.registry}/alcove:{self.tag}"

    @property
    def proxy_image(self) -> str:
        """The image of everything that runs Envoy."""
        return f"{self.registry}/proxy:{self.tag}"

    @property
    def builder_image(self) -> str:
        """The image of builder pods."""
        return f"{self.registry}/builder:{self.tag}"


class Record:
    """The keys of the ConfigMap ``alcove``, which says how the cluster was enabled."""

    VERSION = "version"
    REGISTRY = "imageRegistry"
    ENDPOINT = "endpoint"
    HOST_SUFFIX = "hostSuffix"
    SUFFIX_SOURCE = "hostSuffixSource"
    CHOSEN = "option"
    """Value of ``hostSuffixSource``: a user chose the suffix."""
    OBSERVED = "address"
    """Value of ``hostSuffixSource``: it follows from the gateway's address."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a user asks for; None: as it is already, else the default."""

    endpoint: Endpoint | None = None
    host_suffix: str | None = None
    registry: str | None = None


def settle(wishes: Wishes, recorded: Mapping[str, Any]) -> InstallSettings:
    """Give the settings of an installation from what is asked for and what the ConfigMap's data remembers.

    Raises:
        UsageError: the suffix or the registry cannot be one.
    """
    found = InstallSettings()
    endpoint = str(recorded.get(Record.ENDPOINT) or "")
    if endpoint in {one.value for one in Endpoint}:
        found = replace(found, endpoint=Endpoint(endpoint))
    if registry := str(recorded.get(Record.REGISTRY) or ""):
        found = replace(found, registry=registry)
    if recorded.get(Record.SUFFIX_SOURCE) == Record.CHOSEN:
        found = replace(found, host_suffix=str(recorded.get(Record.HOST_SUFFIX) or ""))
    return replace(
        found,
        endpoint=wishes.endpoint or found.endpoint,
        registry=found.registry if wishes.registry is None else parse_registry(wishes.registry),
        host_suffix=found.host_suffix if wishes.host_suffix is None else parse_suffix(wishes.host_suffix),
    )


def parse_suffix(text: str) -> str:
    """Give a host suffix as entry hosts end with it, its dot included; empty for empty.

    Raises:
        UsageError: it cannot end a host.
    """
    name = text.strip().lower().removeprefix("*").strip(".")
    if not name:
        return ""
    if not all(map(is_label, name.split("."))):
        raise errors.UsageError(
            f"{text!r} cannot be the suffix of hosts",
            cause="each part of it must be a DNS label: letters, digits and '-'",
            hint="for example --host-suffix dev.example.com, of which *.dev.example.com leads to the gateway",
        )
    return f".{name}"


def parse_registry(text: str) -> str:
    """Give the beginning of image names.

    Raises:
        UsageError: it cannot be one.
    """
    registry = text.strip().rstrip("/") or DEFAULT_REGISTRY
    if "://" in registry or any(letter.isspace() for letter in registry) or "@" in registry:
        raise errors.UsageError(
            f"{text!r} cannot be the beginning of an image's name",
            cause="it is written without a scheme, credentials and spaces",
            hint="for example --image-registry registry.example.com/team",
        )
    return registry
