"""What the proxy in a pod must not cost: its death, probes, start order, names, headers, other kinds of pods.

The rows of the design that were seen on real clusters and can show on any cluster are here. Envoy is killed
from within: a container of the pod sees its processes and has the proxy's user.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from alcove.admission.settings import InjectionSettings
from alcove.app.install.settings import InstallSettings
from tests.e2e.kubectl import Kubectl
from tests.e2e.spaces import (
    GRPC,
    HTTP,
    IMAGE,
    NO_PROXY,
    REGISTRY,
    TCP,
    Asker,
    Object,
    Spaces,
    canary,
    open_askers,
    seen,
    speaker,
    until,
)

pytestmark = [pytest.mark.root, pytest.mark.timeout(180)]

PROXY_UID = next(one.default for one in dataclasses.fields(InjectionSettings) if one.name == "uid")
OURS = ["alcove-init", "alcove-proxy"]
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
KILLS = 10
KILL_SECONDS = 60 if os.environ.get("ALCOVE_E2E_ALL") else 15
WAITING = ["python3", "-c", "import signal; signal.pause()"]
FIND_ENVOY = """
import glob, json, os, signal, sys, time
def find():
    for path in glob.glob("/proc/[0-9]*/comm"):
        try:
            if open(path).read().strip() == "envoy":
                return int(path.split("/")[2])
        except OSError:
            pass
"""
KILL_ENVOY = (
    FIND_ENVOY
    + """
kills, every = int(sys.argv[1]), float(sys.argv[2])
deaths = []
for _ in range(kills):
    began = time.monotonic()
    victim = None
    while victim is None:
        victim = find()
    os.kill(victim, signal.SIGKILL)
    deaths.append(time.time())
    while find() in (None, victim):
        time.sleep(0.001)
    time.sleep(max(0, began + every - time.monotonic()))
print(json.dumps(deaths))
"""
)
LIST_PROXYS_ACCOUNT = (
    FIND_ENVOY
    + """
process = f"/proc/{find()}"
mounted = [line.split()[4] for line in open(f"{process}/mountinfo")]
# /var/run may be a link, which would be followed from here.
for path in mounted:
    if path.endswith("/secrets/kubernetes.io/serviceaccount"):
        print(os.listdir(f"{process}/root{path}"))
"""
)
ASK_DNS = """
import socket, sys
server = next(line.split()[1] for line in open("/etc/resolv.conf") if line.startswith("nameserver"))
name = b"".join(bytes([len(part)]) + part.encode() for part in sys.argv[1].split("."))
query = b"\\x12\\x34\\x01\\x00\\x00\\x01\\0\\0\\0\\0\\0\\0" + name + b"\\0\\x00\\x01\\x00\\x01"
with socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM) as udp:
    udp.settimeout(5)
    udp.sendto(query, (server, 53))
    print(".".join(map(str, udp.recv(4096)[-4:])))
"""
LISTEN = """
import socket
with socket.create_server(("", 9001)) as server:
    while True:
        server.accept()[0].close()
"""
FETCH = (
    "import json, urllib.request; print(json.load(urllib.request.urlopen('http://web', timeout=10))['name'])"
)
CONNECTION = re.compile(
    r"connect|closed|reset|refused|broken pipe|EOF|UNAVAILABLE|503|Timeout|"
    r"Received message .* is not WSMsgType",
    re.IGNORECASE,
)
"""What an application is told of a connection that ended."""


@dataclass(frozen=True)
class World:
    """A root with ``web`` and ``api``, a child with ``web``, a pod of neither; each with an asker."""

    spaces: Spaces
    askers: dict[str, Asker]
    web: dict[str, str]
    """The addresses of ``web`` by space."""


@pytest.fixture(scope="module")
def world(spaces: Spaces) -> Iterator[World]:
    spaces.make({"dev": "", "amy": "dev", "outside": None})
    web = {name: spaces.add_service(name, "web") for name in ("dev", "amy")}
    spaces.add_service("dev", "api")
    spaces.add_pod("dev", with_killer(canary("dev")))
    spaces.deploy("amy", "outside")
    spaces.wait_ready("dev")
    with open_askers(spaces, ["dev", "amy", "outside"]) as askers:
        until(lambda: speaker(askers["dev"].get(web["dev"], spaces.namespace("amy"))) == "amy")
        yield World(spaces, askers, web)


def with_killer(pod: Object) -> Object:
    """Add a container that sees the pod's processes and may end the proxy's."""
    killer = {
        "name": "killer",
        "image": IMAGE,
        "command": WAITING,
        "securityContext": {"runAsUser": PROXY_UID, "runAsGroup": PROXY_UID},
    }
    spec = {**pod["spec"], "shareProcessNamespace": True, "containers": [*pod["spec"]["containers"], killer]}
    return {**pod, "spec": spec}


def with_command(pod: Object, *command: str, **spec: Any) -> Object:
    """Give the pod with another command and nothing that asks whether it is ready."""
    (container,) = pod["spec"]["containers"]
    kept = {"name": container["name"], "image": container["image"], "command": [*command]}
    return {**pod, "spec": {**pod["spec"], "containers": [kept], **spec}}


def run_python(kubectl: Kubectl, pod: str, container: str, *arguments: str, seconds: float = 60) -> str:
    """Run a program in a container; give what it printed."""
    return kubectl("exec", pod, "-c", container, "--", "python3", "-c", *arguments, seconds=seconds).strip()


def restarts(pod: Object) -> dict[str, int]:
    """Give how often each container was started again."""
    status = pod["status"]
    both = [*status["initContainerStatuses"], *status["containerStatuses"]]
    return {one["name"]: one["restartCount"] for one in both}


def init_names(pod: Object) -> list[str]:
    return [one["name"] for one in pod["spec"].get("initContainers", ())]


def streams(address: str) -> list[Object]:
    """Give one stream of each protocol."""
    every = {"every": 0.02}
    return [
        {"do": "http", "url": f"http://{address}:{HTTP}/", **every},
        {"do": "grpc", "target": f"{address}:{GRPC}", **every},
        {"do": "ws", "url": f"http://{address}:{HTTP}/ws", **every},
        {"do": "tcp", "host": address, "port": TCP, **every},
    ]


def gaps(runs: list[Object]) -> list[float]:
    """Give for each time when nobody answered how long it took, from the last answer to the next one."""
    answered = [run for run in runs if run["name"]]
    return [after["began"] - before["ended"] for before, after in itertools.pairwise(answered)]


def test_a_proxy_that_is_killed_is_back_at_once(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    spaces = world.spaces
    before = restarts(spaces.pod("dev"))
    # The way out of the pod whose proxy dies, and the way in.
    world.askers["dev"].start(do="load", seconds=KILL_SECONDS + 3, streams=streams(world.web["amy"]))
    world.askers["outside"].start(do="load", seconds=KILL_SECONDS + 3, streams=streams(world.web["dev"]))
    every = str(KILL_SECONDS / KILLS)
    killing = KILL_ENVOY, str(KILLS), every
    deaths = json.loads(run_python(spaces.kubectl("dev"), "canary", "killer", *killing, seconds=120))
    loads = {name: world.askers[name].finish(60)["runs"] for name in ("dev", "outside")}
    assert len(deaths) == KILLS
    assert restarts(spaces.pod("dev")) == before
    for asker, answering in (("dev", "amy"), ("outside", "dev")):
        for stream, runs in zip(streams(""), loads[asker], strict=True):
            assert {run["name"] for run in runs} <= {answering, ""}
            assert runs[-1]["name"] == answering and runs[-1]["ended"] > deaths[-1]
            errors = {run["error"] for run in runs} - {""}
            assert all(map(CONNECTION.search, errors)), errors
            with capsys.disabled():
                told = " ".join(f"{gap * 1000:.0f}" for gap in gaps(runs))
                sys.stdout.write(f"\n{asker} {stream['do']}: gaps of {told or 'none'} ms")
    # Deaths that nobody noticed would show nothing.
    assert any(run["error"] for runs in (*loads["dev"], *loads["outside"]) for run in runs)


def test_probes_of_ports_tell_the_truth(world: World) -> None:
    pod = canary("dev", name="probed")
    pod["spec"]["containers"][0]["readinessProbe"] = {"tcpSocket": {"port": 9001}, "periodSeconds": 1}
    world.spaces.add_pod("dev", pod)
    kubectl = world.spaces.kubectl("dev")

    def is_refused() -> bool:
        fields = "involvedObject.name=probed,reason=Unhealthy"
        return bool(kubectl.read("events", "--field-selector", fields)["items"])

    until(is_refused, seconds=60, every=0.5)
    ready = {one["type"]: one["status"] for one in world.spaces.pod("dev", "probed")["status"]["conditions"]}
    assert ready["Ready"] == "False"
    with kubectl.running("exec", "probed", "-c", "canary", "--", "python3", "-c", LISTEN):
        world.spaces.wait_ready("dev", "probed", seconds=20)


def test_pods_in_the_nodes_network_are_left_alone(world: World) -> None:
    host = with_command(canary("dev", name="host"), *WAITING, hostNetwork=True)
    world.spaces.add_pod("dev", host)
    world.spaces.wait_ready("dev", "host")
    stored = world.spaces.pod("dev", "host")
    assert init_names(stored) == [] and stored["spec"]["hostNetwork"]
    assert stored["status"]["podIP"] == stored["status"]["hostIP"]


def test_the_redirect_is_refused_where_pod_and_node_have_one_address(world: World) -> None:
    agent = ["/opt/alcove/bin/alcove-agent", "init", "--redirect", "15001:15006", "--uid", str(PROXY_UID)]
    addresses = ["--pod-address", "192.0.2.1", "--host-address", "192.0.2.1"]
    fetching = ["--token", "/none", "--identity", "/none", "--socket", "/none", "--fetch", "/a=b"]
    pod = with_command(canary("x", name="redirected"), *agent, *addresses, *fetching, "--", "true")
    pod["spec"]["containers"][0]["image"] = InstallSettings(registry=REGISTRY).proxy_image
    world.spaces.add_pod("outside", {**pod, "spec": {**pod["spec"], "restartPolicy": "Never"}})
    failed = lambda: world.spaces.pod("outside", "redirected")["status"]["phase"] == "Failed"  # noqa: E731
    until(failed, seconds=30)
    said = world.spaces.kubectl("outside")("logs", "redirected")
    assert "192.0.2.1" in said and len(said.splitlines()) == 1


def test_pods_without_a_proxy_are_as_they_were_written_and_reach_everything(world: World) -> None:
    world.spaces.add_pod("amy", canary("silent", "silent", **{NO_PROXY: "true"}))
    world.spaces.wait_ready("amy", "silent")
    assert init_names(world.spaces.pod("amy", "silent")) == []
    with world.spaces.asker("amy", "silent") as asker:
        answer = asker.get(world.web["dev"])
        assert speaker(answer) == "dev" and not seen(answer, "azds-route-as")


def test_names_are_asked_for_by_udp_as_ever(world: World) -> None:
    kubectl, name = world.spaces.kubectl("amy"), f"web.{world.spaces.namespace('dev')}.svc.cluster.local"
    assert run_python(kubectl, "canary", "canary", ASK_DNS, name) == world.web["dev"]


def test_short_names_of_the_parents_services_are_known_in_a_child(world: World) -> None:
    answers = {name: world.askers["amy"].get(name) for name in ("web", "api")}
    assert {name: speaker(answer) for name, answer in answers.items()} == {"web": "amy", "api": "dev"}
    assert {seen(answer, "azds-route-as") for answer in answers.values()} == {world.spaces.namespace("amy")}


def test_init_containers_of_users_have_the_network_and_their_space(world: World) -> None:
    pod = canary("amy", name="started")
    first = {"name": "first", "image": IMAGE, "command": ["python3", "-c", FETCH]}
    world.spaces.add_pod("amy", {**pod, "spec": {**pod["spec"], "initContainers": [first]}})
    world.spaces.wait_ready("amy", "started")
    assert init_names(world.spaces.pod("amy", "started")) == [*OURS, "first"]
    assert world.spaces.kubectl("amy")("logs", "started", "-c", "first").strip() == "amy"


def test_jobs_end_and_call_as_their_space(world: World) -> None:
    kubectl = world.spaces.kubectl("amy")
    pod = with_command(canary("amy"), "python3", "-c", FETCH, restartPolicy="Never")
    template = {"metadata": {"labels": {"app": "once"}}, "spec": pod["spec"]}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once"}}
    kubectl("create", "-f", "-", stdin={**job, "spec": {"template": template}})
    kubectl("wait", "job/once", "--for=condition=Complete", "--timeout=60s", seconds=70)
    assert kubectl("logs", "job/once", "-c", "canary").strip() == "amy"
    assert init_names(kubectl.read("pods", "-l", "app=once")["items"][0]) == OURS


def test_the_accounts_token_is_in_the_users_containers_only(world: World) -> None:
    kubectl = world.spaces.kubectl("dev")
    users = run_python(kubectl, "canary", "canary", f"import os; print(os.listdir('{ACCOUNT}'))")
    assert "token" in users
    assert run_python(kubectl, "canary", "killer", LIST_PROXYS_ACCOUNT) == "[]"


@pytest.mark.parametrize("caller", ["dev", "outside"])
def test_headers_of_64_kib_pass(world: World, caller: str) -> None:
    long = {f"x_long_{number}": str(number) * 8192 for number in range(8)}
    answer = world.askers[caller].get(world.web["dev"], world.spaces.namespace("amy"), Host="web", **long)
    assert speaker(answer) == "amy"
    assert seen(answer, "x-long-7") == "7" * 8192


@pytest.mark.parametrize("caller", ["dev", "outside"])
def test_headers_of_ours_that_a_caller_made_up_change_nothing(world: World, caller: str) -> None:
    amy = world.spaces.pod("amy")["status"]["podIP"]
    made_up = {
        "x_alcove_to": f"{amy}:8080",
        "x_alcove_key": world.spaces.namespace("amy"),
        "x_alcove_at": "x",
    }
    answer = world.askers[caller].get(world.web["dev"], **made_up)
    assert speaker(answer) == "dev"
    names = [name.lower() for name, _ in answer["body"]["headers"]]
    assert not [name for name in names if name.startswith("x-alcove")]


def test_a_pod_that_changes_its_labels_is_what_the_services_that_select_it_are(world: World) -> None:
    kubectl, key = world.spaces.kubectl("dev"), world.spaces.namespace("amy")
    late = world.spaces.add_service("dev", "late", selector={"app": "canary", "stage": "late"})
    world.spaces.add_service("amy", "late")
    outside = world.askers["outside"]

    def is_answered() -> bool:
        return "error" not in outside(do="tcp", host=late, port=TCP)

    assert not is_answered()
    kubectl("label", "pod", "canary", "stage=late")
    until(is_answered)
    assert speaker(outside.get(late, Host="late")) == "dev"
    until(lambda: speaker(outside.get(late, key, Host="late")) == "amy")
    kubectl("label", "pod", "canary", "stage-")
    until(lambda: not is_answered())
    # A version that no pod answers for stays the one that is meant.
    address = world.spaces.add_service("dev", "early")
    world.spaces.add_service("amy", "early", selector={"app": "nobody"})
    until(lambda: world.askers["dev"].get(address, key).get("status") == 503)


def test_a_service_that_changes_its_type_overrides_as_the_new_one_does(world: World) -> None:
    key = world.spaces.namespace("amy")
    address = world.spaces.add_service("dev", "kinds")
    world.spaces.add_service("amy", "kinds")

    def answers(name: str) -> None:
        until(lambda: speaker(world.askers["dev"].get(address, key)) == name)

    answers("amy")
    outside = {
        "type": "ExternalName",
        "externalName": "example.invalid",
        "clusterIP": None,
        "clusterIPs": None,
    }
    world.spaces.patch_service("amy", "kinds", {"spec": outside})
    answers("dev")
    headless = {"type": "ClusterIP", "externalName": None, "clusterIP": "None"}
    world.spaces.patch_service("amy", "kinds", {"spec": headless})
    answers("amy")
