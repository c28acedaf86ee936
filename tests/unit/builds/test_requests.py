from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.builds import requests
from alcove.builds.requests import BuildEvent, BuildRequest, Built, Failed, ImageConfig, Line, RequestError
from alcove.sessions.ids import new_session_id

SESSION = new_session_id("dev", "0000000a")
IMAGE = f"registry.example:5000/team/web:{SESSION}-3"


def test_a_question_comes_back_as_it_was() -> None:
    request = BuildRequest(IMAGE, "docker/Dockerfile", "final", {"A": "1=2"}, '{"auths": {}}')
    assert requests.decode_request(requests.encode_request(request)) == request
    assert "auths" not in repr(request)


@pytest.mark.parametrize(
    "event",
    [
        Line("STEP 1/2: FROM a"),
        Line(""),
        Built(ImageConfig(("a",), ("b", ""), "/app", "1:2", ("A=1",))),
        Built(ImageConfig()),
        Failed("it ended", "RUN make", "look"),
    ],
)
def test_events_come_back_as_they_were(event: BuildEvent) -> None:
    line = requests.encode_event(event)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert requests.decode_event(line) == event


def test_a_sign_of_life_is_no_event() -> None:
    assert requests.decode_event(requests.ALIVE) is None


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused(content: bytes) -> None:
    for decode in (requests.decode_request, requests.decode_event):
        try:
            decode(content)
        except RequestError:
            continue


def test_what_a_namespace_asks_for_itself_is_built() -> None:
    assert requests.check_request(BuildRequest(IMAGE), "dev") == (SESSION, 3)


@pytest.mark.parametrize(
    ("image", "told"),
    [
        ("web:1.0", "not an image of a session"),
        ("web", "not an image of a session"),
        (f"web:{new_session_id('prod', '0000000a')}-3", "another space"),
        (f"web:{SESSION}", "not an image of a session"),
        (f"{IMAGE}@sha256:{'0' * 64}", "not an image of a session"),
        (f"-o:{SESSION}-3", "no name of an image"),
        (f"Web App:{SESSION}-3", "no name of an image"),
        (f"../x:{SESSION}-3", "no name of an image"),
        ("", "no name of an image"),
        ("a" * 600, "no name of an image"),
    ],
)
def test_other_images_are_refused(image: str, told: str) -> None:
    with pytest.raises(RequestError, match=told):
        requests.check_request(BuildRequest(image), "dev")


@pytest.mark.parametrize(
    "request_",
    [
        BuildRequest(IMAGE, dockerfile="/etc/passwd"),
        BuildRequest(IMAGE, dockerfile="../Dockerfile"),
        BuildRequest(IMAGE, dockerfile="a/../../b"),
        BuildRequest(IMAGE, dockerfile=""),
        BuildRequest(IMAGE, target="--privileged"),
        BuildRequest(IMAGE, args={"A B": "1"}),
        BuildRequest(IMAGE, args={"--x": "1"}),
        BuildRequest(IMAGE, args={"A": "a\0b"}),
    ],
)
def test_what_could_mean_something_else_to_a_program_is_refused(request_: BuildRequest) -> None:
    with pytest.raises(RequestError):
        requests.check_request(request_, "dev")


@pytest.mark.parametrize(
    ("image", "full"),
    [
        ("python:3.12", "docker.io/library/python:3.12"),
        ("python", "docker.io/library/python:latest"),
        ("team/web:1", "docker.io/team/web:1"),
        ("localhost/web:1", "localhost/web:1"),
        ("registry.example:5000/web", "registry.example:5000/web:latest"),
        (f"web@sha256:{'0' * 64}", f"docker.io/library/web@sha256:{'0' * 64}"),
    ],
)
def test_names_are_made_full_as_containerd_has_them(image: str, full: str) -> None:
    assert requests.full_name(image) == full


def test_images_of_other_sessions_are_foreign_and_no_others() -> None:
    assert requests.is_foreign(f"web:{SESSION}-1", "prod")
    assert not requests.is_foreign(f"web:{SESSION}-1", "dev")
    assert not requests.is_foreign("python:3.12", "dev")


@pytest.mark.parametrize(
    ("path", "plain"), [("/app", True), ("/", True), ("/app/", True), ("app", False), ("/a/../b", False)]
)
def test_paths_of_images_are_absolute_and_plain(path: str, plain: bool) -> None:
    assert requests.is_plain_path(path) is plain
