"""The rules of the agent, as connections meet them between a node and a pod."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.native.conftest import Agent, Driver
from tests.unit.native.exchanges import PROGRAM, render, serve
from tests.unit.native.network import ADDRESSES, Listeners, Network, open_networks

OUTBOUND, INBOUND, PROBES, APPLICATION, NAMES = 15001, 15006, 15021, 8080, 53
PROXY_UID = 1337
FAMILIES = (socket.AF_INET, socket.AF_INET6)


def arguments(place: Path, *command: str, pod: str = "10.9.0.2", host: str = "10.9.0.1") -> list[str]:
    (place / "token").write_text("token")
    (place / "identity").mkdir(exist_ok=True)
    return [
        *("init", "--redirect", f"{OUTBOUND}:{INBOUND}", "--uid", str(PROXY_UID)),
        *("--pod-address", pod, "--host-address", host, "--direct", str(PROBES), "--direct", "9"),
        *("--token", str(place / "token"), "--identity", str(place / "identity")),
        *("--socket", str(place / "x.sock"), "--fetch", "/trust=trust.json"),
        *("--", *(command or (*PROGRAM, str(place / "x.sock")))),
    ]


@pytest.fixture
def networks() -> Iterator[tuple[Network, Network]]:
    with open_networks() as networks:
        yield networks


@pytest.fixture(scope="module")
def redirected(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Network, Network]]:
    with open_networks() as (node, pod), Listeners() as listeners:
        for port in (OUTBOUND, INBOUND, PROBES, APPLICATION):
            listeners.add(pod, port)
        for port in (APPLICATION, NAMES):
            listeners.add(node, port)
        place = tmp_path_factory.mktemp("redirected")
        agent = Agent(*pod.prefix, str(programs / "alcove-agent-sanitized"))
        assert agent.call(*arguments(place)).returncode == 0
        yield node, pod


@pytest.mark.root
class TestConnections:
    @pytest.mark.parametrize("family", FAMILIES)
    @pytest.mark.parametrize(
        ("to", "port", "uid", "answers"),
        [
            ("node", APPLICATION, 0, f"pod:{OUTBOUND}"),
            ("node", 9, 1000, f"pod:{OUTBOUND}"),
            ("node", APPLICATION, PROXY_UID, f"node:{APPLICATION}"),
            ("node", NAMES, 0, f"node:{NAMES}"),
            ("pod", APPLICATION, 0, f"pod:{APPLICATION}"),
            ("loopback", APPLICATION, 0, f"pod:{APPLICATION}"),
            ("loopback", PROBES, PROXY_UID, f"pod:{PROBES}"),
        ],
    )
    def test_from_the_pod(
        self,
        redirected: tuple[Network, Network],
        family: socket.AddressFamily,
        to: str,
        port: int,
        uid: int,
        answers: str,
    ) -> None:
        assert redirected[1].ask(family, to, port, uid=uid) == answers

    @pytest.mark.parametrize("family", FAMILIES)
    @pytest.mark.parametrize(
        ("port", "answers"),
        [
            (APPLICATION, f"pod:{INBOUND}"),
            (1, f"pod:{INBOUND}"),
            (NAMES, f"pod:{INBOUND}"),
            (PROBES, f"pod:{PROBES}"),
        ],
    )
    def test_to_the_pod(
        self, redirected: tuple[Network, Network], family: socket.AddressFamily, port: int, answers: str
    ) -> None:
        assert redirected[0].ask(family, "pod", port) == answers

    @pytest.mark.parametrize("family", FAMILIES)
    @pytest.mark.parametrize("port", [OUTBOUND, INBOUND])
    @pytest.mark.parametrize(
        ("source", "to", "uid"),
        [
            ("node", "pod", 0),
            ("pod", "pod", 0),
            ("pod", "pod", PROXY_UID),
            ("pod", "loopback", 0),
            ("pod", "loopback", PROXY_UID),
        ],
    )
    def test_nobody_connects_to_the_proxys_own_ports(
        self,
        redirected: tuple[Network, Network],
        family: socket.AddressFamily,
        port: int,
        source: str,
        to: str,
        uid: int,
    ) -> None:
        network = redirected[source == "pod"]
        with pytest.raises(ConnectionRefusedError):
            network.ask(family, to, port, uid=uid)

    @pytest.mark.parametrize("family", FAMILIES)
    def test_what_is_not_tcp_passes(
        self, redirected: tuple[Network, Network], family: socket.AddressFamily
    ) -> None:
        node, pod = redirected
        with (
            node.open(family, kind=socket.SOCK_DGRAM) as there,
            pod.open(family, kind=socket.SOCK_DGRAM) as here,
        ):
            there.bind((ADDRESSES["node", family], 8081))
            there.settimeout(5)
            here.sendto(b"hello", there.getsockname()[:2])
            content, sender = there.recvfrom(100)
            assert (content, sender[0]) == (b"hello", ADDRESSES["pod", family])


@pytest.mark.root
class TestInstalling:
    def test_again_they_are_the_same(
        self, agent: Agent, networks: tuple[Network, Network], tmp_path: Path
    ) -> None:
        """And who asks for the identity is not redirected by those that were there."""
        pod = networks[1]
        inside = agent.below(*pod.prefix)
        assert inside.call(*arguments(tmp_path)).returncode == 0
        rules = pod.run("nft", "list", "ruleset")
        assert rules.count("redirect to") == 2
        script = f"nft list tables; echo none; exec {' '.join(PROGRAM)} {tmp_path / 'x.sock'}"
        done = inside.call(*arguments(tmp_path, "sh", "-c", script))
        assert (done.returncode, done.stderr) == (0, b"none\nlistening\n")
        assert pod.run("nft", "list", "ruleset") == rules

    def test_rules_of_others_stay(
        self, agent: Agent, networks: tuple[Network, Network], tmp_path: Path
    ) -> None:
        pod = networks[1]
        pod.run("nft", "add table inet theirs")
        assert agent.below(*pod.prefix).call(*arguments(tmp_path)).returncode == 0
        assert pod.run("nft", "list", "tables").splitlines() == ["table inet theirs", "table inet alcove"]

    @pytest.mark.parametrize(
        ("pod_address", "host_address", "reason"),
        [
            ("10.9.0.1", "10.9.0.1", "the pod has the network of its node (10.9.0.1)"),
            ("fd00:9::1", "fd00:9:0::0:1", "the pod has the network of its node (fd00:9::1)"),
            ("", "10.9.0.1", "the pod's address is"),
            ("10.9.0.2", "$(ALCOVE_HOST_IP)", "the node's address is"),
        ],
    )
    def test_the_nodes_network_is_refused(
        self,
        agent: Agent,
        networks: tuple[Network, Network],
        tmp_path: Path,
        pod_address: str,
        host_address: str,
        reason: str,
    ) -> None:
        pod = networks[1]
        words = arguments(tmp_path, "touch", str(tmp_path / "ran"), pod=pod_address, host=host_address)
        done = agent.below(*pod.prefix).call(*words)
        assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
        assert done.stderr.startswith(b"alcove-agent: not redirecting: " + reason.encode())
        assert pod.run("nft", "list", "ruleset") == ""
        assert not (tmp_path / "ran").exists()
        assert list((tmp_path / "identity").iterdir()) == []

    def test_no_more_than_one_capability_is_needed(
        self, programs: Path, networks: tuple[Network, Network], tmp_path: Path
    ) -> None:
        pod = networks[1]
        bare = ("setpriv", "--bounding-set", "-all,+net_admin", "--inh-caps=-all", "--regid", "1337")
        agent = Agent(*pod.prefix, *bare, "--clear-groups", "--no-new-privs", str(programs / "alcove-agent"))
        done = agent.call(*arguments(tmp_path))
        assert (done.returncode, done.stderr) == (0, b"listening\n")
        assert pod.run("nft", "list", "tables") == "table inet alcove\n"

    def test_without_it_the_reason_is_told(
        self, agent: Agent, networks: tuple[Network, Network], tmp_path: Path
    ) -> None:
        bare = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
        done = agent.below(*networks[1].prefix, *bare).call(*arguments(tmp_path, "sleep", "600"))
        assert done.returncode == 1
        assert b"it needs the capability NET_ADMIN" in done.stderr

    def test_without_nft_the_reason_is_told(
        self, agent: Agent, networks: tuple[Network, Network], tmp_path: Path
    ) -> None:
        done = agent.below(*networks[1].prefix).call(
            *arguments(tmp_path, "/bin/sleep", "600"),
            env={"PATH": str(tmp_path), "ASAN_OPTIONS": "detect_leaks=0"},
            executable="/usr/bin/nsenter",
        )
        assert done.returncode == 1
        assert b"cannot start nft: not found in PATH" in done.stderr

    def test_closed_streams_are_no_obstacle(
        self, agent: Agent, networks: tuple[Network, Network], tmp_path: Path
    ) -> None:
        pod = networks[1]
        closing = agent.below(*pod.prefix, "sh", "-c", 'exec "$0" "$@" <&- >&-')
        with serve(tmp_path / "x.sock", lambda request: render(b"x")):
            assert closing.call(*arguments(tmp_path, "sleep", "600")).returncode == 0
        assert pod.run("nft", "list", "tables") == "table inet alcove\n"


class TestRules:
    @pytest.mark.parametrize("direct", [0, 1, 64])
    def test_they_are_whole(self, driver: Driver, direct: int) -> None:
        rules = driver.ask("rules", 65534, 65535, 4294967294, direct)
        assert rules.startswith("add table inet alcove;delete table inet alcove;table inet alcove {;")
        assert rules.endswith("  };};")
        assert "meta skuid 4294967294 return;" in rules
        assert rules.count("return;") == 5 + direct
