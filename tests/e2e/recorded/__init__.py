"""What a cluster of Kubernetes 1.36 answered to long series of requests, and how to compare with it.

Each ``.jsonl`` file is a series in a namespace of its own; each line is a request (``ask``: method, path,
body, headers, impersonated user) and what was answered (``told``), without what differs from one cluster
to the next: uids, times, addresses, revisions; null where the answer is not the point.
``ALCOVE_E2E_RECORD=1`` with ``ALCOVE_E2E_KUBECONFIG`` of
a real cluster writes the answers anew.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.e2e.rest import Answer, Rest

HERE = Path(__file__).parent
RECORDING = os.environ.get("ALCOVE_E2E_RECORD", "") == "1"
PATIENCE = 5.0
"""Seconds that a definition or a role may take until it counts."""

_FORMS = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<uid>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)"), "<time>"),
    (re.compile(r"\b10\.\d+\.\d+\.\d+\b"), "<address>"),
    (re.compile(r"kube-api-access-\w{5}"), "kube-api-access"),
    (re.compile(r"\(\d+\)|(?<=record )\d+|(?<=current: )\d+"), "<revision>"),
)
_UNSTABLE = frozenset(
    {"resourceVersion", "nodePort", "continue", "token", "storageVersionHash", "serverAddress"}
)
_NOT_COMPARED = frozenset({"description", "message"})
_MAY_COME = frozenset({403, 404})
_LATER = threading.Event()
"""Never set: to wait a moment for what only a poll can tell."""
_SETTLED = frozenset({403, 404, 409})
"""Codes whose messages clients and people know; other messages are for reading."""
_CONTROLLERS = ("kube-controller-manager", "alcove", "kubelet")


def names() -> list[str]:
    """Give the names of all series."""
    return sorted(path.stem for path in HERE.glob("*.jsonl"))


def lines(name: str) -> list[dict[str, Any]]:
    """Read a series."""
    return [json.loads(line) for line in (HERE / f"{name}.jsonl").read_text().splitlines()]


def replay(name: str, api: Rest, namespace: str) -> Iterator[str]:
    """Ask everything of a series in ``namespace``; yield each answer that is not as it was told."""
    steps = lines(name)
    for step in steps:
        told = _ask(api, step, namespace, patient=not RECORDING)
        if step["told"] is None:
            continue
        if RECORDING:
            step["told"] = told
        elif told != step["told"]:
            yield f"{step['case']}: {' '.join(step['ask'][:2])}\n" + "\n".join(
                differences(step["told"], told)
            )
    if RECORDING:
        text = "".join(json.dumps(step, separators=(",", ":")) + "\n" for step in steps)
        (HERE / f"{name}.jsonl").write_text(text)


def _ask(api: Rest, step: dict[str, Any], namespace: str, *, patient: bool) -> Any:
    method, path, body, headers, user = (*step["ask"], None, None, None)[:5]
    caller = api.acting_as(user.replace("{ns}", namespace)) if user else api
    text = body if isinstance(body, str) or body is None else json.dumps(body)
    content = None if text is None else text.replace("{ns}", namespace).encode()
    end = time.monotonic() + PATIENCE
    while True:
        answer = caller(method, path.replace("{ns}", namespace), content, **(headers or {}))
        told = shown(answer, namespace, created=method == "POST")
        expected = step["told"]
        over = not patient or expected in (None, told) or time.monotonic() > end
        if over or answer.code not in _MAY_COME or expected["code"] in _MAY_COME:
            return told
        _LATER.wait(0.1)


def shown(answer: Answer, namespace: str, *, created: bool) -> Any:
    """Give of an answer what is the same in every cluster."""
    body = answer.body
    if not isinstance(body, dict):
        return {"code": answer.code}
    if body.get("kind") == "Status":
        kept = [name for name in ("reason", "details") if body.get(name)]
        told = {name: body[name] for name in kept} | {"code": answer.code}
        if answer.code in _SETTLED:
            told["told"] = body.get("message")
        if "causes" in (told.get("details") or {}):
            causes = [[each.get("reason"), each.get("field")] for each in told["details"]["causes"]]
            told["details"] = told["details"] | {"causes": sorted(causes, key=str)}
        return _stable(told, namespace)
    if not created:
        body = {name: value for name, value in body.items() if name != "status"}
    return _stable({"code": answer.code, "body": body}, namespace)


def _stable(value: Any, namespace: str) -> Any:
    if isinstance(value, dict):
        if str(value.get("name", "")).startswith("kube-api-access-"):
            value = {"name": value["name"]}  # what is in it differs by distribution
        listed = str(value.get("kind", "")).endswith("List")
        return {
            _stable(name, namespace): _entry(name, each, namespace, listed=listed)
            for name, each in value.items()
            if name not in _NOT_COMPARED and each not in (None, {}, [])
        }
    if isinstance(value, list):
        return [_stable(each, namespace) for each in value]
    if isinstance(value, str):
        for form, stands_for in _FORMS:
            value = form.sub(stands_for, value)
        return value.replace(namespace, "{ns}")
    return value


def _entry(name: str, value: Any, namespace: str, *, listed: bool) -> Any:
    if name in _UNSTABLE and isinstance(value, str | int):
        return bool(value)
    if name == "managedFields":
        own = [each for each in value if each.get("manager") not in _CONTROLLERS]
        value = sorted(
            own, key=lambda each: (each["operation"], each["manager"], each.get("subresource", ""))
        )
    if name == "items" and listed:  # only custom ones say there what they are
        value = [
            {key: part for key, part in each.items() if key not in ("kind", "apiVersion")} for each in value
        ]
    return _stable(value, namespace)


def differences(told: Any, found: Any, path: str = "") -> Iterator[str]:
    """Yield where two answers differ."""
    if isinstance(told, dict) and isinstance(found, dict):
        for name in sorted(told.keys() | found.keys()):
            yield from differences(told.get(name, "nothing"), found.get(name, "nothing"), f"{path}.{name}")
    elif isinstance(told, list) and isinstance(found, list) and len(told) == len(found):
        for index, (one, other) in enumerate(zip(told, found, strict=True)):
            yield from differences(one, other, f"{path}[{index}]")
    elif told != found:
        yield f"  {path}: recorded {told!r:.200}, found {found!r:.200}"
