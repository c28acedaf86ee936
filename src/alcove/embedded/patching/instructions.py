"""The two patches that need no schema: JSON patch (RFC 6902) and JSON merge patch (RFC 7386)."""

from __future__ import annotations

from typing import Any

import jsonpatch
import jsonpointer
import msgspec

from alcove.embedded import faults
from alcove.embedded.objects import Object, copy_object
from alcove.embedded.patching import limits

_FOREIGN = (
    jsonpatch.JsonPatchException,
    jsonpointer.JsonPointerException,
    TypeError,
    KeyError,
    ValueError,
    IndexError,
    AttributeError,
)
"""What the library raises for operations that are malformed or do not fit the object."""


@limits.bounded
def apply_json_patch(item: Object, body: bytes) -> Object:
    """Give the object after the operations of a JSON patch.

    Raises:
        ApiError: 400 when the body is not a list of operations, 413 when there are too many,
            422 when one cannot be done (a failed ``test`` included).
    """
    operations = limits.decode(body)
    if not isinstance(operations, list) or not all(isinstance(entry, dict) for entry in operations):
        raise faults.bad_request("error decoding patch: a JSON patch is an array of operations")
    if len(operations) > limits.MAX_OPERATIONS:
        raise faults.ApiError(
            413,
            "RequestEntityTooLarge",
            f"Request entity too large: The allowed maximum operations in a JSON patch is "
            f"{limits.MAX_OPERATIONS}, got {len(operations)}",
        )
    result: Any = copy_object(item)
    copied = 0
    for number, operation in enumerate(operations):
        if operation.get("op") == "copy":
            copied += _copied_size(result, operation)
            if copied > limits.MAX_COPIED:
                raise limits.rejected(
                    f"operation {number}: the patch copies more than {limits.MAX_COPIED} bytes"
                )
        result = _step(result, operation, number)
    limits.check_depth(result)
    return _as_object(result)


def _step(document: Any, operation: dict[str, Any], number: int) -> Any:
    try:
        return jsonpatch.JsonPatch([operation]).apply(document, in_place=True)
    except _FOREIGN as error:
        what = f"{operation.get('op')} {operation.get('path')!r}"
        raise limits.rejected(f"operation {number} ({what:.200}): {error!s:.400}") from error


def _copied_size(document: Any, operation: dict[str, Any]) -> int:
    try:
        source = jsonpointer.resolve_pointer(document, operation["from"])
        return len(msgspec.json.encode(source))
    except _FOREIGN:
        return 0


def _as_object(value: Any) -> Object:
    if not isinstance(value, dict):
        raise limits.rejected(f"the patch makes the object {limits.type_name(value)}")
    return value


@limits.bounded
def apply_merge_patch(item: Object, body: bytes) -> Object:
    """Give the object after a JSON merge patch: null deletes, objects merge, anything else replaces.

    Raises:
        ApiError: 400 when the body is not a JSON object.
    """
    return _merged(item, limits.decode_object(body))


def _merged(target: Any, patch: dict[str, Any]) -> Object:
    result: Object = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            result[name] = _merged(result.get(name), value)
        else:
            result[name] = value
    return result
