"""How rules about built-in objects are stated: a check at a path, or a function of the whole object.

Paths are written as in messages; ``[*]`` stands for every entry of a list, ``.*`` for every value of a map.
A check sees what is there; what is missing is the schema's business, or that of ``present``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from alcove.embedded.faults import Cause
from alcove.embedded.objects import Object
from alcove.embedded.schema import causes, syntax

Check = Callable[[str, Any], Iterator[Cause]]
"""Yields what is wrong with the value at a path."""

Whole = Callable[[Object, Object | None], Iterator[Cause]]
"""Yields what is wrong with an object, given the one before it on updates."""


class Rule(NamedTuple):
    """A check for each value at a path."""

    path: str
    check: Check


def run(rules: tuple[Rule | Whole, ...], item: Object, old: Object | None) -> Iterator[Cause]:
    """Yield what is wrong with an object whose types are right."""
    for rule in rules:
        if isinstance(rule, Rule):
            for path, value in values_at(item, rule.path):
                yield from rule.check(path, value)
        else:
            yield from rule(item, old)


def values_at(item: Any, pattern: str) -> Iterator[tuple[str, Any]]:
    """Yield path and value of everything a pattern leads to; nulls are not there."""
    return _walk(item, _steps(pattern) if pattern else (), "")


@lru_cache(maxsize=1024)
def _steps(pattern: str) -> tuple[str, ...]:
    return tuple(pattern.replace("[*]", ".[]").split("."))


def _walk(item: Any, steps: tuple[str, ...], path: str) -> Iterator[tuple[str, Any]]:
    if not steps:
        yield path, item
        return
    step, rest = steps[0], steps[1:]
    if step == "[]":
        for index, entry in enumerate(item if isinstance(item, list) else ()):
            yield from _walk(entry, rest, f"{path}[{index}]")
    elif isinstance(item, dict):
        if step == "*":
            for key, entry in item.items():
                yield from _walk(entry, rest, f"{path}[{key}]")
        elif item.get(step) is not None:
            yield from _walk(item[step], rest, causes.join(path, step))


def below(prefix: str, rules: tuple[Rule | Whole, ...]) -> tuple[Rule | Whole, ...]:
    """Give rules of a part as rules of the objects that have it at ``prefix`` (plain names)."""
    return tuple(
        Rule(f"{prefix}.{rule.path}", rule.check) if isinstance(rule, Rule) else _part(prefix, rule)
        for rule in rules
    )


def _part(prefix: str, rule: Whole) -> Whole:
    def check(item: Object, old: Object | None) -> Iterator[Cause]:
        for _, part in values_at(item, prefix):
            before = None if old is None else next((each for _, each in values_at(old, prefix)), None)
            for cause in rule(part, before):
                yield Cause(cause.reason, cause.message, causes.join(prefix, cause.field))

    return check


def parts(*checks: tuple[str, Check]) -> Check:
    """Check what is below a value: walked to once for all, and not at all when the value is not there."""
    rules = tuple((_steps(path) if path else (), check) for path, check in checks)

    def run_below(path: str, value: Any) -> Iterator[Cause]:
        for steps, check in rules:
            for place, found in _walk(value, steps, path):
                yield from check(place, found)

    return run_below


# --------------------------------------------------------------------------------------------- checks


def one_of(*known: str) -> Check:
    """Only these values."""

    def check(path: str, value: Any) -> Iterator[Cause]:
        if value not in known:
            yield causes.not_supported(path, value, known)

    return check


def like(form: syntax.Check) -> Check:
    """Only texts of this form."""

    def check(path: str, value: Any) -> Iterator[Cause]:
        for complaint in form(value):
            yield causes.invalid(path, value, complaint)

    return check


def named(form: syntax.Check) -> Check:
    """Only texts of this form, and not the empty one."""

    def check(path: str, value: Any) -> Iterator[Cause]:
        yield from (like(form)(path, value) if value else [causes.required(path)])

    return check


def keyed(form: syntax.Check) -> Check:
    """Only keys of this form."""

    def check(path: str, value: Any) -> Iterator[Cause]:
        for key in value:
            for complaint in form(key):
                yield causes.invalid(f"{path}[{key}]", key, complaint)

    return check


def between(low: int, high: int) -> Check:
    """Only numbers from ``low`` to ``high``; texts are let through (ports may be names)."""

    def check(path: str, value: Any) -> Iterator[Cause]:
        if not isinstance(value, str) and not low <= value <= high:
            yield causes.invalid(path, value, f"must be between {low} and {high}, inclusive")

    return check


def at_least(low: int) -> Check:
    """Only numbers from ``low`` on."""

    def check(path: str, value: Any) -> Iterator[Cause]:
        if not isinstance(value, str) and value < low:
            yield causes.invalid(path, value, f"must be greater than or equal to {low}")

    return check


def port_or_name(path: str, value: Any) -> Iterator[Cause]:
    """A port's number, or the name of one."""
    if isinstance(value, str):
        yield from like(syntax.port_name)(path, value)
    else:
        yield from between(1, 65535)(path, value)


_PERCENTAGE = re.compile("[0-9]+%")


def percentage(path: str, value: Any) -> Iterator[Cause]:
    """A number from 0 on, or a percentage."""
    if not isinstance(value, str):
        yield from at_least(0)(path, value)
    elif not _PERCENTAGE.fullmatch(value):
        why = "a valid percent string must be a numeric string followed by an ending '%'"
        yield causes.invalid(path, value, why)


def share(path: str, value: Any) -> Iterator[Cause]:
    """A number from 0 on, or at most 100 %."""
    wrong = list(percentage(path, value))
    yield from wrong
    if not wrong and isinstance(value, str) and (len(value) > 4 or int(value[:-1]) > 100):
        yield causes.invalid(path, value, "must not be greater than 100%")


def unique(*names: str) -> Check:
    """No two objects of a list with the same values of these fields."""

    def check(path: str, value: Any) -> Iterator[Cause]:
        seen: set[str] = set()
        for index, entry in enumerate(value):
            key = [entry.get(name) for name in names]
            if None in key or "" in key:
                continue
            mark = causes.shown(key)
            if mark in seen:
                if len(names) == 1:
                    yield causes.duplicate(f"{path}[{index}].{names[0]}", key[0])
                else:
                    yield causes.duplicate(f"{path}[{index}]", dict(zip(names, key, strict=True)))
            seen.add(mark)

    return check


def present(*names: str, why: str = "") -> Check:
    """These fields are there and not empty."""

    def check(path: str, value: Any) -> Iterator[Cause]:
        for name in names:
            if value.get(name) in (None, "", [], 0):
                yield causes.required(causes.join(path, name), why)

    return check


def filled(why: str = "") -> Check:
    """Not empty."""

    def check(path: str, value: Any) -> Iterator[Cause]:
        if not value:
            yield causes.required(path, why)

    return check


def exactly_one(*names: str, missing: str, more: str) -> Check:
    """One of these fields and no second."""

    def check(path: str, value: Any) -> Iterator[Cause]:
        found = [name for name in names if value.get(name) is not None]
        if not found:
            yield causes.required(path, missing)
        for name in found[1:]:
            yield causes.forbidden(f"{path}.{name}", more)

    return check


def unchanging(*paths: str) -> Whole:
    """Values that stay as they were once they were set."""

    def check(item: Object, old: Object | None) -> Iterator[Cause]:
        for path in paths if old is not None else ():
            before = next((value for _, value in values_at(old, path)), None)
            after = next((value for _, value in values_at(item, path)), None)
            if before is not None and before != after:
                yield causes.immutable(path, after)

    return check


def selector(path: str, value: Any) -> Iterator[Cause]:
    """A LabelSelector that can be evaluated."""
    for key, text in (value.get("matchLabels") or {}).items():
        for complaint in syntax.qualified_name(key):
            yield causes.invalid(f"{path}.matchLabels", key, complaint)
        for complaint in syntax.label_value(text):
            yield causes.invalid(f"{path}.matchLabels", text, complaint)
    for index, expression in enumerate(value.get("matchExpressions") or ()):
        yield from _expression(f"{path}.matchExpressions[{index}]", expression)


_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


def _expression(path: str, expression: Object) -> Iterator[Cause]:
    operator, values = expression.get("operator"), expression.get("values") or ()
    if operator not in _OPERATORS:
        yield causes.invalid(f"{path}.operator", operator, "not a valid selector operator")
    elif operator in ("In", "NotIn") and not values:
        yield causes.required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in ("Exists", "DoesNotExist") and values:
        why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
        yield causes.forbidden(f"{path}.values", why)
    for complaint in syntax.qualified_name(str(expression.get("key", ""))):
        yield causes.invalid(f"{path}.key", expression.get("key", ""), complaint)
