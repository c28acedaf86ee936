"""The table of decisions by real Envoys between real pods; a sample of it, all rows with ALCOVE_E2E_ALL=1.

The rows are those of the feature tests. Five spaces with one pod each are there for the whole of the module;
between the states the labels of namespaces and the Services change, as a cluster changes while it is used.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from alcove.app.observation.spaces import ALIASES_ANNOTATION
from alcove.spaces.headers import parse_route_key
from alcove.spaces.resolve import Reason
from tests.e2e.sampling import choose_rows
from tests.e2e.spaces import PORTS, Asker, Spaces, open_askers, until
from tests.feature.routing import states
from tests.feature.routing.states import Case

pytestmark = [pytest.mark.root, pytest.mark.timeout(180)]

IN_CI = 40
DOCUMENT = yaml.safe_load(Path(states.__file__).with_name("decisions.yaml").read_text())
_STATES, _CASES = states.load()
_SPACES = re.compile(r"(?<!\w)(dev|amyx|amy|%61my|bob|prod)(?!\w)", re.IGNORECASE)
_REFUSED = (Reason.ABSENT.name, Reason.NO_PORT.name)
_NARROW = ({"name": "http", "port": states.NAMED, "targetPort": 8080},)
_NOT_ASKED_FOR = ({"name": "other", "port": states.NAMED, "targetPort": 8080},)
_TARGETS = {one["port"]: one["targetPort"] for one in PORTS}
_NUMBERS = {"http": states.HTTP, "grpc": states.GRPC, "tcp": states.TCP, "plain": states.PLAIN}


def dimensions(case: Case) -> tuple[str, ...]:
    """Give what a row is an example of, for the choice of a sample."""
    service, _, space = case.to.partition(".")
    host = "other" if re.match(r"[\d.]+$|anything", case.host) else _SPACES.sub("SPACE", case.host)
    carriers = " ".join(f"{name}{'' if value else ' empty'}" for name, value in case.headers.items())
    return case.state, case.caller, service, space, carriers, host, case.protocol, case.answer, case.reason


SAMPLE = [_CASES[place] for place in choose_rows([dimensions(case) for case in _CASES], IN_CI)]
ROWS = sorted(_CASES if os.environ.get("ALCOVE_E2E_ALL") else SAMPLE, key=lambda case: case.state)


@dataclass
class World:
    """Five spaces and a pod without a proxy, in one state of the table after the other."""

    spaces: Spaces
    pods: Mapping[str, str]
    askers: Mapping[str, Asker]
    state: str = ""
    services: dict[tuple[str, str], str] = field(default_factory=dict)
    """The addresses of Services, and of those that were removed last."""
    alive: set[tuple[str, str]] = field(default_factory=set)
    marks: int = 0

    def enter(self, state: str) -> None:
        """Be in a state, and know that every proxy is."""
        if state == self.state:
            return
        words = DOCUMENT["states"][state]
        gone = {key for kind in ("removed", "again") for key in _pairs(words.get(kind, {}))}
        wanted = _pairs(words["services"]) | _pairs(words.get("again", {}))
        for name in states.SPACES:
            self.spaces.set_parent(name, words["spaces"].get(name))
        # What was removed was there: with the parents of this state, known to everybody.
        self.have(wanted | gone)
        if gone:
            self.settle(words["spaces"])
            self.wait_for_aliases(gone)
            was = {key: self.services[key] for key in gone}
            self.have(wanted - gone)
            self.have(wanted)
            self.services |= was
        self.settle(words["spaces"])
        self.state = state

    def have(self, wanted: set[tuple[str, str]]) -> None:
        """Create and delete Services until there are these."""
        for space, service in sorted(self.alive - wanted):
            self.spaces.remove_service(space, service)
        for space, service in sorted(wanted - self.alive):
            child = space not in ("dev", "prod")
            ports = _NARROW if service == states.NARROW and child else PORTS
            spec = {"clusterIP": "None"} if service == states.HEADLESS else {}
            self.services[space, service] = self.spaces.add_service(space, service, ports, **spec)
        self.alive = set(wanted)

    def wait_for_aliases(self, gone: set[tuple[str, str]]) -> None:
        """Wait until it is written down what the addresses of Services stand for."""
        for space, service in gone:
            until(functools.partial(self._is_alias, space, self.services[space, service]))

    def _is_alias(self, space: str, address: str) -> bool:
        found = self.spaces.do("GET", f"/api/v1/namespaces/{self.spaces.namespace(space)}").body
        return address in found["metadata"].get("annotations", {}).get(ALIASES_ANNOTATION, "")

    def settle(self, names: Iterable[str]) -> None:
        """Wait until the proxies of spaces know a Service and a namespace that changed after all others."""
        self.marks += 1
        if self.marks % 2:
            self.spaces.add_service("later", "mark", _NOT_ASKED_FOR)
        else:
            self.spaces.remove_service("later", "mark")
        self.spaces.set_parent("moved", "mark" if self.marks % 2 else "")
        for name in names:
            until(functools.partial(self._knows, self.askers[name]))

    def _knows(self, asker: Asker) -> bool:
        address = self.services["mark", "mark"]
        keys = [self.spaces.namespace(name) for name in ("later", "moved")]
        answers = [asker.get(address, key) for key in keys]
        narrow = [Reason.NO_PORT.value in str(answer.get("text")) for answer in answers]
        return narrow == [bool(self.marks % 2)] * 2

    def call(self, case: Case) -> Any:
        """Ask as a row says."""
        service, space = case.to.split(".")
        address, port = self.services[space, service], _NUMBERS[case.protocol]
        if service == states.HEADLESS:
            address, port = self.pods[space], _TARGETS[port]
        asker, host = self.askers[case.caller], self.rename(case.host)
        headers = [[name, self.rename(value)] for name, value in case.headers.items()]
        if case.protocol == "tcp":
            return asker(do="tcp", host=address, port=port, say="well")
        if case.protocol == "grpc":
            return asker(do="grpc", target=f"{address}:{port}", metadata=headers, authority=host)
        return asker(do="http", url=f"http://{address}:{port}/", headers=[["Host", host], *headers])

    def rename(self, text: str) -> str:
        """Put the namespaces' names into a header of the table, in the letters it is written in."""

        def name(found: re.Match[str]) -> str:
            word = found[0]
            return (
                self.spaces.namespace(word.lower()).upper() if word.isupper() else self.spaces.namespace(word)
            )

        return _SPACES.sub(name, text)


def _pairs(words: Mapping[str, str]) -> set[tuple[str, str]]:
    return {(space, service) for space, names in words.items() for service in names.split()}


@pytest.fixture(scope="module")
def world(spaces: Spaces) -> Iterator[World]:
    names = (*states.SPACES, states.OUTSIDE)
    # "outside" has no proxy; the three others have Services alone, to tell when a change has arrived.
    spaces.make(dict.fromkeys(states.SPACES, "") | {states.OUTSIDE: None})
    spaces.make({"mark": "", "later": "mark", "moved": ""})
    pods = spaces.deploy(*names)
    with open_askers(spaces, names) as askers:
        world = World(spaces, pods, askers)
        world.services["mark", "mark"] = spaces.add_service("mark", "mark")
        spaces.add_service("moved", "mark", _NOT_ASKED_FOR)
        yield world


def test_the_sample_shows_every_state_protocol_and_reason() -> None:
    rows, sample = [dimensions(case) for case in _CASES], [dimensions(case) for case in SAMPLE]
    assert len(sample) == IN_CI
    for column in range(len(rows[0])):
        assert {row[column] for row in sample} == {row[column] for row in rows}


@pytest.mark.parametrize("case", ROWS, ids=lambda case: "-".join([case.state, case.caller, case.to]))
def test_pods_are_answered_as_the_table_says(world: World, case: Case) -> None:
    world.enter(case.state)
    assert until(lambda: agrees(world, case, world.call(case)), seconds=5)


def agrees(world: World, case: Case, answer: Any) -> bool:
    """Tell that an answer is the table's.

    Raises:
        AssertionError: it is another.
    """
    if case.reason in _REFUSED:
        assert Reason[case.reason].value in str(answer.get("text") or answer.get("error")), answer
    elif case.protocol == "tcp":
        assert (answer.get("first"), answer.get("second")) == (case.answer, "well"), answer
    else:
        told = answer.get("body") or answer
        assert told.get("name") == case.answer, answer
        found = parse_route_key((name, value) for name, value in told["headers"])
        assert (found[0] if found else "") == world.rename(case.key)
    return True
