"""The query string of a request, and the body of a delete, as the options of its verb.

Unknown parameters are ignored as Kubernetes does, malformed ones are 400, and values outside of a fixed
set are 422.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeVar

from alcove.embedded import faults
from alcove.embedded.objects import Object
from alcove.embedded.ports import (
    DeleteOptions,
    ExecRequest,
    ListOptions,
    LogQuery,
    UserInfo,
    WatchOptions,
    WriteOptions,
)

_T = TypeVar("_T")
_LONGEST_MANAGER = 128
_PROPAGATIONS = ("Foreground", "Background", "Orphan", "nil")
_DELETE = "DeleteOptions"
_VALIDATIONS = ("Ignore", "Strict", "Warn")


class Query(Protocol):
    """The parameters of a query string, each possibly several times."""

    def get(self, key: str, /) -> str | None:
        """Give the first value of a parameter."""

    def getall(self, key: str, default: list[str], /) -> list[str]:
        """Give all values of a parameter."""


def truth(query: Query, name: str, *, default: bool = False) -> bool:
    """Read a boolean parameter: there and neither ``false`` nor ``0`` is true."""
    value = query.get(name)
    return default if value is None else value.lower() not in ("false", "0")


def number(query: Query, name: str) -> int | None:
    """Read an integer parameter; None when it is missing or empty.

    Raises:
        ApiError: 400 when it is not a number of at most 64 bits.
    """
    text = query.get(name)
    if not text:
        return None
    try:
        value = int(text) if len(text) < 20 else 1 << 64
    except ValueError:
        value = 1 << 64
    if not -(1 << 63) <= value < 1 << 63:
        raise faults.bad_request(f'strconv.ParseInt: parsing "{text[:40]}": invalid syntax')
    return value


def selected_name(query: Query) -> str:
    """Give the one name that the field selector lets pass; empty when it does not ask for one."""
    for term in (query.get("fieldSelector") or "").split(","):
        field, _, name = term.partition("=")
        if field.strip() == "metadata.name":
            return name.removeprefix("=").strip()
    return ""


def parse_list(query: Query) -> ListOptions:
    """Read the options of a list or a deletecollection.

    Raises:
        ApiError: 400 for what is no number, 422 for an option of watches only.
    """
    number(query, "timeoutSeconds")
    if truth(query, "sendInitialEvents"):
        why = "Forbidden: sendInitialEvents is forbidden for list"
        cause = faults.Cause("FieldValueForbidden", why, "sendInitialEvents")
        raise faults.invalid("ListOptions", "meta.k8s.io", "", [cause])
    return ListOptions(
        label_selector=query.get("labelSelector") or "",
        field_selector=query.get("fieldSelector") or "",
        limit=max(0, number(query, "limit") or 0),
        continue_token=query.get("continue") or "",
        resource_version=query.get("resourceVersion") or "",
        resource_version_match=query.get("resourceVersionMatch") or "",
    )


def parse_watch(query: Query, *, name: str = "") -> WatchOptions:
    """Read the options of a watch; ``name`` restricts it to one object (the deprecated watch paths)."""
    fields = query.get("fieldSelector") or ""
    if name:
        fields = f"metadata.name={name}" + (f",{fields}" if fields else "")
    return WatchOptions(
        label_selector=query.get("labelSelector") or "",
        field_selector=fields,
        resource_version=query.get("resourceVersion") or "",
        allow_bookmarks=truth(query, "allowWatchBookmarks"),
        send_initial_events=truth(query, "sendInitialEvents"),
        resource_version_match=query.get("resourceVersionMatch") or "",
        seconds=number(query, "timeoutSeconds") or None,
    )


def parse_write(
    query: Query, user: UserInfo, user_agent: str, *, kind: str = "CreateOptions"
) -> WriteOptions:
    """Read the options of a write; the field manager defaults to the client program's name.

    ``kind`` is ``CreateOptions``, ``UpdateOptions``, ``PatchOptions`` or ``DeleteOptions``.

    Raises:
        ApiError: 422 for a value that is not one of the known.
    """
    manager = query.get("fieldManager") or ""
    _check_manager(manager, kind)
    validation = query.get("fieldValidation") or "Warn"
    _check_one_of("fieldValidation", validation, _VALIDATIONS, kind)
    return WriteOptions(
        user=user,
        dry_run=_dry_run(query.getall("dryRun", []), kind),
        field_manager=manager or _program(user_agent),
        field_validation=validation,
        force=kind == "PatchOptions" and truth(query, "force"),
    )


def _check_manager(manager: str, kind: str) -> None:
    cause = None
    if len(manager.encode(errors="replace")) > _LONGEST_MANAGER:
        why = f"Too long: may not be more than {_LONGEST_MANAGER} bytes"
        cause = faults.Cause("FieldValueTooLong", why, "fieldManager")
    elif not manager.isprintable():
        place = next(index for index, each in enumerate(manager) if not each.isprintable())
        why = f"invalid character U+{ord(manager[place]):04X} (at position {place})"
        cause = faults.Cause("FieldValueInvalid", f"Invalid value: {manager!r}: {why}", "fieldManager")
    if cause is not None:
        raise faults.invalid(kind, "meta.k8s.io", "", [cause])


def _program(user_agent: str) -> str:
    name = user_agent.partition("/")[0][:_LONGEST_MANAGER]
    return name if name.isprintable() and name else "unknown"


def _dry_run(values: object, kind: str) -> bool:
    if not values:
        return False
    if not isinstance(values, list):
        raise faults.bad_request("dryRun: must be a list")
    for value in values:
        _check_one_of("dryRun", value, ("All",), kind)
    return True


def _check_one_of(field: str, value: object, known: tuple[str, ...], kind: str) -> None:
    if value not in known:
        told = ", ".join(f'"{one}"' for one in known)
        message = f'Unsupported value: "{value!s:.64}": supported values: {told}'
        cause = faults.Cause("FieldValueNotSupported", message, field)
        raise faults.invalid(kind, "meta.k8s.io", "", [cause])


def parse_delete(query: Query, body: Object) -> tuple[DeleteOptions, bool]:
    """Read how to delete from the query and the ``DeleteOptions`` body, which wins; also whether to only try.

    Raises:
        ApiError: 400 for members of a wrong type, 422 for unknown values.
    """
    preconditions = _member(body, "preconditions", dict) or {}
    grace = _member(body, "gracePeriodSeconds", int)
    propagation = _member(body, "propagationPolicy", str) or query.get("propagationPolicy") or ""
    if not propagation:
        propagation = _legacy_orphan(body, query)
    if propagation:
        if body.get("orphanDependents") is not None and body.get("propagationPolicy"):
            why = "orphanDependents and deletionPropagation cannot be both set"
            message = f'Invalid value: "{propagation[:64]}": {why}'
            cause = faults.Cause("FieldValueInvalid", message, "propagationPolicy")
            raise faults.invalid(_DELETE, "meta.k8s.io", "", [cause])
        _check_one_of("propagationPolicy", propagation, _PROPAGATIONS, _DELETE)
    options = DeleteOptions(
        grace_seconds=number(query, "gracePeriodSeconds") if grace is None else grace,
        propagation=propagation,
        uid=_member(preconditions, "uid", str) or "",
        resource_version=_member(preconditions, "resourceVersion", str) or "",
    )
    dry_run = _dry_run(body.get("dryRun"), _DELETE) or _dry_run(query.getall("dryRun", []), _DELETE)
    return options, dry_run


def _legacy_orphan(body: Object, query: Query) -> str:
    orphan = _member(body, "orphanDependents", bool)
    if orphan is None and query.get("orphanDependents") is not None:
        orphan = truth(query, "orphanDependents")
    return "" if orphan is None else "Orphan" if orphan else "Background"


def _member(body: Mapping[str, object], name: str, kind: type[_T]) -> _T | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise faults.bad_request(f"DeleteOptions.{name}: expected {kind.__name__}")
    return value


def parse_log(query: Query) -> LogQuery:
    """Read the options of ``pods/log``.

    Raises:
        ApiError: 422 for what cannot be.
    """
    least = {"tailLines": 0, "limitBytes": 1, "sinceSeconds": 1}
    given = {name: number(query, name) for name in least}
    wrong = [
        faults.Cause("FieldValueInvalid", f"Invalid value: {value}: must be at least {least[name]}", name)
        for name, value in given.items()
        if value is not None and value < least[name]
    ]
    if wrong:
        raise faults.invalid("PodLogOptions", "", "", wrong)
    return LogQuery(
        container=query.get("container") or "",
        follow=truth(query, "follow"),
        previous=truth(query, "previous"),
        since_seconds=given["sinceSeconds"],
        since_time=query.get("sinceTime") or "",
        timestamps=truth(query, "timestamps"),
        tail_lines=given["tailLines"],
        limit_bytes=given["limitBytes"],
    )


def parse_exec(query: Query, namespace: str, pod: str) -> ExecRequest:
    """Read the options of ``pods/exec``.

    Raises:
        ApiError: 400 without a command or without any stream.
    """
    request = ExecRequest(
        namespace=namespace,
        pod=pod,
        container=query.get("container") or "",
        command=tuple(query.getall("command", [])),
        stdin=truth(query, "stdin"),
        stdout=truth(query, "stdout"),
        stderr=truth(query, "stderr"),
        tty=truth(query, "tty"),
    )
    if not request.command:
        raise faults.bad_request("you must specify at least 1 command for the container")
    if not (request.stdin or request.stdout or request.stderr):
        raise faults.bad_request("you must specify at least 1 of stdin, stdout, stderr")
    return request


def parse_ports(query: Query) -> list[int]:
    """Read the ports that a client of channels names for ``pods/portforward``.

    Raises:
        ApiError: 400 when there is none, or one that cannot be.
    """
    texts = [text for value in query.getall("ports", []) for text in value.split(",")]
    valid = [text for text in texts if text.isascii() and text.isdigit() and len(text) < 6]
    ports = [int(text) for text in valid if 0 < int(text) < 1 << 16]
    if not ports or len(ports) != len(texts) or len(ports) > 100:
        raise faults.bad_request('query parameter "ports" is required: numbers of 1 to 65535')
    return ports
