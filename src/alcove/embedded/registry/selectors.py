"""Label and field selectors: text in, a predicate over objects out.

An empty selector is None, so that the common case costs nothing. Everything that cannot be understood is an
ApiError 400, with Kubernetes' words where clients or people know them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from alcove.embedded.faults import ApiError, bad_request
from alcove.embedded.objects import Object, ResourceType, labels_of

Predicate = Callable[[Object], bool]
"""Whether an object is selected."""

_Labels = dict[str, str]
_Requirement = Callable[[_Labels], bool]

_TOKEN = re.compile(r"\s*(==|!=|[=!,()<>]|[^\s=!,()<>]+)")
_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_PUNCTUATION = frozenset(("==", "!=", "=", "!", ",", "(", ")", "<", ">"))

_TERM = re.compile(r"((?:\\.|[^\\,=!])*)(==|!=|=)((?:\\.|[^\\,])*)")
_ESCAPE = re.compile(r"\\(.)")

_EVENT_OBJECT = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_FIELDS: dict[str, dict[str, str]] = {
    "pods": dict.fromkeys(
        (
            "spec.nodeName",
            "spec.host",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ),
        "",
    )
    | {"spec.hostNetwork": "false"},
    "nodes": {"spec.unschedulable": "false"},
    "namespaces": {"status.phase": ""},
    "secrets": {"type": ""},
    "services": {"spec.clusterIP": "", "spec.type": ""},
    "replicationcontrollers": {"status.replicas": "0"},
    "replicasets.apps": {"status.replicas": "0"},
    "jobs.batch": {"status.successful": "0"},
    "certificatesigningrequests.certificates.k8s.io": {"spec.signerName": ""},
    "events": dict.fromkeys(
        (
            *(f"involvedObject.{field}" for field in _EVENT_OBJECT),
            "reason",
            "reportingComponent",
            "source",
            "type",
        ),
        "",
    ),
    "events.events.k8s.io": dict.fromkeys(
        (*(f"regarding.{field}" for field in _EVENT_OBJECT), "reason", "reportingController", "type"), ""
    ),
}
"""Per resource, what can be selected by beside name and namespace, and the value when it is absent."""

_FIELDS_OF_ALL = ("metadata.name", "metadata.namespace")
_PLACES = {
    "spec.host": "spec.nodeName",
    "status.successful": "status.succeeded",
    "source": "source.component",
}


def parse_selectors(
    resource_type: ResourceType, label_selector: str, field_selector: str, extra_fields: Sequence[str] = ()
) -> Predicate | None:
    """Give one predicate for both selectors, None when both are empty.

    ``extra_fields`` are paths a custom resource can also be selected by.

    Raises:
        ApiError: 400 when one cannot be parsed or names an unknown field.
    """
    by_label = parse_label_selector(label_selector)
    by_field = parse_field_selector(resource_type, field_selector, extra_fields)
    if by_label is None or by_field is None:
        return by_label or by_field
    return lambda item: by_label(item) and by_field(item)


def parse_label_selector(text: str) -> Predicate | None:
    """Parse ``a=b,c!=d,e in (f,g),h,!i,j>1``; None when it is empty.

    Raises:
        ApiError: 400.
    """
    if not text.strip():
        return None
    requirements = _LabelParser(text).parse()
    if len(requirements) == 1:
        only = requirements[0]
        return lambda item: only(labels_of(item))
    return lambda item: all(requirement(labels_of(item)) for requirement in requirements)


class _LabelParser:
    """A cursor over the tokens of a label selector."""

    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.findall(text)
        self._next = 0

    def parse(self) -> list[_Requirement]:
        requirements = [self._requirement()]
        while self._peek() == ",":
            self._take()
            requirements.append(self._requirement())
        if self._peek():
            raise _unparsable(f"found '{self._peek()}', expected: ',' or 'end of string'")
        return requirements

    def _peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        self._next += 1
        return token

    def _requirement(self) -> _Requirement:
        if self._peek() == "!":
            self._take()
            absent = self._key()
            return lambda labels: absent not in labels
        key = self._key()
        operator = self._peek()
        if operator in ("", ","):
            return lambda labels: key in labels
        self._take()
        return self._compare(key, operator)

    def _compare(self, key: str, operator: str) -> _Requirement:
        if operator in ("=", "=="):
            value = self._value()
            return lambda labels: labels.get(key) == value
        if operator == "!=":
            value = self._value()
            return lambda labels: labels.get(key) != value
        if operator == "in":
            values = self._values()
            return lambda labels: labels.get(key) in values
        if operator == "notin":
            values = self._values()
            return lambda labels: labels.get(key) not in values
        if operator in ("<", ">"):
            return _ordering(key, operator, self._value())
        raise _unparsable(f"found '{operator}', expected: in, notin, =, ==, !=, gt, lt")

    def _key(self) -> str:
        key = self._take()
        if not key or key in _PUNCTUATION:
            raise _unparsable(f"found '{key}', expected: identifier")
        if not _KEY.fullmatch(key):
            raise _unparsable(f'key: Invalid value: "{key}": it is not a qualified name')
        return key

    def _value(self) -> str:
        if self._peek() in ("", ","):
            return ""
        value = self._take()
        if value in _PUNCTUATION:
            raise _unparsable(f"found '{value}', expected: identifier")
        return _checked_value(value)

    def _values(self) -> frozenset[str]:
        if self._take() != "(":
            raise _unparsable("expected: '('")
        values = []
        while True:
            found = self._take()
            if found in (",", ")"):
                values.append("")
            elif not found or found in _PUNCTUATION:
                raise _unparsable(f"found '{found}', expected: ',', ')' or identifier")
            else:
                values.append(_checked_value(found))
                found = self._take()
            if found == ")":
                return frozenset(values)
            if found != ",":
                raise _unparsable(f"found '{found}', expected: ',' or ')'")


def _ordering(key: str, operator: str, value: str) -> _Requirement:
    try:
        bound = int(value)
    except ValueError:
        raise _unparsable(f'values[0]: Invalid value: "{value}": it must be an integer') from None

    def compare(labels: _Labels) -> bool:
        found = labels.get(key, "")
        if not found.isascii() or not found.isdigit():
            return False
        return int(found) > bound if operator == ">" else int(found) < bound

    return compare


def _checked_value(value: str) -> str:
    if not _VALUE.fullmatch(value):
        raise _unparsable(
            f'values[0]: Invalid value: "{value}": a valid label must be an empty string or consist of '
            "alphanumeric characters, '-', '_' or '.', at most 63 of them"
        )
    return value


def _unparsable(why: str) -> ApiError:
    return bad_request(f"unable to parse requirement: {why}")


def parse_field_selector(
    resource_type: ResourceType, text: str, extra_fields: Sequence[str] = ()
) -> Predicate | None:
    """Parse ``a=b,c!=d``; None when it is empty.

    Raises:
        ApiError: 400 when it is malformed or the type cannot be selected by that field.
    """
    if not text:
        return None
    terms = [
        _field_term(resource_type, term, extra_fields) for term in re.split(r"(?<!\\),", text) if term.strip()
    ]
    if len(terms) == 1:
        return terms[0]
    return lambda item: all(term(item) for term in terms)


def _field_term(resource_type: ResourceType, term: str, extra_fields: Sequence[str]) -> Predicate:
    match = _TERM.fullmatch(term)
    if match is None:
        raise bad_request(f"invalid selector: '{term}'; can't understand '{term}'")
    field = match[1].strip()
    wanted = _ESCAPE.sub(r"\1", match[3])
    equal = match[2] != "!="
    known = _FIELDS.get(resource_type.resource, {})
    if not (field in _FIELDS_OF_ALL or field in known or field in extra_fields):
        raise _unknown_field(field, bool(known))
    default = known.get(field, "")
    path = _PLACES.get(field, field).split(".")
    return lambda item: (_value_at(item, path, default) == wanted) is equal


def _unknown_field(field: str, has_own: bool) -> ApiError:
    if has_own:
        return bad_request(f"field label not supported: {field}")
    return bad_request(f'"{field}" is not a known field selector: only "metadata.name", "metadata.namespace"')


def _value_at(item: Object, path: Sequence[str], default: str) -> str:
    found: Any = item
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    if found is None:
        return default
    if isinstance(found, bool):
        return "true" if found else "false"
    return str(found)
