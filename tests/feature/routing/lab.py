"""A cluster's data plane without a cluster: pods as network namespaces, Services as DNAT, real Envoys.

::

    pod amy ──┐                       DNAT: cluster address ──► pod address
    pod dev ──┼── node's namespace ───
    pod out ──┘   (a pod without a proxy)

Namespaces exist as long as the processes in them do, which end with the lab.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.feature.routing.ads import Discovery

ENVOY_UID = 48731
_BOUND = 15.0


def find_envoy() -> str:
    """Give the path of the binary: two packages own the module ``envoy``, so no import finds it."""
    spec = importlib.util.find_spec("envoy")
    assert spec is not None and spec.submodule_search_locations
    return next(
        str(Path(place) / "_bin" / "envoy")
        for place in spec.submodule_search_locations
        if (Path(place) / "_bin" / "envoy").exists()
    )


@dataclass(frozen=True, slots=True)
class PodShape:
    """One pod to make."""

    name: str
    address: str
    proxied: bool = True


class Lab:
    """Pods that call each other; ``services`` maps a cluster address and port to a pod's."""

    def __init__(self, pods: Sequence[PodShape], services: dict[tuple[str, int], tuple[str, int]]) -> None:
        self._stack = ExitStack()
        # Envoy runs as another user, who cannot enter the directories that pytest makes.
        directory = self._directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        directory.chmod(0o755)
        self._actors: dict[str, subprocess.Popen[str]] = {}
        self.discovery = self._stack.enter_context(Discovery(directory / "ads"))
        (directory / "ads").chmod(0o777)
        self._node = self._namespace()
        _in(self._node, "ip", "link", "set", "lo", "up")
        _in(self._node, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        self.envoys: dict[str, subprocess.Popen[bytes]] = {}
        for pod in pods:
            self._make_pod(pod)
        _nft(self._node, _dnat(services, [pod.address for pod in pods]))

    def close(self) -> None:
        """End every process, and with them the namespaces."""
        self._stack.close()

    def ask(self, pod: str, **command: Any) -> Any:
        """Have a pod do something and give what came of it."""
        self.tell(pod, **command)
        return self.hear(pod)

    def tell(self, pod: str, **command: Any) -> None:
        """Have a pod do something; what comes of it has to be heard before the next."""
        actor = self._actors[pod]
        assert actor.stdin
        actor.stdin.write(json.dumps(command) + "\n")
        actor.stdin.flush()

    def hear(self, pod: str) -> Any:
        """Give what came of what a pod was told."""
        actor = self._actors[pod]
        assert actor.stdout
        return json.loads(actor.stdout.readline())

    def start_proxy(self, pod: PodShape) -> None:
        """Start the Envoy of a pod, for which a snapshot must have been handed over, and redirect to it."""
        self.start_envoy(pod)
        _nft(self._actors[pod.name].pid, _redirect())

    def start_envoy(self, pod: PodShape) -> None:
        """Start an Envoy in a pod's namespace and wait until it serves."""
        path = self._directory / f"{pod.name}.json"
        path.write_text(json.dumps(_bootstrap(pod.name, self._directory / "ads")))
        log = self._stack.enter_context((self._directory / f"{pod.name}.log").open("wb"))
        command = [find_envoy(), "-c", str(path), "--concurrency", "1", "--disable-hot-restart"]
        self.envoys[pod.name] = self._start(
            _inside(
                self._actors[pod.name].pid, "setpriv", f"--reuid={ENVOY_UID}", "--clear-groups", *command
            ),
            stdout=log,
            stderr=log,
        )
        self.discovery.wait(pod.name)
        head = "GET /ready HTTP/1.1\r\nHost: x\r\n\r\n"
        wait_until(
            lambda: (
                self.ask(pod.name, do="http", address="127.0.0.1", port=15000, head=head).get("status")
                == "200 OK"
            )
        )

    def start_in(self, pod: str, *command: str) -> subprocess.Popen[bytes]:
        """Start a program in a pod's network; it ends with the lab, if nobody ends it before."""
        inside = _inside(self._actors[pod].pid, *command)
        return self._start(inside, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def _make_pod(self, pod: PodShape) -> None:
        actor = subprocess.Popen(
            ["unshare", "--net", sys.executable, str(Path(__file__).with_name("actor.py")), pod.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._stack.callback(_end, actor)
        assert actor.stdout and actor.stdout.readline() == "ready\n"
        self._actors[pod.name] = actor
        link = f"v{pod.name}"
        _in(
            self._node,
            "ip",
            "link",
            "add",
            link,
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            str(actor.pid),
        )
        _in(self._node, "ip", "address", "add", "169.254.1.1/32", "dev", link)
        _in(self._node, "ip", "link", "set", link, "up")
        _in(self._node, "ip", "route", "add", f"{pod.address}/32", "dev", link)
        for words in (
            f"address add {pod.address}/32 dev eth0",
            "link set lo up",
            "link set eth0 up",
            "route add 169.254.1.1 dev eth0",
            "route add default via 169.254.1.1",
        ):
            _in(actor.pid, "ip", *words.split())

    def _namespace(self) -> int:
        holder = subprocess.Popen(
            ["unshare", "--net", "cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        self._stack.callback(_end, holder)
        own = Path("/proc/self/ns/net").readlink()
        wait_until(lambda: Path(f"/proc/{holder.pid}/ns/net").readlink() != own)
        return holder.pid

    def _start(self, command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, **options)
        self._stack.callback(_end, process)
        return process


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a condition that nobody announces, with a bound."""
    tick = threading.Event()
    for _ in range(int(_BOUND / 0.05)):
        if condition():
            return
        tick.wait(0.05)
    raise AssertionError("it did not become true in time")


def _end(process: subprocess.Popen[Any]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _inside(pid: int, *command: str) -> list[str]:
    return ["nsenter", f"--net=/proc/{pid}/ns/net", *command]


def _in(pid: int, *command: str) -> None:
    subprocess.run(_inside(pid, *command), check=True)


def _nft(pid: int, rules: str) -> None:
    subprocess.run(_inside(pid, "nft", "-f", "-"), input=rules.encode(), check=True)


def _redirect() -> str:
    return f"""
    table inet alcove {{
      chain out {{
        type nat hook output priority -100;
        meta skuid {ENVOY_UID} return
        oifname "lo" return
        meta l4proto tcp redirect to :15001
      }}
      chain in {{
        type nat hook prerouting priority dstnat;
        meta l4proto tcp redirect to :15006
      }}
    }}"""


def _dnat(services: dict[tuple[str, int], tuple[str, int]], pods: Sequence[str]) -> str:
    rules = "\n".join(
        f"ip daddr {address} tcp dport {port} dnat ip to {pod}:{target}"
        for (address, port), (pod, target) in services.items()
    )
    own = "\n".join(f"ip saddr {pod} ip daddr {pod} masquerade" for pod in pods)
    return f"""table inet services {{
      chain in {{
        type nat hook prerouting priority dstnat
        {rules}
      }}
      chain back {{
        type nat hook postrouting priority srcnat
        {own}
      }}
    }}
    """


def _bootstrap(node: str, socket: Path) -> dict[str, Any]:
    ads = {"ads": {}, "resource_api_version": "V3"}
    endpoint = {"endpoint": {"address": {"pipe": {"path": str(socket)}}}}
    http2 = {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    return {
        "node": {"id": node, "cluster": "lab"},
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 15000}}},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "GRPC",
                "transport_api_version": "V3",
                "grpc_services": [{"envoy_grpc": {"cluster_name": "ads"}}],
            },
            "cds_config": ads,
            "lds_config": ads,
        },
        "static_resources": {
            "clusters": [
                {
                    "name": "ads",
                    "type": "STATIC",
                    "load_assignment": {
                        "cluster_name": "ads",
                        "endpoints": [{"lb_endpoints": [endpoint]}],
                    },
                    "typed_extension_protocol_options": {
                        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2
                    },
                }
            ]
        },
    }
