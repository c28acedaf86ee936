"""Decisions in words."""

from __future__ import annotations

import difflib
from typing import assert_never

from alcove import errors
from alcove.app.observation.addressing import ENCRYPTED, Addressed, Target
from alcove.app.observation.explanations import CALLERS_SPACE, Decided, Keyed, Question
from alcove.model import Service, SpaceName
from alcove.routing.world import World
from alcove.spaces.resolve import Reason


def reason_sentence(found: Decided, reason: Reason) -> str:
    """Say why a request ends as it does, with the space that answers or should have."""
    addressed, key, other = found.addressed, found.keyed.key, found.outcome.space
    service, space = addressed.service, addressed.space
    match reason:
        case Reason.NO_KEY:
            return f"the request names no space, so {service} of {space}, which it is addressed to, answers"
        case Reason.UNKNOWN_KEY:
            return f"the request names {str(key)!r}, which is no space, so the address stands"
        case Reason.UNRELATED:
            return (
                f"{key} does not fall back to {space}, so its key changes nothing there: the address stands"
            )
        case Reason.OWN:
            return f"{service} of {space} is addressed, and it is {key}'s own version"
        case Reason.OVERRIDDEN if str(other) == key:
            return f"{key} has a version of {service} of its own, which takes the place of that of {space}"
        case Reason.OVERRIDDEN:
            return f"{key} falls back to {other} before {space}, and {other} has a version of {service}"
        case Reason.INHERITED:
            return f"neither {key} nor a space between it and {space} has a version of {service} of its own"
        case Reason.FALLEN_BACK:
            return (
                f"{service} of {space} was removed, and {other} is the first of the chain that has a version"
            )
        case Reason.ABSENT:
            return f"{service} of {space} was removed, and no space of the chain has a version"
        case Reason.NO_PORT:
            wanted = addressed.port.number or addressed.port.name
            return f"{service} of {other} should answer, but it has no port {wanted}"
        case Reason.NO_INSTANCE:
            return f"{service} of {other} should answer, but it has no ready instance"
    assert_never(reason)


def external(service: Service) -> str:
    """Say why nothing is decided about an ExternalName."""
    return (
        f"{service.name} of {service.space} is an ExternalName: callers are led to {service.external_name}, "
        "and nothing is rerouted on the way"
    )


def unreadable(addressed: Addressed, target: Target) -> str:
    """Say why nothing is decided about what is not plain HTTP."""
    gone = (
        f"; {addressed.service} of {addressed.space} was removed, so nobody answers"
        if addressed.removed
        else ""
    )
    if target.scheme in ENCRYPTED:
        return f"nobody can read a key in an encrypted request, so it goes where it is addressed{gone}"
    port = addressed.port.number
    return f"port {port} is declared TCP, where no key is looked for, so the address stands{gone}"


def notes_on(question: Question, keyed: Keyed) -> tuple[str, ...]:
    """Give what the caller of a request should know beyond the decision."""
    caller = question.caller
    if caller is None or caller.proxied or keyed.carrier != CALLERS_SPACE:
        return ()
    until = "until it is made anew with one, its requests carry no key and go where they are addressed"
    return (f"the pod {caller.pod} has no proxy: {until}",)


def no_space(world: World, name: SpaceName) -> errors.ConflictError:
    """Give the error for a caller that is in no space."""
    near = difflib.get_close_matches(name, map(str, world.tree.parents), n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"make it one: alcove space create {name}"
    return errors.ConflictError(f"{str(name)!r} is no space", hint=hint)
