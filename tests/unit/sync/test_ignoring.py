"""What does not count, as Git and Docker mean it, and what ``build.ignore`` brings back."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pathspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.unit.sync.worlds import make_files

from alcove.sync.ignoring import IgnoreRules, Ignoring, parse_dockerignore, parse_gitignore

GIT = shutil.which("git")


def ignored(path: str, files: dict[str, str], *, git: bool = True, ignore: tuple[str, ...] = ()) -> str:
    """Say by what a path is ignored; one that ends with a slash is a directory."""
    rule = Ignoring(IgnoreRules(git, ignore), files.get).explain(
        path.rstrip("/"), is_directory=path.endswith("/")
    )
    return str(rule or "")


GIT_TABLE = [
    ("node_modules/", "node_modules/a/b", True),
    ("node_modules/", "x/node_modules/a", True),
    ("node_modules/", "node_modules", False),
    ("/build", "build/a", True),
    ("/build", "x/build", False),
    ("a/b", "a/b", True),
    ("a/b", "x/a/b", False),
    ("*.log", "x/y.log", True),
    ("*.log\n!keep.log", "x/keep.log", False),
    ("build\n!build/keep", "build/keep", True),
    ("/*\n!/src", "src/a", False),
    ("/*\n!/src", "other", True),
    ("**/foo", "a/b/foo", True),
    ("a/**", "a/x/y", True),
    ("a/**/b", "a/b", True),
    ("a/**/b", "a/x/y/b", True),
    ("\\#x", "#x", True),
    ("# x", "# x", False),
    ("\\!x", "!x", True),
    ("x\\ ", "x ", True),
    ("x  ", "x", True),
    ("[ab].c", "b.c", True),
    ("[!ab].c", "b.c", False),
    ("[^ab].c", "c.c", True),
    ("[[:digit:]]", "7", True),
    ("[a", "[a", False),
    ("x\r", "x", True),
    ("\ufeffx", "x", True),
    ("", "x", False),
    ("/", "x", False),
]


@pytest.mark.parametrize(("text", "path", "expected"), GIT_TABLE)
def test_git_rules(text: str, path: str, expected: bool) -> None:
    assert bool(ignored(path, {".gitignore": text})) is expected
    assert not ignored(path, {".gitignore": text}, git=False)


DOCKER_TABLE = [
    ("docs", "docs/a", True),
    ("docs", "x/docs/a", False),
    ("/docs/", "docs/a", True),
    ("docs\n!docs/README.md", "docs/README.md", False),
    ("docs\n!docs/README.md", "docs/other", True),
    ("!docs/README.md\ndocs", "docs/README.md", True),
    ("docs\n!docs/a", "docs/a/b/c", False),
    ("docs\n!docs/a\ndocs/a/b", "docs/a/b/c", True),
    ("*\n!src", "src/a.py", False),
    ("*\n!**/*.py", "src/x/a.py", False),
    ("*\n!**/*.py", "src/x/a.js", True),
    ("**/*.md\n!README.md", "README.md", False),
    ("**/*.md\n!README.md", "x/README.md", True),
    ("*.md", "x/a.md", False),
    ("**/node_modules", "a/node_modules/b", True),
    ("a**b", "a/x/b", True),
    ("**", "x", True),
    ("a?c", "abc", True),
    ("# docs", "# docs", False),
    ("  docs  ", "docs", True),
    ("./docs", "docs", True),
    ("docs/../other", "other", True),
    ("x+(y)", "x+(y)", True),
    ("[a-c].md", "b.md", True),
]


@pytest.mark.parametrize(("text", "path", "expected"), DOCKER_TABLE)
def test_docker_rules(text: str, path: str, expected: bool) -> None:
    assert bool(ignored(path, {".dockerignore": text}, git=False)) is expected


BACK_TABLE = [
    ("bin/", "", ("!bin",), "src/bin/a.dll", False),
    ("bin/", "", ("!src/bin/keep",), "src/bin/keep", False),
    ("bin/", "", ("!src/bin/keep",), "src/bin/other", True),
    ("bin/", "", ("!**/bin/keep",), "src/bin/keep", False),
    ("", "NuGet.Config", ("!NuGet.Config",), "NuGet.Config", False),
    ("NuGet.Config", "**/NuGet.Config", ("!NuGet.Config",), "a/NuGet.Config", False),
    ("*.log", "logs", ("!logs/**",), "logs/x.log", False),
    ("*.log", "logs", ("!logs",), "logs/x.log", True),
    ("", "", ("tmp",), "a/tmp/x", True),
    ("", "!tmp/x", ("tmp",), "tmp/x", True),
    ("", "", ("tmp", "!tmp/keep"), "tmp/keep", False),
    ("!x", "", ("x",), "x", True),
    ("node_modules/", "", ("!*.config",), "node_modules/a.config", True),
    ("", "", ("*", "!*.py"), "a/b.py", False),
    ("", "", ("!.git",), ".git/config", True),
]


@pytest.mark.parametrize(("git", "docker", "own", "path", "expected"), BACK_TABLE)
def test_build_ignore_overrules_the_others(
    git: str, docker: str, own: tuple[str, ...], path: str, expected: bool
) -> None:
    files = {".gitignore": git, ".dockerignore": docker}
    assert bool(ignored(path, files, ignore=own)) is expected


def test_the_rule_is_told() -> None:
    files = {".gitignore": "# nothing\n\nout/\n", "a/.gitignore": "!x\nx", ".dockerignore": "doc"}
    assert ignored("a/out/b", files) == ".gitignore:3 (out/)"
    assert ignored("a/x", files) == "a/.gitignore:2 (x)"
    assert ignored("doc/x", files) == ".dockerignore:1 (doc)"
    assert ignored("y", files, ignore=("x", "y")) == "build.ignore:2 (y)"
    assert ignored("a/.git/x", files) == "version control"


def test_deeper_files_are_stronger() -> None:
    files = {".gitignore": "*.o\n/a/b\n", "a/.gitignore": "!keep.o\n/c\n"}
    assert not ignored("a/keep.o", files) and ignored("keep.o", files)
    assert ignored("a/c", files) and not ignored("c", files) and not ignored("a/x/c", files)
    assert not ignored("a/x/keep.o", files)


@pytest.mark.parametrize(
    ("git", "docker", "own", "directory", "expected"),
    [
        ("node_modules/", "", ("!NuGet.Config", "!**/*.md"), "node_modules", False),
        ("", "**/node_modules\n!**/.gitignore", (), "a/node_modules", False),
        ("", "docs\n!docs/a/b", (), "docs", True),
        ("", "docs\n!docs/a/b", (), "docs/x", False),
        ("", "!docs/a\ndocs", (), "docs", False),
        ("", "*\n!**/*.py", (), "src", True),
        ("bin", "", ("!src/bin/keep",), "src/bin", True),
        ("bin", "", ("!src/bin/keep",), "lib/bin", False),
        ("bin", "bin\n!bin/x", (), "bin", False),
        ("", "", ("a", "!a/b/**/c"), "a/b/x/y", True),
    ],
)
def test_ignored_directories_are_entered_only_if_something_may_come_back(
    git: str, docker: str, own: tuple[str, ...], directory: str, expected: bool
) -> None:
    files = {".gitignore": git, ".dockerignore": docker}
    level = Ignoring(IgnoreRules(True, own), files.get).level_of(directory)
    assert level.ignored_by is not None and level.is_open is expected


SEGMENT = st.sampled_from(
    ["a", "b", "*", "**", "?", "a*", "*b", "[ab]", "[!a]", "ab", "\\a", "*.c", "a.c", ""]
)
PATTERN = st.builds(
    lambda back, start, names, end: back + start + "/".join(names) + end,
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "", "/"]),
    st.lists(SEGMENT, min_size=1, max_size=3),
    st.sampled_from(["", "", "/"]),
)
FILES = ["a", "ab", "a.c", "b/a", "b/b/a", "b/b/b", "b/ab/a.c", "ab_/a", "ab_/b/b", "c/a/b/a", "c/ab/b"]
DIRECTORIES = sorted({f"{one.rpartition('/')[0]}/" for one in FILES if "/" in one})


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("repository")
    make_files(directory, dict.fromkeys([*DIRECTORIES], ""))
    make_files(directory, {one: "" for one in FILES if not (directory / one).is_dir()})
    assert GIT
    subprocess.run([GIT, "init", "-q", str(directory)], check=True)
    return directory


@pytest.mark.skipif(not GIT, reason="there is no git")
@settings(max_examples=60)
@given(top=st.lists(PATTERN, max_size=5), deeper=st.lists(PATTERN, max_size=3))
def test_git_says_the_same(repository: Path, top: list[str], deeper: list[str]) -> None:
    texts = {".gitignore": "\n".join(top), "b/.gitignore": "\n".join(deeper)}
    make_files(repository, dict(texts))
    asked = "\n".join(FILES)
    command = [GIT or "", "-C", str(repository), "check-ignore", "--no-index", "--stdin"]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    ours = [path for path in FILES if ignored(path, texts)]
    assert ours == done.stdout.split("\n")[:-1]


@given(st.lists(PATTERN, max_size=4))
def test_pathspec_says_the_same_of_files_at_the_top(patterns: list[str]) -> None:
    assume(not any(one.strip() in ("!", "!/") for one in patterns))
    spec = pathspec.GitIgnoreSpec.from_lines(patterns)
    for path in ("a", "b", "ab", "a.c"):
        assert bool(ignored(path, {".gitignore": "\n".join(patterns)})) is spec.match_file(path)


@given(st.text(alphabet="ab*?[]!/\\-^#: \r\n.", max_size=30), st.sampled_from(FILES))
def test_any_text_is_read(text: str, path: str) -> None:
    parse_gitignore(text, "x").find_last(path, is_directory=False)
    parse_dockerignore(text, "x").find_last(path, is_directory=True)
    ignored(path, {".gitignore": text, ".dockerignore": text}, ignore=tuple(text.split("\n")))
