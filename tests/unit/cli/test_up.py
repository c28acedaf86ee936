"""``alcove up``, as a user types it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.cli.developers import Developer, developing

from alcove.app.up.ports import OpenPort
from alcove.cli.up import describe_places, parse_ports
from alcove.errors import UsageError
from alcove.sessions import calls
from alcove.sessions.calls import Port


@pytest.fixture
async def alcove(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> AsyncIterator[Developer]:
    async with developing(tmp_path, monkeypatch, capsys) as developer:
        yield developer


@pytest.mark.parametrize(
    ("texts", "ports"),
    [
        ([], {}),
        (["5005:8080"], {8080: 5005}),
        (["8080"], {8080: 8080}),
        (["1:65535", "2:3"], {65535: 1, 3: 2}),
    ],
)
def test_ports_by_the_containers(texts: list[str], ports: dict[int, int]) -> None:
    assert parse_ports(texts) == ports


@pytest.mark.parametrize(
    "texts",
    [[""], [":"], ["a"], ["1:"], [":1"], ["0:1"], ["1:65536"], ["1:2:3"], ["-1:2"], ["1:2", "1:3"], ["²:1"]],
)
def test_what_is_no_port(texts: list[str]) -> None:
    with pytest.raises(UsageError):
        parse_ports(texts)


def test_where_a_service_is_reached() -> None:
    running = calls.Running(("web-1",), (Port("web", "http", 80, 8080),), ("http://dev.web.apps.example/",))
    ports = [OpenPort(8080, 8080, "web", "http", 80), OpenPort(5005, 9229)]
    assert describe_places(running, ports) == [
        "Service 'web' port 'http' is available at http://dev.web.apps.example/",
        "Service 'web' port 80 (http) is available via port forwarding at http://localhost:8080",
        "Service 'web' port 9229 is available via port forwarding at http://localhost:5005",
    ]
    assert describe_places(calls.Running(()), []) == []


async def test_a_folder_is_run_and_people_read_how_it_goes(alcove: Developer) -> None:
    done = await alcove("up -d")
    assert done.code == 0 and not done.out
    assert done.err.startswith("Using space 'dev' with target 'here'\n")
    wanted = (
        "Synchronizing files...",
        "Installing Helm chart...",
        "Built container",
        "Waiting for container...",
    )
    found = [word for line in done.err.splitlines() for word in wanted if line.startswith(word)]
    assert found == list(wanted)
    assert "STEP 1: Dockerfile" in done.err


async def test_programs_read_lines_of_json(alcove: Developer) -> None:
    done = await alcove("up --detach -o json")
    events = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 0
    assert {event["project"] for event in events} == {"web"}
    kinds = [event["event"] for event in events]
    assert kinds[0] == "began" and kinds[-2:] == ["running", "ports"]
    assert events[-2]["ports"][0] == {"service": "web", "name": "http", "port": 80, "target": 8080}


async def test_a_build_that_fails_is_the_exit_code(alcove: Developer) -> None:
    (alcove.folder / "Dockerfile").write_text("broken\n")
    done = await alcove("up -d")
    assert done.code == 1
    assert "the image could not be built: RUN make: exit code 1" in done.err
    assert "hint: look at the Makefile" in done.err


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("up -d -- python other.py", ("python", "other.py")),
        ("up -d . -- python -m http.server", ("python", "-m", "http.server")),
        ("up -d --command 'python -u app.py'", ("python", "-u", "app.py")),
        ("up -d --command python -- app.py", ("python", "app.py")),
        ("up -d --", ()),
        ("up -d", ()),
    ],
)
async def test_what_is_run_is_chosen_by_the_command_line(
    alcove: Developer, line: str, command: tuple[str, ...]
) -> None:
    assert (await alcove(line)).code == 0
    (live,) = alcove.hub.projects.sessions.values()
    assert live.state.session.settings.command.argv == command


async def test_directories_are_told_from_commands(alcove: Developer) -> None:
    done = await alcove("up nowhere")
    assert done.code == 2 and "'nowhere' is no directory" in done.err and "alcove up -- npm start" in done.err
    unread = await alcove("up --command 'a \"b'")
    assert unread.code == 2 and "cannot be read" in unread.err


async def test_a_folder_without_azds_yaml_is_told(alcove: Developer, tmp_path: Path) -> None:
    done = await alcove(f"up -d {tmp_path / 'logs'}")
    assert done.code == 1 and "Config file not found" in done.err


async def test_a_save_is_explained_without_a_cluster(alcove: Developer) -> None:
    alcove.client.unreachable = True
    done = await alcove("up --explain static/index.html")
    alcove.client.unreachable = False
    assert (done.code, done.out) == (
        0,
        "copy: static/index.html is a static file: it is copied, nothing is restarted\n",
    )


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("up -d --port x", 2, "--port 'x' is not LOCAL:REMOTE"),
        ("up -d --space nosuch", 4, "the space 'nosuch' cannot be used"),
        ("up -d --debug", 2, "no debugger can be started"),
        ("up -d --config nosuch", 1, "nosuch"),
        ("up --nonsense", 2, "No such option"),
    ],
)
async def test_errors_say_what_is_wrong(alcove: Developer, line: str, code: int, told: str) -> None:
    (alcove.folder / "app.py").unlink()
    (alcove.folder / "main.rs").write_text("fn main() {}")
    done = await alcove(line)
    assert done.code == code and told in done.err


async def test_two_folders_are_told_apart(alcove: Developer, tmp_path: Path) -> None:
    done = await alcove(f"up -d . {alcove.folder}")
    assert done.code == 0 and "web: Synchronizing files" in done.err
