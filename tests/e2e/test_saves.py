"""What a save does, seen from outside: which process, which container and which pod answer afterwards.

Load comes from a pod, through the proxies, and from the workstation, through its open port, while one save
follows the other.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e import loading
from tests.e2e.conftest import FOREIGN
from tests.e2e.spaces import Object, Spaces, until
from tests.e2e.ups import PATIENCE, SOURCES, Desk, Folder, Page, Running

pytestmark = [pytest.mark.root, pytest.mark.timeout(400)]

SAVES = {"python": 200, "node": 20, "c": 20}
PARENT, CHILD = "dev", "amy"
LANGUAGES = [
    "python",
    "node",
    pytest.param("c", marks=pytest.mark.skipif(bool(FOREIGN), reason="needs an image with a C compiler")),
]
PAGE = "static/index.html"
KEPT_OUT = {"charts", "azds.yaml", "Dockerfile", "Dockerfile.develop", ".dockerignore", ".vscode"}
"""Of the folder, what is not in the container."""
UNANSWERED = ("connection termination", "connection reset", "disconnect/reset before headers")
"""What a proxy says of a request that was inside the process when that ended."""


@dataclass
class Live:
    """A folder that is up and followed."""

    desk: Desk
    folder: Folder
    running: Running
    page: Page

    def save(self, name: str, content: str) -> Object:
        """Save a file; give what is told when it has arrived."""
        since = self.running.mark
        self.folder.save(name, content)
        return self.running.event("updated", since)

    def say(self, version: str) -> Object:
        """Save another version; give what is told when it has arrived: from then on it alone answers.

        What is told of a save before does not count.
        """
        since = self.running.mark
        self.folder.say(version)
        while True:
            told = self.running.event("updated", since, kind="restart")
            if self.page.who()["version"] == version:
                return told
            since = self.running.after(told)

    def state(self) -> State:
        """Tell who answers now, and in which pod and container."""
        (pod,) = self.desk.pods(self.folder)
        told = next(one for one in pod["status"]["containerStatuses"] if "alcove" not in one["name"])
        began = told["state"]["running"]["startedAt"]
        return State(self.page.who()["pid"], pod["metadata"]["uid"], told["restartCount"], began)

    def deployed(self, since: int) -> None:
        """Wait until a new image serves, and its pod alone is left."""
        self.running.event("running", since, restarted=True)
        until(lambda: len(self.desk.pods(self.folder)) == 1, seconds=PATIENCE)


@dataclass(frozen=True)
class State:
    """Who answers."""

    pid: int
    pod: str
    restarts: int
    began: str
    """When the container started."""

    @property
    def container(self) -> tuple[str, int, str]:
        return self.pod, self.restarts, self.began


@pytest.fixture(scope="module")
def world(spaces: Spaces) -> Spaces:
    spaces.make({PARENT: "", CHILD: PARENT})
    spaces.deploy(PARENT)
    return spaces


@pytest.fixture(scope="module")
def desk(world: Spaces, kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = Desk(kubeconfig, tmp_path_factory.mktemp("desk"), world.kubectl(CHILD))
    desk("space", "select", f"{world.namespace(PARENT)}/{world.namespace(CHILD)}")
    return desk


@pytest.fixture(scope="module")
def lives(desk: Desk) -> Iterator[dict[str, Live]]:
    """The examples, all followed from one terminal."""
    names = [name for name in SOURCES if name != "c" or not FOREIGN]
    folders = {name: desk.copy(name, name) for name in names}
    paths = [str(folder.path) for folder in folders.values()]
    with desk.start("up", "-o", "json", *paths) as running:
        found = {}
        for name, folder in folders.items():
            (port,) = running.event("ports", project=name)["ports"]
            found[name] = Live(desk, folder, Only(running, name), Page(port["local"]))
        yield found
        assert running.interrupt() == 0, running.told()


class Only(Running):
    """The events of one project among those of several."""

    def __init__(self, whole: Running, project: str) -> None:
        self._whole = whole
        self._project = project

    @property
    def mark(self) -> int:
        return self._whole.mark

    def after(self, event: Object) -> int:
        return self._whole.after(event)

    def first(self, fits: Callable[[Object], bool], since: int, otherwise: str) -> Object:
        def is_its(event: Object) -> bool:
            return event["project"] == self._project and fits(event)

        return self._whole.first(is_its, since, f"{self._project}: {otherwise}")


@pytest.fixture
def live(lives: dict[str, Live], request: pytest.FixtureRequest) -> Live:
    """One of the examples; Python's where the test names none."""
    return lives[getattr(request, "param", "python")]


@pytest.fixture(scope="module")
def python(lives: dict[str, Live]) -> Live:
    return lives["python"]


each_language = pytest.mark.parametrize("live", LANGUAGES, indirect=True)

# ----------------------------------------------------------------------------------------------- three paths


@each_language
def test_a_static_file_is_copied_and_the_process_goes_on(live: Live) -> None:
    before = live.state()
    told = live.save(PAGE, "<p>Grüße, saved</p>\n")
    assert (told["kind"], told["files"], told["reason"].startswith(PAGE)) == ("copy", 1, True)
    assert live.page.get(f"/{PAGE}") == "<p>Grüße, saved</p>\n"
    assert live.state() == before


@each_language
def test_a_source_file_makes_a_new_process_in_the_same_container(live: Live) -> None:
    before = live.state()
    told = live.say("v2")
    assert told["reason"].startswith(SOURCES[live.folder.name])
    assert live.page.who()["version"] == "v2"
    after = live.state()
    assert after.pid != before.pid and after.container == before.container


@each_language
def test_a_dockerfile_makes_a_new_pod(live: Live) -> None:
    before, since = live.state(), live.running.mark
    live.folder.edit("Dockerfile.develop", lambda text: f"{text}ENV OF_THE_DOCKERFILE=yes\n")
    live.deployed(since)
    assert live.state().pod != before.pod
    assert live.desk.exec(live.folder, "sh", "-c", "echo $OF_THE_DOCKERFILE") == "yes\n"


def test_chart_settings_and_files_out_of_sync_make_a_new_pod(python: Live) -> None:
    pods = [python.state().pod]

    def deploy(save: Callable[[], None]) -> Object:
        since = python.running.mark
        save()
        python.deployed(since)
        pods.append(python.state().pod)
        (pod,) = python.desk.pods(python.folder)
        return pod

    label = "      annotations:\n        of-the-chart: 'yes'\n"
    template = "charts/python/templates/deployment.yaml"
    chart = deploy(
        lambda: python.folder.edit(template, lambda text: _once(text, "      annotations:\n", label))
    )
    assert chart["metadata"]["annotations"]["of-the-chart"] == "yes"
    value = {"secrets": {"of": {"azds": "yes"}}}
    deploy(lambda: python.folder.configure(lambda found: found["install"]["set"].update(value)))
    assert python.desk.exec(python.folder, "sh", "-c", "echo $of_azds") == "yes\n"
    deploy(lambda: python.folder.save("requirements.txt", "# nothing\n"))
    assert python.desk.exec(python.folder, "cat", "requirements.txt") == "# nothing\n"
    assert len(set(pods)) == 4


def _once(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


# ------------------------------------------------------------------------------------------------- trees


TREE = """
import hashlib, json, os, sys
found = {}
for place, directories, files in os.walk(sys.argv[1]):
    for name in directories + files:
        path = os.path.join(place, name)
        mode = os.lstat(path).st_mode
        if os.path.islink(path):
            told = ["link", os.readlink(path)]
        elif os.path.isdir(path):
            told = ["directory", ""]
        else:
            told = [oct(mode & 0o777), hashlib.sha256(open(path, "rb").read()).hexdigest()]
        found[os.path.relpath(path, sys.argv[1])] = told
print(json.dumps(found))
"""


def trees(live: Live) -> tuple[Object, Object]:
    """Give the tree of the workstation and that of the container."""
    here = subprocess.run(
        [sys.executable, "-c", TREE, str(live.folder.path)], capture_output=True, text=True, check=True
    ).stdout
    there = live.desk.exec(live.folder, "python3", "-c", TREE, "/app")
    synced = {path: one for path, one in json.loads(here).items() if path.split("/")[0] not in KEPT_OUT}
    return synced, dict(json.loads(there))


def settle(live: Live) -> None:
    """Wait until what was saved last has arrived: a static file that is saved after it has."""
    mark = hashlib.sha256(os.urandom(8)).hexdigest()
    live.folder.save("static/mark", mark)

    def arrived() -> bool:
        with contextlib.suppress(AssertionError):
            return live.page.get("/static/mark") == mark
        return False

    until(arrived, seconds=PATIENCE)


def test_every_kind_of_change_arrives(python: Live) -> None:
    root = python.folder.path
    python.folder.save("old/deep/er/file.txt", "old\n")
    python.folder.save("goes.txt", "goes\n")
    python.folder.save("becomes/a", "directory\n")
    python.folder.save("script.sh", "#!/bin/sh\necho hello\n")
    (root / "link").symlink_to("goes.txt")
    (root / "empty").mkdir()
    settle(python)
    here, there = trees(python)
    assert here == there and "empty" in here
    (root / "old").rename(root / "new")
    (root / "goes.txt").unlink()
    shutil.rmtree(root / "becomes")
    (root / "becomes").write_text("a file now\n")
    (root / "script.sh").chmod(0o755)
    (root / "link").unlink()
    (root / "link").symlink_to("new/deep")
    python.folder.save("schöne Grüße/日本語/a b\tc'\".txt", "names\n")
    (root / "big.bin").write_bytes(os.urandom(3 << 20))
    (root / "empty").rmdir()
    settle(python)
    here, there = trees(python)
    assert here == there
    assert python.desk.exec(python.folder, "./script.sh") == "hello\n"


def test_an_editor_that_renames_over_a_file_and_a_checkout_of_many_files_arrive(python: Live) -> None:
    fresh = python.folder.path / "server.py.tmp"
    text = (python.folder.path / "server.py").read_text()
    since = python.running.mark
    fresh.write_text(text + "# renamed over\n")
    fresh.replace(python.folder.path / "server.py")
    python.running.event("updated", since, kind="restart")
    for number in range(300):
        python.folder.save(f"many/{number % 7}/{number}.txt", f"{number}\n" * number)
    settle(python)
    here, there = trees(python)
    assert here == there
    shutil.rmtree(python.folder.path / "many")
    settle(python)
    here, there = trees(python)
    assert here == there and "many" not in here


# ------------------------------------------------------------------------------------------------- what fails


def test_a_command_that_crashes_is_told_and_starts_again_at_the_next_save(python: Live) -> None:
    good = (python.folder.path / "server.py").read_text()
    before, since = python.state(), python.running.mark
    python.folder.save("server.py", "import sys\nprint('about to fail', flush=True)\nsys.exit(3)\n")
    assert python.running.event("commandEnded", since, code=3)["instance"]
    python.running.printed("about to fail", since)
    said = "[alcove] the command ended with exit code 3; it starts again at the next save"
    python.running.printed(said, since)
    python.save("server.py", good.replace('VERSION = "', 'VERSION = "mended-'))
    assert python.page.who()["version"].startswith("mended-")
    assert python.state().container == before.container


def test_a_process_that_ignores_the_signal_is_killed_after_its_grace(python: Live) -> None:
    good = (python.folder.path / "server.py").read_text()
    call = "signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())"
    deaf = _once(good, call, "signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    python.save("server.py", deaf)
    before = python.state()
    python.save("server.py", good)
    after = python.state()
    assert after.pid != before.pid and after.container == before.container


def test_a_build_that_fails_shows_its_step_and_leaves_the_running_version(python: Live) -> None:
    before, since = python.state(), python.running.mark
    good = (python.folder.path / "Dockerfile.develop").read_text()
    failing = f"{good}RUN echo the reason && exit 9\n"
    python.folder.save("Dockerfile.develop", failing)
    told = python.running.event("problem", since)
    assert "could not be built" in told["message"]
    assert "RUN echo the reason" in told["cause"] and "9" in told["cause"], told
    python.running.printed("the reason", since)
    python.running.event("ended", since, phase="build", failed=True)
    assert python.page.who()["pid"] == before.pid
    since = python.running.mark
    python.folder.save("Dockerfile.develop", good)
    python.deployed(since)
    assert python.state().pod != before.pod


@pytest.mark.skipif(bool(FOREIGN), reason="needs an image with a C compiler")
def test_a_build_command_that_fails_is_told_with_what_it_printed(lives: dict[str, Live]) -> None:
    live = lives["c"]
    before, since = live.state(), live.running.mark
    good = (live.folder.path / "server.c").read_text()
    live.folder.save("server.c", good + "\nint broken(void) { return nothing_of_this_name; }\n")
    told = live.running.event("problem", since)
    assert told["message"].startswith("make ended with exit code 2")
    live.running.printed("nothing_of_this_name", since)
    live.save("server.c", good)
    assert live.page.who()["service"] == "c"
    assert live.state().container == before.container


# ------------------------------------------------------------------------------------------------- under load


@dataclass
class Load:
    """What callers saw, by where they were."""

    told: dict[str, Object]

    @property
    def failures(self) -> list[Object]:
        return [{**one, "where": where} for where, told in self.told.items() for one in told["failures"]]

    def versions(self, where: str) -> set[str]:
        return set(self.told[where]["answers"])

    def __str__(self) -> str:
        rows = (
            f"{where}: {sum(one['answers'].values())} answers of {len(one['answers'])} versions, "
            f"{len(one['failures'])} failures, the slowest {one['slowest'] * 1000:.0f} ms"
            for where, one in self.told.items()
        )
        return "; ".join(rows)


@contextlib.contextmanager
def load(world: Spaces, live: Live) -> Iterator[Load]:
    """Have callers in the parent's pod and on this workstation for the block."""
    script = Path(loading.__file__).read_text()
    address = world.do("GET", world.path(CHILD, "services", live.folder.name)).body["spec"]["clusterIP"]
    inside = world.kubectl(PARENT).argv("exec", "-i", "canary", "-c", "canary", "--", "python3", "-c")
    commands = {
        "a pod": [*inside, script, f"http://{address}/"],
        "localhost": [sys.executable, "-c", script, f"http://127.0.0.1:{live.page.port}/"],
    }
    found = Load({})
    with contextlib.ExitStack() as stack:
        pipe = subprocess.PIPE
        callers = {
            where: stack.enter_context(subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True))
            for where, argv in commands.items()
        }
        try:
            yield found
        finally:
            for where, caller in callers.items():
                found.told[where] = json.loads(caller.communicate(timeout=PATIENCE)[0])


def explains(failure: Object) -> bool:
    """Tell whether the rules allow a failure: the request was inside the process when that ended."""
    return str(failure["error"]).startswith("503 ") and any(one in failure["error"] for one in UNANSWERED)


@each_language
def test_saves_in_a_row_under_load_are_all_right_in_the_end(
    world: Spaces, live: Live, capsys: pytest.CaptureFixture[str]
) -> None:
    name, count = live.folder.name, SAVES[live.folder.name]
    before = live.state()
    with load(world, live) as found:
        for number in range(count):
            # Three of four wait until they have arrived; the fourth is followed at once by another.
            page = f"<p>{number} of {name}</p>\n"
            live.folder.save(PAGE, page)
            if number % 4 == 3:
                live.folder.say(f"{name}-{number}")
            else:
                live.say(f"{name}-{number}")
        live.say(f"{name}-last")
    with capsys.disabled():
        sys.stdout.write(f"\n{count} saves of {name}: {found}\n")
        sys.stdout.writelines(f"  {one['where']}: {one['error'][:200]}\n" for one in found.failures)
    assert live.page.get(f"/{PAGE}") == page
    files = (SOURCES[name], PAGE)
    digests = live.desk.exec(live.folder, "sha256sum", *files).split()[::2]
    assert digests == [hashlib.sha256((live.folder.path / one).read_bytes()).hexdigest() for one in files]
    assert live.state().container == before.container
    assert not [one for one in found.failures if not explains(one)]
    assert len(found.failures) <= count
    for where in found.told:
        assert len(found.versions(where)) > count / 4, where
