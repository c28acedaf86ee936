"""What went wrong, from what Buildah said last; and why a kubelet does not start what was built. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from alcove.builds.requests import Failed

_STEP = re.compile(r"(?:\[\d+/\d+\] )?STEP \d+(?:/\d+)?: (.*)")
_AT_STEP = re.compile(r'building at STEP "(.*)": ?(.*)')
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
    return found[1] if found else None


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
    at = _AT_STEP.search(said)
    reason = at[2] if at else said
    instruction = at[1] if at else step
    ended = _EXIT.search(reason)
    if at and ended:
        return Failed(f"it ended with exit code {ended[1]}", _short(instruction))
    if (pulled := _PULL.search(said)) is not None:
        return Failed(f"the image {pulled[1]} cannot be pulled: {said[:_LONGEST]}", step, _PULL_HINT)
    if not said:
        return Failed(f"Buildah ended with exit code {code}", step)
    return Failed((reason if at else said)[:_LONGEST], _short(instruction))


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
