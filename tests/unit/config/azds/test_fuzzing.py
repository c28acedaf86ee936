"""Whatever the bytes of a file are: a project, or what is wrong with them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.config.azds.projects import ENV, ERRORS, FILES

from alcove.config.azds import ConfigError, load_project
from alcove.config.azds.loading import parse_settings
from alcove.config.azds.upgrading import upgrade

SEEDS = [path.read_bytes() for path in sorted([*FILES.glob("*.yaml"), *ERRORS.glob("*.yaml")])]
PIECES = [
    *(
        b"\t",
        b"\n",
        b"\r",
        b"  ",
        b"- ",
        b": ",
        b"? ",
        b"[",
        b"]",
        b"{",
        b"}",
        b"&a ",
        b"*a",
        b"!!int ",
        b"!x ",
    ),
    *(
        b"<<: ",
        b"!x ",
        b"|\n",
        b">-\n",
        b"'",
        b'"',
        b"#",
        b"%YAML 1.1\n",
        b"---\n",
        b"...\n",
        b"\\",
        b"\\u",
        b"\\U",
    ),
    *(
        b"$",
        b"${",
        b"$(",
        b"$$",
        b"$A",
        b"\xff",
        b"\x00",
        b"\xef\xbb\xbf",
        b"\xc2\x85",
        b"\xe2\x80\xa8",
        b"~",
    ),
]
MUTANTS_IN_CI = 400


def survive(content: bytes) -> None:
    try:
        parse_settings(content, environment=ENV)
    except ConfigError as error:
        assert error.problems and str(error).startswith("azds.yaml")
    try:
        upgraded = upgrade(content.decode("utf-8", "surrogateescape"))
    except ConfigError:
        return
    assert upgrade(upgraded) == upgraded


def mutate(chance: random.Random) -> bytes:
    content = bytearray(chance.choice(SEEDS))
    for _ in range(chance.randrange(1, 6)):
        start = chance.randrange(len(content) + 1)
        end = min(len(content), start + chance.choice([0, 0, 1, 1, 2, 8, 40]))
        piece = chance.choice([*PIECES, bytes([chance.randrange(256)]), bytes(content[end : end + 30])])
        content[start:end] = piece
    return bytes(content)


@given(st.binary(max_size=200))
def test_random_bytes(content: bytes) -> None:
    survive(content)


@given(st.text(max_size=200))
def test_random_texts(text: str) -> None:
    survive(text.encode("utf-8", "surrogatepass"))


@given(st.lists(st.sampled_from([*PIECES, b"kind: helm-release\n", b"install", b"a", b"1"]), max_size=40))
def test_random_pieces_of_yaml(pieces: list[bytes]) -> None:
    survive(b"".join(pieces))


@pytest.mark.timeout(120)
def test_mutated_files() -> None:
    chance = random.Random(20240401)
    for _ in range(MUTANTS_IN_CI):
        survive(mutate(chance))


@pytest.mark.timeout(120)
def test_mutated_files_on_the_disk(tmp_path: Path) -> None:
    chance = random.Random(7)
    for _ in range(MUTANTS_IN_CI // 4):
        (tmp_path / "azds.yaml").write_bytes(mutate(chance))
        (tmp_path / ".env").write_bytes(mutate(chance) if chance.randrange(2) else b"A=1\n")
        with pytest.raises(ConfigError):
            load_project(tmp_path, environment=ENV)
