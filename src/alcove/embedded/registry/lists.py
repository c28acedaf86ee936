"""Lists: one page, all of one revision.

Nothing waits for writes: memory is always current, so that any revision up to now can be had at once, and
older ones as long as the store's history reaches back to them.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from alcove.embedded.faults import ApiError, Cause, bad_request, expired, invalid
from alcove.embedded.objects import ResourceType, StoredObject
from alcove.embedded.ports import ListOptions, ListResult
from alcove.embedded.registry.selectors import Predicate, parse_selectors
from alcove.embedded.registry.versions import view
from alcove.embedded.storage import ObjectStore

NOT_OLDER = "NotOlderThan"
_EXACT = "Exact"


class _Token(NamedTuple):
    """Where a list goes on, and the revision it began with."""

    revision: int
    after: tuple[str, str]
    """Namespace and name of the last object that was given."""


def list_page(
    store: ObjectStore, resource_type: ResourceType, namespace: str | None, options: ListOptions
) -> ListResult:
    """Give one page of a list, all of one revision.

    Raises:
        ApiError: 400 and 422 for options that make no sense, 410 when the revision is no longer known, 504
            when it is still to come.
    """
    _check_match(options)
    selects = selection(resource_type, options.label_selector, options.field_selector)
    token = _parse_token(options) if options.continue_token else None
    exact = token.revision if token else _exact_revision(store, options)
    if exact is None:
        found: Sequence[StoredObject] = store.list(resource_type.resource, namespace)
    else:
        found = _list_at(store, resource_type, namespace, exact, paging=token is not None)
    revision = store.revision if exact is None else exact
    if token:
        found = [stored for stored in found if stored.key[1:] > token.after]
    if selects:
        found = [stored for stored in found if selects(stored.object)]
    rest = ""
    remaining = 0
    if 0 < options.limit < len(found):
        remaining = 0 if selects else len(found) - options.limit
        found = found[: options.limit]
        rest = _format_token(_Token(revision, found[-1].key[1:]))
    return ListResult([view(resource_type, stored) for stored in found], revision, rest, remaining)


def _list_at(
    store: ObjectStore, resource_type: ResourceType, namespace: str | None, revision: int, *, paging: bool
) -> Sequence[StoredObject]:
    try:
        return store.list_at(resource_type.resource, namespace, revision)
    except ApiError as error:
        if not paging:
            raise expired("The resourceVersion for the provided list is too old.") from error
        raise expired(
            "The provided continue parameter is too old to display a consistent list result. "
            "You must start a new list without the continue parameter."
        ) from error


def _exact_revision(store: ObjectStore, options: ListOptions) -> int | None:
    """Give the revision that must be shown, None when the present will do."""
    if options.resource_version in ("", "0"):
        return None
    revision = parse_revision(options.resource_version)
    refuse_future(store, revision)
    match = options.resource_version_match or (_EXACT if options.limit else NOT_OLDER)
    return revision if match == _EXACT else None


def _check_match(options: ListOptions) -> None:
    match, version = options.resource_version_match, options.resource_version
    if options.continue_token and version not in ("", "0"):
        raise bad_request("specifying resource version is not allowed when using continue")
    if not match:
        return
    causes = []
    if not version:
        causes.append(match_forbidden("resourceVersionMatch is forbidden unless resourceVersion is provided"))
    if options.continue_token:
        causes.append(match_forbidden("resourceVersionMatch is forbidden when continue is provided"))
    if match not in (_EXACT, NOT_OLDER):
        message = f'Unsupported value: "{match}": supported values: "Exact", "NotOlderThan", ""'
        causes.append(Cause("FieldValueNotSupported", message, "resourceVersionMatch"))
    if match == _EXACT and version == "0":
        causes.append(match_forbidden('resourceVersionMatch "exact" is forbidden for resourceVersion "0"'))
    if causes:
        raise invalid("ListOptions", "meta.k8s.io", "", causes)


def match_forbidden(why: str) -> Cause:
    """Give the cause for a resourceVersionMatch that does not go with the other options."""
    return Cause("FieldValueForbidden", f"Forbidden: {why}", "resourceVersionMatch")


def selection(resource_type: ResourceType, labels: str, fields: str) -> Predicate | None:
    """Give the predicate of two selectors, None when both are empty; raise 400 for malformed ones."""
    if not labels and not fields:
        return None
    extra = resource_type.extra.get("selectableFields") or ()
    paths = [str(entry.get("jsonPath", "")).removeprefix(".") for entry in extra]
    return parse_selectors(resource_type, labels, fields, paths)


def parse_revision(text: str) -> int:
    """Give the number of a resourceVersion; raise 400 when it is none."""
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        shown = f'"{text[:40]}": strconv.ParseUint: parsing "{text[:40]}": invalid syntax'
        raise bad_request(f"invalid resource version: resourceVersion: Invalid value: {shown}")
    return int(text)


def refuse_future(store: ObjectStore, revision: int) -> None:
    """Raise 504, which clients try again, for a revision that is still to come."""
    if revision > store.revision:
        raise ApiError(
            504,
            "Timeout",
            f"Timeout: Too large resource version: {revision}, current: {store.revision}",
            details={
                "retryAfterSeconds": 1,
                "causes": [
                    {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"},
                ],
            },
        )


def _format_token(token: _Token) -> str:
    content = {"v": "meta.k8s.io/v1", "rv": token.revision, "start": "/".join(token.after)}
    return base64.urlsafe_b64encode(msgspec.json.encode(content)).rstrip(b"=").decode()


def _parse_token(options: ListOptions) -> _Token:
    text = options.continue_token
    try:
        found = msgspec.json.decode(base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)))
        namespace, name = found["start"].split("/")
        revision = found["rv"]
        if found["v"] != "meta.k8s.io/v1" or not isinstance(revision, int) or revision <= 0:
            raise bad_request("continue key is not valid: server does not recognize this encoded version")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise bad_request("invalid continue token: continue key is not valid") from error
    return _Token(revision, (namespace, name))
