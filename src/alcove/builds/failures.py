"""What went wrong, from what Buildah said last; and why a kubelet does not start what was built. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from alcove.builds.requests import Failed

_STEP = re.compile(r"(?P<stage>\[\d+/\d+\] )?STEP (?P<number>\d+(?:/\d+)?): (?P<instruction>.*)")
_AT_STEP = re.compile(r'building at STEP "(.*?)": ?(.*)')
_UNDER = re.compile(r'checking on sources under "[^"]*": (?:copier: )?')
_EXIT = re.compile(r"exit status (\d+)\s*$")
_PULL = re.compile(
    r"(?:initializing source|reading manifest \S+ in|pinging container registry) (?:docker://)?([^\s:]+(?::[^\s:]+)?)"
)
_SHORT_NAME = re.compile(r'short-name "([^"]+)" did not resolve|([^\s:"]+(?::[^\s:"]+)?): image not known')
FULL = Failed("the node's disk is full", hint="remove images or enlarge the disk of the node")
_LONGEST = 600
_SHOWN = 120


def parse_step(line: str) -> str | None:
    """Give the instruction that a line says is begun; None for other lines."""
    found = _STEP.fullmatch(line)
    return found["instruction"] if found else None


def retell(line: str) -> str:
    """Give a line as people know it from every other builder: ``Step 1/8 : FROM node``."""
    found = _STEP.fullmatch(line)
    if found is None:
        return line
    return f"{found['stage'] or ''}Step {found['number']} : {found['instruction']}"


def explain_failure(lines: Sequence[str], step: str, code: int) -> Failed:
    """Say why a build failed.

    Args:
        lines: the last ones of its output.
        step: the instruction that was begun last.
        code: Buildah's exit code.
    """
    text = next((line for line in reversed(lines) if line.startswith(("Error:", "error "))), "")
    said = text.removeprefix("Error:").partition(" &imagebuilder.")[0].strip()
    if any("no space left on device" in line for line in lines):
        return Failed(FULL.message, step, FULL.hint)
    at, reason = _reason(said, step)
    if at and (ended := _EXIT.search(reason)) is not None:
        return Failed(f"it ended with exit code {ended[1]}", _short(at))
    if (pulled := _PULL.search(said)) is not None:
        return Failed(f"the image {pulled[1]} cannot be pulled: {said[:_LONGEST]}", step, _PULL_HINT)
    if not said:
        return Failed(f"Buildah ended with exit code {code}", step)
    return Failed(reason[:_LONGEST], _short(at or step))


def _reason(said: str, step: str) -> tuple[str, str]:
    """Give the instruction at which it failed, empty when that is not said, and what is said of it."""
    known = f'building at STEP "{step}": '
    if step and known in said:
        at, reason = step, said.partition(known)[2]
    elif (found := _AT_STEP.search(said)) is not None:
        at, reason = found[1], found[2]
    else:
        at, reason = "", said
    return at, _UNDER.sub("", reason)


_PULL_HINT = (
    "the node has no such image, and its registry cannot be asked: "
    "check the name, the way out of the cluster, and the imagePullSecrets of the chart"
)


def _short(instruction: str) -> str:
    return instruction if len(instruction) <= _SHOWN else instruction[: _SHOWN - 1] + "…"


def explain_never_pull(reason: str, *, on_node: bool) -> Failed | None:
    """Say why a container of a session waits with ``reason`` although its image was built.

    Kubelets say the same of an image that is not there and of one that they do not trust: ``on_node`` tells
    them apart, as the builder knows it. None for other reasons.
    """
    if reason != "ErrImageNeverPull":
        return None
    if not on_node:
        return Failed(
            "the image is no longer on the node: it was removed there", hint="alcove up builds it again"
        )
    return Failed(
        "the node's kubelet refuses images that it has not pulled itself",
        hint="set imagePullCredentialsVerificationPolicy in the kubelet's configuration to "
        "NeverVerifyPreloadedImages (the default) or NeverVerify; AlwaysVerify refuses them",
    )
