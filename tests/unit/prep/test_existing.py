"""What files that are there say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.prep.existing import read_chart, read_dockerfile


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("FROM a\nEXPOSE 80\n", 80),
        ("FROM a\nEXPOSE 53/udp 8080/tcp 9090\n", 8080),
        ("FROM a\nENV PORT=3000\nEXPOSE $PORT\n", 3000),
        ("ARG P=81\nFROM a\nEXPOSE ${P}\n", 81),
        ("FROM a\nEXPOSE ${P:-82}\n", 82),
        ("FROM a\nENV P 83\nEXPOSE \\\n  # here\n  $P\n", 83),
        ("FROM a AS build\nEXPOSE 1\nFROM b\nRUN true\n", None),
        ("FROM a\nEXPOSE $NOTHING 99999\n", None),
        ("from a\nexpose 84\n", 84),
        ("", None),
    ],
)
def test_the_first_port_that_the_last_stage_exposes_counts(text: str, port: int | None) -> None:
    found = read_dockerfile(text, "Dockerfile").port
    assert (found.number if found else None) == port


def test_a_port_comes_with_its_line() -> None:
    port = read_dockerfile("FROM a\n\n# x\nEXPOSE 80\n", "Dockerfile.develop").port
    assert port is not None and port.because == "Dockerfile.develop:4"


def test_directories_add_up() -> None:
    assert read_dockerfile("FROM a\nWORKDIR /srv\nWORKDIR app\n", "Dockerfile").directory == "/srv/app"


@pytest.mark.parametrize(
    ("copy", "mirrors"),
    [
        ("COPY . .", True),
        ("COPY ./ /app/", True),
        ('COPY [".", "/app"]', True),
        ("ADD --chown=1:1 . /app", True),
        ("COPY . /elsewhere", False),
        ("COPY src /app", False),
        ("COPY a b ./", False),
    ],
)
def test_a_whole_folder_is_copied_to_where_it_works(copy: str, mirrors: bool) -> None:
    assert read_dockerfile(f"FROM a\nWORKDIR /app\n{copy}\n", "Dockerfile").mirrors is mirrors


@pytest.mark.parametrize(
    ("text", "chart"),
    [
        ("install: {chart: charts/web}", "charts/web"),
        ("install: {chart: 'charts\\web'}", "charts/web"),
        ("install: []", ""),
        ("install: {chart: 3}", ""),
        ("a: [", ""),
        ("", ""),
    ],
)
def test_a_chart_is_read_where_there_is_one(text: str, chart: str) -> None:
    assert read_chart(text) == chart


@given(st.text())
def test_nothing_that_is_read_raises(text: str) -> None:
    read_dockerfile(text, "Dockerfile")
    read_chart(text)


@given(
    st.lists(
        st.sampled_from(["FROM", "COPY", ".", "--chown=$A", "\n", "\\\n", "[", '"', "ENV", "A=", "$A", "1"])
    )
)
def test_nothing_that_looks_like_a_dockerfile_raises(words: list[str]) -> None:
    read_dockerfile(" ".join(words), "Dockerfile")
