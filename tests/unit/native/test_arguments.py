"""The command lines of the agent's roles in our own containers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.unit.native.conftest import Agent

GOOD = ("--token", "t", "--identity", "i", "--socket", "s", "--fetch", "/a=b")
REDIRECT = ("--redirect", "1:2", "--uid", "3", "--pod-address", "10.0.0.1", "--host-address", "10.0.0.2")


class TestExchange:
    @pytest.mark.parametrize("role", ["init", "proxy"])
    @pytest.mark.parametrize(
        "change",
        [
            lambda words: words[2:],
            lambda words: words[:2] + words[4:],
            lambda words: words[:4] + words[6:],
            lambda words: words[:6],
            lambda words: (*words, "--restart", "always"),
            lambda words: (*words, "--fetch"),
            lambda words: words + words[6:8] * 8,
            *(
                (lambda words, bad=bad: (*words, "--fetch", bad))
                for bad in ("/a", "/a=", "a=b", "=b", "/a=.b", "/a=b/c", "/a b=c", "/é=b", "/a=" + "b" * 65)
            ),
            lambda words: (*words, "--fetch", "/" + "a" * 512 + "=b"),
        ],
    )
    def test_wrong_ones_are_refused(
        self, agent: Agent, role: str, change: Callable[[tuple[str, ...]], tuple[str, ...]]
    ) -> None:
        done = agent.call(role, *change(GOOD), "--", "true")
        assert done.returncode == 2
        assert done.stderr.startswith(b"alcove-agent: ")

    @pytest.mark.parametrize(
        "words",
        [
            *(REDIRECT[:at] + REDIRECT[at + 2 :] for at in (0, 2, 4, 6)),
            ("--direct", "5"),
            *(
                (*REDIRECT, "--redirect", bad)
                for bad in ("1", "1:", ":1", "0:1", "1:65536", "1:1", "1:2:3", "a:b")
            ),
            *((*REDIRECT, "--uid", bad) for bad in ("-1", "4294967295", "root", "")),
            *((*REDIRECT, "--direct", bad) for bad in ("0", "65536", "1-2", "")),
            REDIRECT + ("--direct", "5") * 65,
        ],
    )
    def test_a_redirection_is_whole_or_none(self, agent: Agent, words: tuple[str, ...]) -> None:
        assert agent.call("init", *GOOD, *words, "--", "true").returncode == 2

    def test_a_proxy_redirects_nothing(self, agent: Agent) -> None:
        assert agent.call("proxy", *GOOD, *REDIRECT, "--", "true").returncode == 2

    @pytest.mark.parametrize("role", ["init", "proxy"])
    def test_a_command_is_needed(self, agent: Agent, role: str) -> None:
        assert agent.call(role, *GOOD).returncode == 2
        assert agent.call(role, *GOOD, "--").returncode == 2

    @pytest.mark.parametrize("words", [("--", "--", "true"), ("--", "true", "--"), ("--", "--")])
    def test_a_second_command_is_whole(self, agent: Agent, words: tuple[str, ...]) -> None:
        done = agent.call("proxy", *GOOD, *words)
        told = done.stderr.splitlines()[0]
        assert (done.returncode, told) == (2, b"alcove-agent: a command is missing beside --")


class TestAdmin:
    @pytest.mark.parametrize("role", ["await-proxy", "drain"])
    @pytest.mark.parametrize(
        "words",
        [
            (),
            ("--admin",),
            ("--seconds", "5"),
            ("--admin", "a", "--seconds"),
            ("--admin", "a", "--seconds", "1.5"),
            ("--admin", "a", "--seconds", "86401"),
            ("--admin", "a", "--", "true"),
            ("--admin", "a", "--grace-ms", "5"),
        ],
    )
    def test_wrong_ones_are_refused(self, agent: Agent, role: str, words: tuple[str, ...]) -> None:
        assert agent.call(role, *words).returncode == 2


SESSION = ("--port", "15090", "--session", "s", "--directory", "/nowhere")
RUN = (*SESSION, "--container", "web")


class TestSession:
    @pytest.mark.parametrize(
        "words",
        [
            *((*RUN[:at], *RUN[at + 2 :], "--", "true") for at in (0, 2, 4, 6)),
            RUN,
            (*RUN, "--"),
            (*RUN, "--image-entrypoint"),
            (*RUN, "--image-cmd", "--", "true"),
            (*RUN, "--image-other", "--", "true"),
            (*RUN, "--grace-ms", "--", "true"),
            *((*RUN, "--port", bad, "--", "true") for bad in ("0", "65536", "x", "")),
            *((*RUN, "--container", bad, "--", "true") for bad in ("", "a/b", "..", ".a", "a" * 254, "ü")),
        ],
    )
    def test_wrong_ones_of_run(self, agent: Agent, words: tuple[str, ...]) -> None:
        assert agent.call("run", *words).returncode == 2

    @pytest.mark.parametrize(
        "words",
        [
            *((*SESSION[:at], *SESSION[at + 2 :]) for at in (0, 2, 4)),
            (*SESSION, "--container", "web"),
            (*SESSION, "--image-cmd"),
            (*SESSION, "--", "true"),
            (*SESSION, "--session"),
        ],
    )
    def test_wrong_ones_of_await_build(self, agent: Agent, words: tuple[str, ...]) -> None:
        assert agent.call("await-build", *words).returncode == 2


@pytest.mark.parametrize("role", ["init", "proxy", "await-proxy", "drain", "run", "await-build"])
def test_help_is_no_error(agent: Agent, role: str) -> None:
    assert agent.call(role, "--help").stdout.startswith(b"usage: ")
