"""Names of releases: ``azds-<project>-<space>-<chart>``, as the original's, never the same for two projects.

Object names are another matter: they come from the chart, callers know them, and routing goes by them. Two
projects whose charts make a Service of the same name in one space mean the same service; giving one of them
another name (by ``fullnameOverride``) would install something that nobody calls. So that is a conflict which
names the other project (``conflicts``), and not something to be named around.
"""

from __future__ import annotations

import hashlib
import re

LONGEST = 53
"""Helm's limit for names of releases."""
PREFIX = "azds-"

_PROJECT_DIGITS = 6
_CUT_DIGITS = 8


def release_name(chart: str, *, space: str, project: str) -> str:
    """Name the release of a project's chart in a space.

    ``project`` is whatever tells projects apart, of any length: equal for the same project at all times. The
    name is a valid DNS label; what is too long, or has characters that a label cannot have, is cut and ends
    with a hash of all of it instead.
    """
    digits = hashlib.sha256(project.encode()).hexdigest()[:_PROJECT_DIGITS]
    wanted = f"{PREFIX}{digits}-{space}-{chart}"
    label = re.sub(r"[^a-z0-9-]+", "-", wanted.lower()).rstrip("-")
    if label == wanted and len(label) <= LONGEST:
        return label
    whole = hashlib.sha256("\0".join((project, space, chart)).encode()).hexdigest()[:_CUT_DIGITS]
    return f"{label[: LONGEST - _CUT_DIGITS - 1].rstrip('-')}-{whole}"
