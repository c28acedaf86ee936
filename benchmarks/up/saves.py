"""Saves through ``alcove up``: when the new bytes were in the container, and when a new process answered."""

from __future__ import annotations

import random
import statistics
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.up import figures, trees
from benchmarks.up.desk import Desk, Follower, Page, measure_start

_PAUSES = (0.05, 0.3)
_FREE_PORT = 18971


class Save(NamedTuple):
    """One save of the page, by the monotonic clock in seconds."""

    number: int
    saved: float
    told: float
    """When the workstation heard that it had arrived."""
    spent: float
    """What the hub says it needed for the container."""


def save_often(desk: Desk, follower: Follower, count: int, *, first: int) -> list[Save]:
    """Save the page again and again, each time when the last one has arrived."""
    chance, made = random.Random(first), []
    for number in range(first, first + count):
        time.sleep(chance.uniform(*_PAUSES))  # noqa: TID251 - somebody who types
        saved = time.monotonic()
        trees.write_page(desk.project, number)
        event = follower.wait("updated", kind="copy")
        made.append(Save(number, saved, event.at, float(event.told["seconds"])))
    return made


def measure_copies(page: Page, made: Sequence[Save]) -> list[float]:
    """Give the seconds from each save to the moment in which the new bytes were read in the container."""
    arrived = page.get("/arrivals")
    return [arrived[str(one.number)] / 1e9 - one.saved for one in made]


class Restart(NamedTuple):
    """One save of the program, in seconds since."""

    began: float
    """When the new process ran the first of its own lines."""
    listened: float
    answered: float


def measure_restarts(desk: Desk, page: Page, count: int) -> list[Restart]:
    """Save the program again and again; somebody asks all the time who answers."""
    chance, found = random.Random(9), []
    for number in range(1, count + 1):
        time.sleep(chance.uniform(0.3, 0.6))  # noqa: TID251 - somebody who types
        version, saved = f"v{number}", time.monotonic()
        trees.write_program(desk.project, version)
        told = page.until(lambda answer, version=version: answer.get("version") == version)  # type: ignore[misc]
        answered = time.monotonic() - saved
        found.append(Restart(told["began"] / 1e9 - saved, told["listened"] / 1e9 - saved, answered))
    return found


def measure_own_start(desk: Desk, page: Page, count: int) -> list[float]:
    """Give what the application needs by itself, outside of the cluster, from its start to an answer."""
    python = page.get()["python"]
    return [measure_start(python, desk.project / trees.PROGRAM, _FREE_PORT) for _ in range(count)]


def print_saves(copies: Sequence[float]) -> None:
    """Print the row of saves."""
    figures.row(
        "save -> new bytes in the container, p50 / p99",
        figures.spread(copies),
        target="50 / 250 ms",
        method=f"{len(copies)} saves of a file of 4 KB",
    )


def print_restarts(restarts: Sequence[Restart], own: Sequence[float]) -> None:
    """Print the row of restarts."""
    begin = statistics.median(own)
    over = [one.answered - begin for one in restarts]
    figures.row(
        "save -> restarted process answers, p50 / p99",
        figures.spread([one.answered for one in restarts]),
        method=f"{len(restarts)} saves of the program, asked through the localhost port",
    )
    figures.row("the application's own start", figures.spread(own), method="the same program outside")
    figures.row("difference", figures.spread(over), target="<= 150 ms", method="minus the own start's median")
    figures.row(
        "of that: save -> the new process's first line",
        figures.spread([one.began for one in restarts]),
        method="the rest: it gets ready, and an answer through the port",
    )


def print_parts(made: Sequence[Save], copies: Sequence[float], marks: Path) -> None:
    """Print where the time of saves goes, from the marks of a client with clocks."""
    found: Mapping[str, list[float]] = defaultdict(list)
    lines = [line.split() for line in marks.read_text().splitlines()]
    moments = [(name, int(moment) / 1e9) for name, moment, _ in lines]
    for one, copied in zip(made, copies, strict=True):
        inside = [(name, at) for name, at in moments if one.saved <= at <= one.told]
        seen = next(at for name, at in inside if name == "_receive")
        looked = next(at for name, at in inside if name == "look_again-ends")
        sent = max(at for name, at in inside if name == "send_mark")
        committed = next((at for name, at in inside if name == "push-ends"), one.told)
        found["seen (events, held back)"].append(seen - one.saved)
        found["looked at and hashed"].append(looked - seen)
        found["encoded and sent"].append(sent - looked)
        found["taken by the hub, and in the container"].append(one.saved + copied - sent)
        found["(of that the hub's work on the container, with its answer)"].append(one.spent)
        found["(sent -> the hub's word that it has it)"].append(committed - sent)
        found["(arrived -> told at the workstation)"].append(one.told - one.saved - copied)
    for name, values in found.items():
        figures.row(name, figures.spread(values))
