"""``up`` and its relatives, by the real command: a folder becomes a service in a child space, and goes again.

The parent has a version of every example's service, so falling back and overriding are seen from outside.
"""

from __future__ import annotations

import json
import socket
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import FOREIGN, Entrance
from tests.e2e.kubectl import Kubectl
from tests.e2e.spaces import Asker, Object, Spaces, open_askers, until
from tests.e2e.test_gateway import World as Gateway
from tests.e2e.test_spaces import Alcove
from tests.e2e.ups import PATIENCE, Desk, Folder, Page, Running, following, free_port, mask

pytestmark = [pytest.mark.root, pytest.mark.timeout(240)]

PARENT, CHILD = "dev", "amy"
LANGUAGES = [
    "python",
    "node",
    pytest.param("c", marks=pytest.mark.skipif(bool(FOREIGN), reason="needs an image with a C compiler")),
]
STEPS = {"python": 8, "node": 9, "c": 7}
"""How many steps the Dockerfile.develop of an example has."""


@dataclass
class World:
    """A parent with canaries, a child with a developer, somebody who asks and the way in from outside."""

    spaces: Spaces
    desk: Desk
    asker: Asker
    gateway: Gateway
    addresses: dict[str, str]
    """Of the parent's Services."""

    def inside(self, service: str) -> str:
        """Ask in the cluster, with the child's key; tell who answers."""
        answer = self.asker.get(self.addresses[service], self.spaces.namespace(CHILD))
        return who(answer.get("body") or answer)

    def outside(self, service: str) -> str:
        """Ask at the child's URL; tell who answers."""
        answer = self.gateway.get(self.gateway.host(service, CHILD))
        return who(json.loads(answer.text)) if answer.status == 200 else f"{answer.status} {answer.text}"

    def expect(self, service: str, speaker: str) -> None:
        """Wait until a service is answered by whom it should be, on both ways."""
        until(lambda: self.inside(service) == speaker, seconds=PATIENCE)
        until(lambda: self.outside(service) == speaker, seconds=PATIENCE)


def who(body: Any) -> str:
    """Give what a canary says, or an example."""
    if isinstance(body, dict) and "service" in body:
        return f"{body['service']} {body['version']}"
    return str(body["name"]) if isinstance(body, dict) and "name" in body else f"nobody: {body}"


@pytest.fixture(scope="module")
def world(
    spaces: Spaces,
    gateway: Entrance,
    kubeconfig: Path,
    enabled: Kubectl,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    suffix = enabled.within("azds").read("configmap/alcove")["data"].get("hostSuffix", "")
    home = tmp_path_factory.mktemp("desk")
    desk = Desk(kubeconfig, home, spaces.kubectl(CHILD))
    way_in = Gateway(spaces, gateway, suffix, Alcove(kubeconfig, home / "settings"))
    spaces.make({PARENT: "", CHILD: PARENT, "caller": PARENT})
    desk("space", "select", f"{spaces.namespace(PARENT)}/{spaces.namespace(CHILD)}")
    addresses = {service: spaces.add_service(PARENT, service) for service in STEPS}
    for service in addresses:
        way_in.add_ingress(service, way_in.host(service), ("/", service))
    spaces.deploy(PARENT, "caller")
    with open_askers(spaces, ["caller"]) as askers:
        yield World(spaces, desk, askers["caller"], way_in, addresses)


@pytest.fixture(scope="module")
def desk(world: World) -> Desk:
    return world.desk


@pytest.fixture(scope="module")
def shop(desk: Desk) -> Folder:
    """A Python service that is up, for all tests that do not care of which language it is."""
    folder = desk.copy("python", "shop")

    def configure(document: Any) -> None:
        develop = document["configurations"]["develop"]
        develop["container"]["command"] = ["python3", "server.py", "configured"]
        other = json.loads(json.dumps(develop))
        other["container"]["command"][-1] = "other"
        document["configurations"]["other"] = other

    folder.configure(configure)
    desk.up(folder)
    return folder


# ------------------------------------------------------------------------------------------------- at first


def golden(world: World, name: str) -> list[str]:
    """Give what the first ``up`` says, but for what the build prints."""
    namespaces = [world.spaces.namespace(one) for one in (PARENT, CHILD)]
    context = world.desk("show-context", "-o", "json").stdout
    (target,) = {json.loads(context)["name"]}
    uris = [row["uri"] for row in json.loads(world.desk("list-uris", "-o", "json").stdout)]
    (url,) = [uri for uri in uris if urllib.parse.urlsplit(uri).hostname == world.gateway.host(name, CHILD)]
    return [
        f"Using space '{'/'.join(namespaces)}' with target '{target}'",
        "Synchronizing files...TIME",
        "Installing Helm chart...TIME",
        *(f"Step {number + 1}/{STEPS[name]} : " for number in range(STEPS[name])),
        "Built container image in TIME",
        "Waiting for container...TIME",
        mask(f"Service '{name}' port 'http' is available at {url}"),
        f"Service '{name}' port 80 (http) is available via port forwarding at http://localhost:PORT",
        "Press Ctrl+C to detach",
        "Detached: the services keep running (alcove attach, alcove down)",
    ]


def said(running: Running) -> list[str]:
    """Give what a command said to people, without what only some clusters say."""
    own = ("The cluster has no default storage", "is taken from the node", "Waiting for the builder")
    kept = [line for line in running.stderr if not any(one in line for one in own)]
    steps = [line.partition(" : ")[0] + " : " if line.startswith("Step ") else mask(line) for line in kept]
    began = next(place for place, line in enumerate(steps) if line.startswith("Step "))
    ended = next(place for place, line in enumerate(steps) if line.startswith("Built "))
    built = [line for line in steps[began:ended] if line.startswith("Step ")]
    return [*steps[:began], *built, *steps[ended:]]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_folder_becomes_a_service_before_the_parents(world: World, language: str) -> None:
    world.expect(language, PARENT)
    folder = world.desk.copy(language, language)
    with world.desk.start("up", at=folder.path) as running:
        running.line("Press Ctrl+C to detach")
        world.expect(language, f"{language} v1")
        assert running.interrupt() == 0
        assert said(running) == golden(world, language)
        assert any("listens on 8080" in line for line in running.stdout), running.told()
    assert world.inside(language) == f"{language} v1"


# ------------------------------------------------------------------------------------------------- again


def revisions(desk: Desk, folder: Folder) -> int:
    """Tell how often Helm has installed a folder's release."""
    release = desk.session(folder)["status"]["release"]
    return len(desk.kubectl.read("secrets", "-l", f"owner=helm,name={release}")["items"])


def uids(desk: Desk, folder: Folder) -> set[str]:
    return {pod["metadata"]["uid"] for pod in desk.pods(folder)}


def test_up_again_without_a_change_builds_and_installs_nothing(desk: Desk, shop: Folder) -> None:
    before = uids(desk, shop), revisions(desk, shop)
    events = desk.up(shop)
    phases = {event["phase"] for event in events if event["event"] == "began"}
    assert phases <= {"sync", "start"}
    assert [event["event"] for event in events].count("running") == 1
    assert (uids(desk, shop), revisions(desk, shop)) == before


def test_a_port_of_the_container_is_opened_where_it_is_asked_for(desk: Desk, shop: Folder) -> None:
    local = free_port()
    with following(desk, shop, "--port", f"{local}:8080") as (_, page):
        assert page.port == local
        assert page.who()["service"] == "python"


def test_a_port_that_is_taken_is_told_and_the_service_runs_on(desk: Desk, shop: Folder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        with desk.start("up", "-o", "json", "--port", f"{number}:8080", at=shop.path) as running:
            told = running.event("notice")
            assert f"port {number}" in told["message"] and "--port" in told["hint"]
            running.interrupt()
    assert desk.exec(shop, "echo", "well") == "well\n"


# ------------------------------------------------------------------------------------------------- commands


def command(desk: Desk, folder: Folder) -> list[str]:
    """Give the command line of the service's process, without what runs it."""
    found = desk.exec(folder, "sh", "-c", "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; echo; done")
    own = [line.split() for line in found.splitlines() if line.startswith("python3 server.py")]
    assert len(own) <= 1, found
    return own[0][2:] if own else ["nothing"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--command", "python3 server.py 'of the command line'"], ["of", "the", "command", "line"]),
        (["--", "python3", "server.py", "behind", "-d"], ["behind", "-d"]),
        (["--command", "python3", "--", "server.py", "both"], ["both"]),
        (["--no-command"], []),
        (["--config", "other"], ["other"]),
        ([], ["configured"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_what_runs_is_chosen_by_the_command_line(
    desk: Desk, shop: Folder, arguments: list[str], expected: list[str]
) -> None:
    before = uids(desk, shop)
    desk.up(shop, *arguments)
    assert command(desk, shop) == expected
    assert uids(desk, shop) == before


def test_nothing_starts_before_exec_does_and_exec_restores_the_command(desk: Desk, shop: Folder) -> None:
    desk.up(shop, "--await-exec")
    assert command(desk, shop) == ["nothing"]
    told = desk("exec", "--restore-command", "--", "sh", "-c", "echo instead", at=shop.path)
    assert told.stdout == "instead\n"
    until(lambda: command(desk, shop) == ["configured"], seconds=PATIENCE, every=0.5)
    desk.up(shop)
    assert command(desk, shop) == ["configured"]


def test_exec_gives_code_input_and_both_outputs(desk: Desk, shop: Folder) -> None:
    script = "cat; echo to stderr >&2; exit 7"
    told = desk.try_run("exec", "--", "sh", "-c", script, at=shop.path, stdin="äh\nzwei")
    assert (told.code, told.stdout, told.stderr) == (7, "äh\nzwei", "to stderr\n")
    assert desk.try_run("exec", "--", "sh", "-c", "kill -9 $$", at=shop.path).code == 137
    missing = desk.try_run("exec", "--", "no-such-program", at=shop.path)
    assert missing.code == 127 and "no-such-program" in missing.stderr
    assert desk.exec(shop, "pwd") == "/app\n"


def test_exec_carries_much_in_both_directions(desk: Desk, shop: Folder) -> None:
    text = "".join(f"line {number}\n" for number in range(100_000))
    assert desk.exec(shop, "cat", stdin=text) == text


# ------------------------------------------------------------------------------------------------- watching


def ask(desk: Desk, folder: Folder, path: str) -> None:
    """Let the service itself be asked, so that it prints a line."""
    code = f"import urllib.request as r; r.urlopen('http://127.0.0.1:8080{path}').read()"
    desk.exec(folder, "python3", "-c", code)


def test_logs_are_printed_and_followed(desk: Desk, shop: Folder) -> None:
    desk.up(shop)
    until(lambda: "listens on 8080" in desk("logs", at=shop.path).stdout, seconds=PATIENCE)
    with desk.start("logs", "-f", "--tail", "1", at=shop.path) as running:
        running.wait(lambda: running.stdout or None, "no line at all")
        ask(desk, shop, "/static/index.html")
        running.line("GET /static/index.html -> 200", stream="stdout")
        running.interrupt()
        assert len(running.stdout) < 20


def test_attach_tells_what_happens_and_what_is_printed(desk: Desk, shop: Folder) -> None:
    with desk.start("attach", "-o", "json", at=shop.path) as running:
        running.event("running")
        desk.up(shop, "--", "python3", "server.py", "attached")
        running.event("commandStarted")
        running.event("updated", reason="the command changed")
        ask(desk, shop, "/static/index.html")
        running.event("line", text="GET /static/index.html -> 200")
        assert running.interrupt() == 0
    desk.up(shop)


def test_the_service_is_listed_with_its_pod_and_its_uri(world: World, desk: Desk, shop: Folder) -> None:
    rows = {row["name"]: row for row in json.loads(desk("list-up", "-o", "json").stdout)}
    (pod,) = desk.pods(shop)
    assert rows["shop"]["type"] == "Service" and rows["shop"]["status"] == "Running"
    assert rows[pod["metadata"]["name"]]["type"] == "Pod"
    uris = json.loads(desk("list-uris", "-o", "json").stdout)
    assert any(world.gateway.host("shop", CHILD) in uri["uri"] for uri in uris), uris


def test_what_a_save_does_is_explained_for_every_kind(desk: Desk, shop: Folder) -> None:
    expected = {
        "server.py": "copy and restart: ",
        "static/index.html": "copy: ",
        "Dockerfile.develop": "build and deploy: ",
        "charts/shop/values.yaml": "build and deploy: ",
        "azds.yaml": "build and deploy: ",
        ".dockerignore": "build and deploy: ",
        "requirements.txt": "build and deploy: ",
        "node_modules/x.js": "nothing: ",
    }

    def explain(file: str) -> str:
        return desk("up", "--explain", file, at=shop.path).stdout

    with ThreadPoolExecutor(2) as pool:
        told = dict(zip(expected, pool.map(explain, expected), strict=True))
    assert {file: text.partition(": ")[0] + ": " for file, text in told.items()} == expected
    assert all(file in text for file, text in told.items())
    outside = desk.try_run("up", "--explain", "/etc/hosts", at=shop.path)
    assert outside.code == 2 and "not below" in outside.stderr


# ------------------------------------------------------------------------------------------------- others'


def test_two_folders_are_followed_from_one_terminal(desk: Desk, shop: Folder) -> None:
    stock = desk.copy("python", "stock")
    with desk.start("up", "-o", "json", str(shop.path), str(stock.path)) as running:
        pages = {}
        for folder in (shop, stock):
            (port,) = running.event("ports", project=folder.name)["ports"]
            pages[folder.name] = Page(port["local"])
        assert len({page.port for page in pages.values()}) == 2
        stock.say("v2")
        running.event("updated", project="stock")
        assert [pages[name].who()["version"] for name in ("shop", "stock")] == ["v1", "v2"]
        assert running.interrupt() == 0
    with desk.start("up", str(shop.path), str(stock.path)) as running:
        for name in ("shop", "stock"):
            running.line(f"{name}: Press Ctrl+C to detach")
        running.interrupt()
    desk("down", str(stock.path))


def test_another_folder_of_the_same_name_is_refused_before_anything_is_changed(
    desk: Desk, shop: Folder
) -> None:
    (desk.home / "elsewhere").mkdir()
    twin = desk.copy("python", "elsewhere/shop")
    before = uids(desk, shop), revisions(desk, shop)
    refused = desk.try_run("up", "-d", at=twin.path)
    assert refused.code != 0
    assert "shop" in refused.stderr and str(shop.path) in refused.stderr, refused.stderr
    assert (uids(desk, shop), revisions(desk, shop)) == before
    assert not desk.pods(twin)
    # Objects of other names, by a chart of the same name: both run.
    twin.edit("charts/shop/values.yaml", lambda text: text.replace("Override: shop", "Override: twin"))
    desk.up(twin)
    assert (uids(desk, shop), revisions(desk, shop)) == before
    assert len(desk.pods(twin)) == 1
    desk("down", at=twin.path)
    assert uids(desk, shop) == before[0]


def all_objects(desk: Desk) -> dict[str, str]:
    """Give the versions of what is in the space, but for what changes by itself."""
    kinds = "deployments,services,ingresses,pods,secrets"
    items = desk.kubectl.read(kinds)["items"]
    return {f"{one['kind']}/{one['metadata']['name']}": one["metadata"]["uid"] for one in items}


def test_objects_of_kubectl_and_of_foreign_releases_are_left_alone(desk: Desk) -> None:
    folder = desk.copy("python", "demo")
    desk.kubectl("create", "service", "clusterip", "demo", "--tcp=80")
    before = all_objects(desk)
    by_hand = desk.try_run("up", "-d", at=folder.path)
    assert by_hand.code != 0 and "demo" in by_hand.stderr and "Helm" in by_hand.stderr, by_hand.stderr
    assert all_objects(desk) == before
    desk.kubectl("delete", "service", "demo")
    namespace = desk.kubectl.namespace
    labels = {"app.kubernetes.io/managed-by": "Helm"}
    notes = {"meta.helm.sh/release-name": "theirs", "meta.helm.sh/release-namespace": namespace}
    ports = [{"port": 80}]
    meta = {"name": "demo", "labels": labels, "annotations": notes}
    foreign = {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": ports}}
    desk.kubectl("apply", "-f", "-", stdin=foreign)
    before = all_objects(desk)
    refused = desk.try_run("up", "-d", at=folder.path)
    assert refused.code != 0 and "theirs" in refused.stderr, refused.stderr
    assert all_objects(desk) == before
    desk.kubectl("delete", "service", "demo")
    # Nothing is in the way any more.
    desk.up(folder)
    assert len(desk.pods(folder)) == 1
    desk("down", at=folder.path)


# ------------------------------------------------------------------------------------------------- settings


def test_values_secrets_tokens_and_replicas_arrive(world: World, desk: Desk) -> None:
    folder = desk.copy("python", "many")
    (folder.path / ".env").write_text("REDIS_HOST=redis.example.com\n")
    folder.save("values.dev.yaml", "replicaCount: 1\nsecrets: {db: {name: of values, password: $(tag)}}\n")

    def configure(document: Any) -> None:
        install = document["install"]
        install["values"] = ["values.dev.yaml?", "absent.yaml?"]
        install["set"] |= {"replicaCount": 3, "secrets": {"redis": {"host": "$REDIS_HOST", "port": "6379"}}}

    folder.configure(configure)
    with following(desk, folder) as (running, page):
        until(lambda: len(desk.pods(folder)) == 3, seconds=PATIENCE)
        tag = desk.session(folder)["status"]["tag"]
        environment = dict(line.partition("=")[::2] for line in desk.exec(folder, "env").splitlines())
        found = {key: environment.get(key) for key in ("redis_host", "redis_port", "db_name", "db_password")}
        assert found == {
            "redis_host": "redis.example.com",
            "redis_port": "6379",
            "db_name": "of values",
            "db_password": tag,
        }
        host = desk.kubectl.read("ingress/many")["spec"]["rules"][0]["host"]
        assert host == world.gateway.host("many", CHILD)
        names = {pod["metadata"]["name"] for pod in desk.pods(folder)}
        since = running.mark
        folder.say("v2")
        for name in names:
            running.event("updated", since, instance=name)
        assert {desk_version(desk, folder, name) for name in names} == {"v2"}
        assert page.who()["version"] == "v2"
    desk("down", at=folder.path)


def desk_version(desk: Desk, folder: Folder, pod: str) -> str:
    """Give the version that one instance answers with."""
    code = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8080/').read().decode())"
    told = desk("exec", "--instance", pod, "--", "python3", "-c", code, at=folder.path)
    return str(json.loads(told.stdout)["version"])


def test_a_values_file_that_is_missing_is_told(desk: Desk) -> None:
    folder = desk.copy("python", "lacking")
    folder.configure(lambda document: document["install"].update(values=["absent.yaml"]))
    refused = desk.try_run("up", "-d", at=folder.path)
    assert refused.code != 0 and "absent.yaml" in refused.stderr


# ------------------------------------------------------------------------------------------------- down


def test_down_leaves_nothing_and_the_parent_answers_again(world: World, desk: Desk, shop: Folder) -> None:
    """Comes last: with the last session the hub goes, too."""
    up = [item["spec"]["directory"] for item in desk.kubectl.read("sessions.alcove.dev")["items"]]
    assert str(shop.path) in up
    for directory in up:
        desk("down", directory)

    def gone() -> bool:
        assert left(desk) == []
        return True

    until(gone, seconds=PATIENCE, every=0.3)
    for language in STEPS:
        world.expect(language, PARENT)
    nothing = desk.try_run("down", at=shop.path)
    assert nothing.code != 0 and "no session" in nothing.stderr
    assert "Nothing is up" in desk("down", "--all").stderr


def left(desk: Desk) -> list[str]:
    """Give what is in the space that was not there at first."""
    kinds = "deployments,services,ingresses,pods,sessions.alcove.dev,secrets,persistentvolumeclaims"
    items: list[Object] = desk.kubectl.read(kinds)["items"]
    return [f"{one['kind']}/{one['metadata']['name']}" for one in items]
