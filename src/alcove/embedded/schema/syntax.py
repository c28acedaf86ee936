"""What names, labels, keys and quantities look like; each check gives what is wrong in Kubernetes' words."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable

Check = Callable[[str], list[str]]
"""Gives the complaints about a text, none when it is right."""

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_NAME_PART = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LOWER = "lower case alphanumeric characters"


def _pattern(expression: str, text: str, example: str, limit: int = 0) -> Check:
    compiled = re.compile(expression)
    complaint = f"{text} (e.g. '{example}', regex used for validation is '{expression}')"

    def check(value: str) -> list[str]:
        complaints = [f"must be no more than {limit} bytes"] if limit and len(value.encode()) > limit else []
        return complaints if compiled.fullmatch(value) else [*complaints, complaint]

    return check


dns_label = _pattern(
    _LABEL,
    f"a lowercase RFC 1123 label must consist of {_LOWER} or '-', and must start and end with an "
    "alphanumeric character",
    "my-name',  or '123-abc",
    63,
)
dns_subdomain = _pattern(
    _SUBDOMAIN,
    f"a lowercase RFC 1123 subdomain must consist of {_LOWER}, '-' or '.', and must start and end with an "
    "alphanumeric character",
    "example.com",
    253,
)
service_label = _pattern(
    "[a-z]([-a-z0-9]*[a-z0-9])?",
    f"a DNS-1035 label must consist of {_LOWER} or '-', start with an alphabetic character, and end with an "
    "alphanumeric character",
    "my-name',  or 'abc-123",
    63,
)
label_value = _pattern(
    f"({_NAME_PART})?",
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
    "start and end with an alphanumeric character",
    "MyValue',  or 'my_value',  or '12345",
    63,
)
_config_key = _pattern(
    "[-._a-zA-Z0-9]+",
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    "key.name',  or 'KEY_NAME',  or 'key-name",
    253,
)
_label_name = _pattern(
    _NAME_PART,
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character",
    "MyName',  or 'my.name',  or '123-abc",
    63,
)
_QUANTITY = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?")
_PORT_NAME = re.compile(r"[-a-z0-9]*")


def qualified_name(value: str) -> list[str]:
    """Check a label key: ``app`` or ``example.com/app``."""
    prefix, slash, name = value.rpartition("/")
    if not slash:
        return _label_name(value)
    complaints = ["prefix part must be non-empty"] if not prefix else []
    if prefix:
        complaints += [f"prefix part {complaint}" for complaint in dns_subdomain(prefix)]
    return complaints + (_label_name(name) if name else ["name part must be non-empty"])


def config_key(value: str) -> list[str]:
    """Check a key of a ConfigMap or a Secret, which becomes the name of a file."""
    complaints = _config_key(value)
    if value in (".", ".."):
        complaints.append(f"must not be '{value}'")
    elif value.startswith(".."):
        complaints.append("must not start with '..'")
    return complaints


def path_segment(value: str) -> list[str]:
    """Check a name that only has to fit into a URL's path, as those of roles."""
    if value in (".", ".."):
        return [f"may not be '{value}'"]
    return [f"may not contain '{each}'" for each in "/%" if each in value]


def env_name(value: str) -> list[str]:
    """Check the name of an environment variable."""
    if value and value.isascii() and value.isprintable() and "=" not in value:
        return []
    return [
        "a valid environment variable name must consist only of printable ASCII characters other than '='"
    ]


def port_name(value: str) -> list[str]:
    """Check the name of a port, as probes and Services refer to it."""
    complaints = []
    if len(value) > 15:
        complaints.append("must be no more than 15 characters")
    if not _PORT_NAME.fullmatch(value):
        complaints.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if "--" in value:
        complaints.append("must not contain consecutive hyphens")
    if not any(each.isalpha() for each in value):
        complaints.append("must contain at least one letter (a-z)")
    if value.startswith("-") or value.endswith("-"):
        complaints.append("must not begin or end with a hyphen")
    return complaints


def quantity(value: object) -> list[str]:
    """Check an amount such as ``500m`` or ``1Gi``; JSON numbers are amounts too."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return []
    if isinstance(value, str) and _QUANTITY.fullmatch(value):
        return []
    return [
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ]


def ip_address(value: str) -> list[str]:
    """Check an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]
    return []


def base64_text(value: str) -> list[str]:
    """Check base64 as secrets carry it."""
    try:
        base64.b64decode(value.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        return ["illegal base64 data"]
    return []


def absolute_path(value: str) -> list[str]:
    """Check that a path begins at the root."""
    return [] if value.startswith("/") else ["must be an absolute path"]
