"""Pods of sessions: which they are, and what becomes of the containers whose image a session builds.

A pod is of a session when a container's image has a tag of a session of the pod's namespace. Until the image
is there, ``alcove-build`` waits; then our agent runs the container's command, and can replace files and start
the command again. So in such a container:

* the image is never pulled: no registry has it;
* the command becomes an argument of the agent's, beside the facts that only the pod's author knew::

      command: [a], args: [b]  -> alcove-agent run ... -- a b
      args: [b]                -> alcove-agent run ... --image-entrypoint -- b
      neither                  -> alcove-agent run ... --image-entrypoint --image-cmd --

* liveness and startup probes go: a command that ended waits for the next save, and a debugger may hold it.

Containers that are to end (init containers, and those of pods that are not restarted, as a Job's) are only
kept from being pulled: they run what was built. A pod whose command was replaced before is read back, so all
of this may be done again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alcove.admission import markers
from alcove.admission.markers import Object
from alcove.admission.ports import tcp_ports
from alcove.admission.settings import InjectionSettings
from alcove.admission.verdicts import Verdict, judge_session
from alcove.sessions.ids import Tag, belongs_to, parse_tag

_GONE_PROBES = ("livenessProbe", "startupProbe")
_IMAGE_ENTRYPOINT = "--image-entrypoint"
_IMAGE_CMD = "--image-cmd"
_END = "--"
_NEVER = "Never"
_ENDLESS = (None, "", "Always")
"""Restart policies of pods whose containers are not to end."""


@dataclass(frozen=True, slots=True)
class Belonging:
    """The session that a pod is of, if any, and what its author should know."""

    tag: Tag | None = None
    warnings: tuple[str, ...] = ()


def image_tag(image: object) -> Tag | None:
    """Give the tag of a session that an image's name has; a digest counts more than any tag."""
    name = image if isinstance(image, str) and "@" not in image else ""
    _, colon, tag = name.rpartition("/")[2].rpartition(":")
    return parse_tag(tag) if colon else None


def find_session(pod: Mapping[str, Any], namespace: str) -> Belonging:
    """Tell of which session a pod in ``namespace`` is: that of its first container that is of one."""
    found = [(str(one.get("name")), tag) for one in _candidates(pod) if (tag := image_tag(one.get("image")))]
    own = [(name, tag) for name, tag in found if belongs_to(str(tag), namespace)]
    warnings = [
        f"container {name}: its image is of a session of another space: nobody builds it here"
        for name, tag in found
        if (name, tag) not in own
    ]
    if not own:
        return Belonging(None, tuple(warnings))
    hindrance = judge_session(pod)
    if hindrance is not None:
        return Belonging(None, (*warnings, f"not a pod of a session, its image is not built: {hindrance}"))
    tag = own[0][1]
    taken = _taken_name(pod)
    if taken:
        told = f"not a pod of a session: {Verdict.NAME_TAKEN.value} ({taken})"
        return Belonging(None, (*warnings, told))
    warnings += [
        f"container {name}: its image is another than the pod's first of a session, and is not built"
        for name, other in own
        if other != tag
    ]
    return Belonging(tag, tuple(warnings))


def wrap_containers(spec: Object, tag: Tag, settings: InjectionSettings) -> tuple[Object, tuple[str, ...]]:
    """Give a pod's spec in which the session's containers run by our agent, and warnings."""
    if spec.get("restartPolicy") not in _ENDLESS:
        return {**spec, **_unpulled_all(spec, tag, "initContainers", "containers")}, ()
    wrapped: list[Object] = []
    warnings: list[str] = []
    agents = 0
    for container in markers.sequence(spec, "containers"):
        if image_tag(container.get("image")) != tag:
            wrapped.append(container)
            continue
        port = settings.session.agents_port + agents
        agents += 1
        wrapped.append(_wrapped(container, tag, port, settings))
        warnings += _warn(container, spec)
    warnings += _warn_of_ports(spec, settings, agents)
    changed = {**_unpulled_all(spec, tag, "initContainers"), "containers": wrapped}
    return {**spec, **changed}, tuple(warnings)


def agent_ports(pod: Mapping[str, Any]) -> dict[str, int]:
    """Give the port of each agent of a pod, by the container that it runs."""
    found = {}
    for container in markers.sequence(markers.mapping(pod, "spec"), "containers"):
        told = _told(container)
        if told is not None and "--port" in told:
            found[str(container.get("name"))] = int(told[told.index("--port") + 1])
    return found


def _candidates(pod: Mapping[str, Any]) -> list[Object]:
    spec = markers.mapping(pod, "spec")
    every = [*markers.sequence(spec, "containers"), *markers.sequence(spec, "initContainers")]
    return [one for one in every if one.get("name") not in markers.CONTAINERS]


def _taken_name(pod: Mapping[str, Any]) -> str:
    """Give a name of ours that is not ours: anywhere in a new pod, among the app containers in any."""
    spec = markers.mapping(pod, "spec")
    taken = [
        markers.BUILD for one in markers.sequence(spec, "containers") if one.get("name") == markers.BUILD
    ]
    if not markers.is_of_session(pod):
        inits = [one.get("name") for one in markers.sequence(spec, "initContainers")]
        volumes = [one.get("name") for one in markers.sequence(spec, "volumes")]
        ours = (markers.SESSION,) if markers.is_marked(pod) else markers.SESSION_VOLUMES
        taken += [name for name in (markers.BUILD,) if name in inits]
        taken += [name for name in ours if name in volumes]
    return taken[0] if taken else ""


def _wrapped(container: Object, tag: Tag, port: int, settings: InjectionSettings) -> Object:
    kept = {key: value for key, value in container.items() if key not in (*_GONE_PROBES, "args")}
    mounts = markers.sequence(container, "volumeMounts")
    directory = settings.session.directory
    mount = {"name": markers.SESSION, "mountPath": directory}
    if not any(one.get("name") == markers.SESSION for one in mounts):
        mounts = [*mounts, mount]
    command = [
        *(_agent(settings), "run", "--port", str(port), "--session", tag.session),
        *("--directory", directory, "--container", str(container.get("name"))),
        *_original(container),
    ]
    return {**kept, "imagePullPolicy": _NEVER, "command": command, "volumeMounts": list(mounts)}


def _original(container: Mapping[str, Any]) -> list[str]:
    """Give what the pod's author wants to be run, in the words that the agent reads."""
    told = _told(container)
    if told is not None:
        end = told.index(_END)
        return [*(word for word in told[:end] if word in (_IMAGE_ENTRYPOINT, _IMAGE_CMD)), *told[end:]]
    command, arguments = container.get("command") or [], container.get("args") or []
    flags = [] if command else [_IMAGE_ENTRYPOINT] if arguments else [_IMAGE_ENTRYPOINT, _IMAGE_CMD]
    return [*flags, _END, *command, *arguments]


def _told(container: Mapping[str, Any]) -> Sequence[str] | None:
    """Give what the agent of a container is told; None for a container that no agent runs."""
    command = container.get("command") or []
    mounted = any(one.get("name") == markers.SESSION for one in markers.sequence(container, "volumeMounts"))
    if not mounted or command[1:2] != ["run"] or _END not in command:
        return None
    return [str(word) for word in command[2:]]


def _agent(settings: InjectionSettings) -> str:
    return f"{settings.session.directory}/bin/alcove-agent"


def _unpulled_all(spec: Object, tag: Tag, *fields: str) -> Object:
    present = [field for field in fields if spec.get(field)]
    return {field: [_unpulled(one, tag) for one in spec[field]] for field in present}


def _unpulled(container: Object, tag: Tag) -> Object:
    return {**container, "imagePullPolicy": _NEVER} if image_tag(container.get("image")) == tag else container


def _warn(container: Mapping[str, Any], spec: Mapping[str, Any]) -> Iterator[str]:
    held, pods = (markers.mapping(one, "securityContext") for one in (container, spec))
    user = held.get("runAsUser", pods.get("runAsUser"))
    unprivileged = held.get("runAsNonRoot", pods.get("runAsNonRoot")) or user
    name = container.get("name")
    if held.get("readOnlyRootFilesystem"):
        yield f"container {name}: its root is read-only: files cannot be synced, every save builds an image"
    elif unprivileged:
        yield f"container {name}: it does not run as root: files that its user may not write cannot be synced"


def _warn_of_ports(spec: Mapping[str, Any], settings: InjectionSettings, agents: int) -> Iterator[str]:
    first = settings.session.agents_port
    ours = {settings.session.build_port, *range(first, first + agents)}
    for container in markers.sequence(spec, "containers"):
        taken = sorted({number for number, _ in tcp_ports(container)} & ours)
        if taken:
            yield f"container {container.get('name')}: port {taken[0]} is our agent's; choose another"
