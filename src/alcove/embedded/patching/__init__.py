"""How a request changes an object, and who owns each field afterwards. Pure: objects in, objects out.

The three patches that tell what to do (JSON, merge, strategic merge) are in *instructions* and
*strategic*. Server-side apply (*applying*) tells instead what the object should contain and needs to know
who owns what: *ownership* keeps that in ``metadata.managedFields`` for every write, as the sets of fields
of *fieldsets*.

No function changes its arguments; results may share parts with them. Whatever a client sends ends in a
result or in an ``ApiError``.
"""

from __future__ import annotations

from alcove.embedded.patching.applying import apply_server_side, untypable
from alcove.embedded.patching.instructions import apply_json_patch, apply_merge_patch
from alcove.embedded.patching.ownership import track_update
from alcove.embedded.patching.strategic import apply_strategic_patch

__all__ = [
    "apply_json_patch",
    "apply_merge_patch",
    "apply_server_side",
    "apply_strategic_patch",
    "track_update",
    "untypable",
]
