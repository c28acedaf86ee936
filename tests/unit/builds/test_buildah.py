from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.builds.fakes import FakePrograms, fails, says

from alcove.builds.buildah import Buildah, Commands, Places, describe, last_line
from alcove.builds.requests import BuildRequest
from alcove.errors import AlcoveError


@pytest.fixture
def places(tmp_path: Path) -> Places:
    made = Places(tmp_path / "state", tmp_path / "run")
    made.prepare()
    return made


def test_what_a_killed_process_left_goes_and_caches_stay(places: Places) -> None:
    own, shared = places.of_space("a"), places.bases()
    goes = [places.work / "context-1", own.temporary / "oci123", shared.directory / "base-1"]
    stays = [own.temporary / "buildah-cache", own.root / "overlay", shared.root / "overlay"]
    for path in (*goes, *stays):
        path.mkdir(parents=True)
    places.prepare()
    assert [path.exists() for path in goes] == [False] * 3
    assert all(path.exists() for path in stays)


def test_the_storage_of_a_space_reads_what_all_share_and_writes_its_own(places: Places) -> None:
    one, other = places.of_space("a"), places.of_space("b")
    assert one.root != other.root and one.configuration != other.configuration
    assert f'additionalimagestores = ["{places.bases().root}"]' in one.configuration.read_text()
    assert "additionalimagestores" not in places.bases().configuration.read_text()


def test_nothing_of_a_request_is_taken_for_an_option(places: Places) -> None:
    request = BuildRequest("web:1", "-f", "--help", {"A": "--x y", "B": ""})
    command = Commands(places, "/usr/bin/runc").build(
        request, Path("/context"), auth=None, result=Path("/id")
    )
    assert command[command.index("--file") + 1] == "/context/-f"
    assert command[command.index("--target") + 1] == "--help"
    assert [command[at + 1] for at, word in enumerate(command) if word == "--build-arg"] == ["A=--x y", "B="]
    assert command[-1] == "/context" and "--authfile" not in command


async def test_what_a_command_says_is_told_when_it_fails(places: Places) -> None:
    programs = FakePrograms()
    own = Buildah(programs, places, places.of_space("a"))
    programs.on("buildah", answer=says("Getting image\n\nsha256:a\n\n"))
    assert await own.answer(["buildah", "pull"]) == "sha256:a"
    programs.on("buildah", answer=fails("time=1 level=error\nError: no such image", 125))
    with pytest.raises(AlcoveError, match="no such image"):
        await own.run(["buildah", "tag"])


def test_an_image_is_described_by_either_form_of_its_documents() -> None:
    assert describe({"Docker": {"config": {"Cmd": ["a"]}}, "OCIv1": {}}) == {"Cmd": ["a"]}
    assert describe({"Docker": None, "OCIv1": {"config": {"Cmd": ["b"]}}}) == {"Cmd": ["b"]}
    assert describe({}) == {} and last_line(b"") == ""
