"""The supervising half of the agent, as a container meets it: arguments, signals, a code."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.native.conftest import (
    COLD_BUILD_SECONDS,
    SOURCES,
    Agent,
    build,
    ignore_and_block_signals,
    wait_gone,
    wait_until,
)

# "up" comes from the last child when it is a program of its own: between fork and exec, a child of a shell
# with traps loses signals.
UP_FOREVER = "sh -c 'echo up; exec sleep 600' & while :; do wait $!; sleep 600 & done"


def announced_delays(stderr: bytes) -> list[str]:
    return re.findall(r"(?:restarting it|trying again) (?:in )?(\w+)", stderr.decode())


class TestEnds:
    @pytest.mark.parametrize("code", [0, 1, 3, 127, 255])
    def test_its_code_is_that_of_the_command(self, agent: Agent, code: int) -> None:
        done = agent.run("sh", "-c", f"exit {code}")
        assert done.returncode == code
        assert (done.stderr == b"") == (code == 0)

    @pytest.mark.parametrize("name", ["KILL", "TERM", "SEGV", "INT"])
    def test_a_signal_that_ended_the_command_is_told(self, agent: Agent, name: str) -> None:
        done = agent.run("sh", "-c", f"ulimit -c 0; kill -{name} $$")
        assert done.returncode == 128 + signal.Signals[f"SIG{name}"]
        assert re.fullmatch(
            rf"alcove-agent: sh \(process \d+\) was ended by SIG{name} after \d+ ms\n", done.stderr.decode()
        )

    def test_streams_pass_untouched(self, agent: Agent) -> None:
        content = random.Random(1).randbytes(300_000)
        done = agent.run("sh", "-c", "tee /dev/stderr", input=content)
        assert (done.returncode, done.stdout, done.stderr) == (0, content, content)

    def test_many_arguments_pass(self, agent: Agent) -> None:
        arguments = [f"argument {number}" for number in range(50_000)]
        done = agent.run("sh", "-c", 'echo $# "$1" "${50000}"', "sh", *arguments)
        assert done.stdout == b"50000 argument 0 argument 49999\n"

    def test_arguments_of_the_command_are_not_ours(self, agent: Agent) -> None:
        assert agent.run("echo", "--", "--help", "--grace-ms").stdout == b"-- --help --grace-ms\n"


class TestStarts:
    @pytest.mark.parametrize("program", ["nothing-like-it", "/nowhere/it", "/etc/passwd/it", ""])
    def test_a_missing_program(self, agent: Agent, program: str) -> None:
        done = agent.run(program, options=("--restart", "always"))
        assert done.returncode == 127
        assert re.fullmatch(
            rf"alcove-agent: cannot start ({program}|the command): .*(no such file|not found|empty).*\n",
            done.stderr.decode(),
        )

    @pytest.mark.parametrize(
        ("content", "mode", "code", "reason"),
        [
            (b"#!/bin/sh\n", 0o644, 126, "not an executable file"),
            (b"\x7fELF and then nothing", 0o755, 126, "neither a program of this machine's kind"),
            (b"echo no first line\n", 0o755, 126, "neither a program of this machine's kind"),
            (b"", 0o755, 126, "neither a program of this machine's kind"),
            (
                b"#!/nowhere/interpreter\n",
                0o755,
                127,
                "the interpreter or loader that it names does not exist",
            ),
        ],
    )
    @pytest.mark.parametrize("by_path", [True, False])
    def test_a_program_that_cannot_run(
        self, agent: Agent, tmp_path: Path, content: bytes, mode: int, code: int, reason: str, by_path: bool
    ) -> None:
        program = tmp_path / "program"
        program.write_bytes(content)
        program.chmod(mode)
        environment = {"PATH": f"/nowhere:{tmp_path}", "ASAN_OPTIONS": "detect_leaks=0"}
        done = agent.run("program" if by_path else str(program), env=environment)
        assert done.returncode == code
        assert f"cannot start {program}: {reason}" in done.stderr.decode()
        assert done.stderr.count(b"\n") == 1

    def test_a_directory(self, agent: Agent) -> None:
        assert agent.run("/").returncode == 126

    def test_the_search_goes_on_behind_what_cannot_run(self, agent: Agent, tmp_path: Path) -> None:
        for name, content, mode in (
            ("a", "#!/nowhere", 0o755),
            ("b", "", 0o644),
            ("c", "#!/bin/sh\nexit 9", 0o755),
        ):
            (tmp_path / name).mkdir()
            (tmp_path / name / "program").write_text(content)
            (tmp_path / name / "program").chmod(mode)
        long = "x" * 5000
        assert agent.run("program", env={"PATH": f"a:{long}:b:c"}, cwd=tmp_path).returncode == 9
        assert agent.run("program", env={"PATH": "a:b"}, cwd=tmp_path).returncode == 127
        assert agent.run("program", env={"PATH": ":/nowhere"}, cwd=tmp_path / "c").returncode == 9
        assert agent.run("program", env={"PATH": "/nowhere:"}, cwd=tmp_path / "c").returncode == 9

    def test_without_path_the_usual_places_are_searched(self, agent: Agent) -> None:
        assert agent.run("sh", "-c", "exit 4", env={}).returncode == 4

    def test_the_program_starts_with_clean_signals(self, agent: Agent) -> None:
        run = agent.start(
            "grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status", preexec_fn=ignore_and_block_signals
        )
        assert [run.out.next() for _ in range(2)] == [
            f"{what}:\t0000000000000000" for what in ("SigBlk", "SigIgn")
        ]
        assert run.wait() == 0

    def test_the_program_leads_a_group_of_its_own(self, agent: Agent) -> None:
        process, group = agent.run("cut", "-d ", "-f1,5", "/proc/self/stat").stdout.split()
        assert process == group

    def test_inherited_descriptors_are_closed(self, agent: Agent, tmp_path: Path) -> None:
        with (tmp_path / "secret").open("wb") as secret:
            high = fcntl.fcntl(secret.fileno(), fcntl.F_DUPFD, 700)
            try:
                run = agent.script(
                    "echo up; ls /proc/self/fd; read x", pass_fds=[high], stdin=subprocess.PIPE
                )
            finally:
                os.close(high)
        assert run.out.next() == "up"
        # The fourth is the directory that is listed.
        assert [run.out.next() for _ in range(4)] == ["0", "1", "2", "3"]
        ours = {int(path.name) for path in Path(f"/proc/{run.process.pid}/fd").iterdir()}
        assert high not in ours
        assert run.process.stdin is not None
        run.process.stdin.close()
        run.wait()

    @pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1), (0, 1, 2)])
    def test_closed_streams_stay_closed(self, agent: Agent, closed: tuple[int, ...]) -> None:
        closing = " ".join(f"{number}>&-" for number in closed)
        seen = " && ".join(f"[ ! -e /proc/$$/fd/{number} ]" for number in closed)
        done = agent.below("sh", "-c", f'exec "$0" "$@" {closing}').run("sh", "-c", f"{seen} && exit 5")
        assert done.returncode == 5

    def test_nothing_of_ours_takes_the_place_of_a_closed_stream(self, agent: Agent) -> None:
        run = agent.below("sh", "-c", 'exec "$0" "$@" 0>&- 2>&-').script("echo up; exec sleep 600")
        assert run.out.next() == "up"
        places = [Path(f"/proc/{run.process.pid}/fd/{number}").readlink() for number in (0, 2)]
        assert places == [Path("/"), Path("/")]


class TestMessages:
    def test_a_reader_that_stopped_reading_is_not_waited_for(self, agent: Agent) -> None:
        read, write = os.pipe()
        os.set_blocking(write, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(write, b"x" * 4096)
        os.set_blocking(write, True)
        try:
            assert agent.run("sh", "-c", "exit 3", capture_output=False, stderr=write).returncode == 3
            assert agent.run("nothing-like-it", capture_output=False, stderr=write).returncode == 127
        finally:
            os.close(read)
            os.close(write)

    def test_a_reader_that_is_gone_changes_nothing(self, agent: Agent) -> None:
        read, write = os.pipe()
        os.close(read)
        try:
            assert agent.run("sh", "-c", "exit 3", capture_output=False, stderr=write).returncode == 3
            assert agent.run("nothing-like-it", capture_output=False, stderr=write).returncode == 127
        finally:
            os.close(write)

    @given(name=st.binary(min_size=1, max_size=3000).filter(lambda name: b"\0" not in name))
    def test_whatever_a_command_is_called_there_is_one_line(self, sanitized_once: Agent, name: bytes) -> None:
        done = sanitized_once.call("supervise", "--", b"/nowhere/" + name)
        assert done.returncode in (126, 127)
        assert re.fullmatch(rb"alcove-agent: [^\x00-\x1f\x7f]*\n", done.stderr)


@pytest.fixture(scope="module")
def sanitized_once(programs: Path) -> Agent:
    return Agent(str(programs / "alcove-agent-sanitized"))


VOCABULARY = (
    *("--restart", "always", "never", "on-failure", "--grace-ms", "--backoff-initial-ms", "--backoff-max-ms"),
    *("0", "1", "100", "86400000", "86400001", "-", "--", "-h", "--help"),
)


class TestArguments:
    @pytest.mark.parametrize(
        "arguments",
        [
            (),
            ("",),
            ("serve",),
            ("supervise",),
            ("supervise", "--"),
            ("supervise", "sh"),
            ("supervise", "--restart"),
            ("supervise", "--restart", "sometimes", "--", "sh"),
            ("supervise", "--restart=always", "--", "sh"),
            ("supervise", "--grace-ms", "--", "sh"),
            ("supervise", "--grace-ms", "-1", "--", "sh"),
            ("supervise", "--grace-ms", " 1", "--", "sh"),
            ("supervise", "--grace-ms", "", "--", "sh"),
            ("supervise", "--grace-ms", "86400001", "--", "sh"),
            ("supervise", "--grace-ms", "9" * 5000, "--", "sh"),
            ("supervise", "--backoff-initial-ms", "0", "--", "sh"),
            ("supervise", "--backoff-initial-ms", "2", "--backoff-max-ms", "1", "--", "sh"),
            ("supervise", "--backoff-initial-ms", "10001", "--", "sh"),
        ],
    )
    def test_wrong_ones_are_refused_with_the_usage(self, agent: Agent, arguments: tuple[str, ...]) -> None:
        done = agent.call(*arguments)
        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr.startswith(b"alcove-agent: ")
        assert b"\nusage: alcove-agent supervise " in done.stderr

    @pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("supervise", "--grace-ms", "1", "--help")])
    def test_help_is_no_error(self, agent: Agent, arguments: tuple[str, ...]) -> None:
        done = agent.call(*arguments)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.startswith(b"usage: ")

    @given(
        words=st.lists(
            st.sampled_from(VOCABULARY)
            | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12),
            max_size=8,
        )
    )
    def test_any_words_are_taken_or_refused(self, sanitized_once: Agent, words: list[str]) -> None:
        # The command asks its supervisor to stop, so that it ends whatever the words say about restarts.
        command = ("/bin/sh", "-c", "kill -TERM $PPID; exit 42")
        if "--" in words:
            words = words[: words.index("--")]
        done = sanitized_once.call("supervise", *words, "--", *command)
        assert done.returncode in {0: (0,), 1: (42, 143, 137), 2: (2,)}[_expected(words)]

    @given(words=st.lists(st.binary(max_size=40).filter(lambda word: b"\0" not in word), max_size=6))
    def test_any_bytes_are_refused(self, sanitized_once: Agent, words: list[bytes]) -> None:
        done = sanitized_once.call(*words)
        assert done.returncode in (0, 2)


def _expected(words: list[str]) -> int:
    """Give 0 for help, 1 for a run, 2 for a refusal."""
    settings = {"--grace-ms": 10_000, "--backoff-initial-ms": 100, "--backoff-max-ms": 10_000}
    for at in range(0, len(words), 2):
        name, value = words[at], (words[at + 1] if at + 1 < len(words) else "--")
        if name in ("-h", "--help"):
            return 0
        if name in settings and re.fullmatch("[0-9]+", value) and int(value) <= 86_400_000:
            settings[name] = int(value)
        elif name != "--restart" or value not in ("always", "never", "on-failure"):
            return 2
    return 1 if 1 <= settings["--backoff-initial-ms"] <= settings["--backoff-max-ms"] else 2


class TestSignals:
    @pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "USR1", "USR2", "QUIT", "WINCH", "ALRM", "CONT"])
    def test_they_reach_the_command(self, agent: Agent, name: str) -> None:
        run = agent.script(f"trap 'echo got; exit 7' {name}; {UP_FOREVER}")
        assert run.out.next() == "up"
        run.send(signal.Signals[f"SIG{name}"])
        assert run.out.next() == "got"
        assert run.wait() == 7

    def test_they_reach_its_whole_group(self, agent: Agent) -> None:
        child = f"trap 'echo child; exit' USR1; {UP_FOREVER}"
        run = agent.script(f"trap 'echo parent' USR1; ({child}) & wait $!; wait; echo over")
        assert run.out.next() == "up"
        run.send(signal.SIGUSR1)
        assert {run.out.next(), run.out.next()} == {"parent", "child"}
        assert run.wait() == 0

    def test_they_reach_a_command_that_joined_another_group(self, agent: Agent) -> None:
        run = agent.start(
            sys.executable,
            "-c",
            "import os, signal\n"
            "child = os.fork()\n"
            "if child == 0:\n"
            "    os.setpgid(0, 0); signal.pause()\n"
            "while os.getpgid(child) != child: pass\n"
            "os.setpgid(0, child); print('up', flush=True); signal.pause()",
        )
        assert run.out.next() == "up"
        run.send(signal.SIGTERM)
        assert run.wait() == 143

    def test_the_end_by_term_is_quiet(self, agent: Agent) -> None:
        run = agent.script("echo up; exec sleep 600", "--restart", "always")
        assert run.out.next() == "up"
        run.send(signal.SIGTERM)
        assert run.wait() == 143
        with pytest.raises(EOFError):
            run.err.next()

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
    def test_a_command_that_was_asked_to_end_stays_ended(self, agent: Agent, number: int) -> None:
        run = agent.script("ulimit -c 0; echo up; exec sleep 600", "--restart", "always")
        assert run.out.next() == "up"
        run.send(number)
        assert run.wait() == 128 + number

    def test_a_command_outlives_int_and_quit_if_it_wants(self, agent: Agent) -> None:
        options = ("--restart", "always", "--grace-ms", "1")
        run = agent.script(f"trap 'echo dump' QUIT; trap 'exit 6' USR1; {UP_FOREVER}", *options)
        assert run.out.next() == "up"
        run.send(signal.SIGQUIT)
        assert run.out.next() == "dump"
        seen = time.monotonic()
        wait_until(lambda: time.monotonic() > seen + 0.01)
        run.send(signal.SIGUSR1)
        run.err.until("code 6")
        assert run.out.next() == "up"
        run.send(signal.SIGTERM)
        run.wait()

    def test_at_any_moment_term_ends_it(self, agent: Agent) -> None:
        options = ("--restart", "always", "--backoff-initial-ms", "1", "--backoff-max-ms", "2")
        chance = random.Random(7)
        for _ in range(15):
            run = agent.script("exec sleep 0.003", *options)
            for _ in range(chance.randrange(4)):
                with contextlib.suppress(EOFError):
                    run.err.next()
                run.send(chance.choice([signal.SIGUSR1, signal.SIGHUP, signal.SIGWINCH, signal.SIGCHLD]))
            run.send(signal.SIGTERM)
            assert run.wait() in (0, 1, 143, 128 + signal.SIGUSR1, 128 + signal.SIGHUP, -signal.SIGTERM)

    def test_a_terminal_is_the_commands(self, agent: Agent) -> None:
        for typed, code in ((b"hello\n", 8), (b"\x03", 130)):
            ours, theirs = pty.openpty()
            run = agent.start(
                "sh",
                "-c",
                "echo up >&2; read x; [ $x = hello ] && exit 8",
                stdin=theirs,
                start_new_session=True,
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            )
            os.close(theirs)
            assert run.err.next() == "up"
            os.write(ours, typed)
            assert run.wait() == code
            os.close(ours)


class TestTree:
    def test_what_ignores_term_is_killed_after_the_grace(self, agent: Agent) -> None:
        run = agent.script('trap "" TERM; sleep 600 & echo $!; wait', "--grace-ms", "50")
        grandchild = int(run.out.next())
        run.send(signal.SIGTERM)
        assert run.wait() == 137
        assert run.err.next() == "alcove-agent: sh still runs 50 ms after SIGTERM: killing all"
        wait_gone(grandchild)

    def test_the_group_has_the_grace_also_without_its_leader(self, agent: Agent) -> None:
        run = agent.script(f"(trap 'echo drained; exit' TERM; {UP_FOREVER}) & wait")
        assert run.out.next() == "up"
        run.send(signal.SIGTERM)
        assert run.out.next() == "drained"
        assert run.wait() == 143

    def test_the_group_is_killed_after_the_grace_also_without_its_leader(self, agent: Agent) -> None:
        run = agent.script('(trap "" TERM; exec sleep 600) & echo $!; exec sleep 600', "--grace-ms", "50")
        grandchild = int(run.out.next())
        wait_until(lambda: "sleep" in Path(f"/proc/{grandchild}/comm").read_text())
        run.send(signal.SIGTERM)
        assert run.wait() == 143
        assert run.err.next().startswith(
            "alcove-agent: processes that sh started still run 50 ms after SIGTERM"
        )
        wait_gone(grandchild)

    def test_what_left_the_group_is_killed_when_the_command_has_ended(self, agent: Agent) -> None:
        escape = "setsid sh -c 'trap \"\" TERM HUP; echo $$; exec sleep 600'"
        run = agent.script(f"({escape} &) ; ({escape} &) ; sleep 600")
        escaped = [int(run.out.next()) for _ in range(2)]
        run.send(signal.SIGTERM)
        assert run.wait() == 143
        for pid in escaped:
            wait_gone(pid)

    def test_a_deep_tree_is_killed(self, agent: Agent) -> None:
        deep = 'n=$1; echo $$; if [ $n -gt 0 ]; then setsid sh -c "$0" "$0" $((n - 1)); fi; exec sleep 600'
        run = agent.start("sh", "-c", deep, deep, "12", options=("--grace-ms", "0"))
        pids = [int(run.out.next()) for _ in range(13)]
        run.send(signal.SIGTERM)
        assert run.wait() in (137, 143)
        for pid in pids:
            wait_gone(pid)

    def test_many_children_are_killed(self, agent: Agent) -> None:
        run = agent.script("for n in $(seq 150); do setsid sleep 600 & echo $!; done; exit 0")
        pids = [int(run.out.next()) for _ in range(150)]
        assert run.wait() == 0
        for pid in pids:
            wait_gone(pid)

    def test_orphans_are_reaped_while_the_command_runs(self, agent: Agent) -> None:
        run = agent.script("for n in $(seq 30); do (true &); done; echo made; exec sleep 600")
        assert run.out.next() == "made"
        children = Path(f"/proc/{run.process.pid}/task/{run.process.pid}/children")
        wait_until(lambda: len(children.read_text().split()) == 1)
        run.send(signal.SIGTERM)
        assert run.wait() == 143


class TestRestart:
    def test_never_is_what_it_does_unless_told(self, agent: Agent, tmp_path: Path) -> None:
        assert agent.run("sh", "-c", "echo x >> runs; exit 1", cwd=tmp_path).returncode == 1
        assert (tmp_path / "runs").read_text() == "x\n"

    def test_failures_are_restarted_until_it_succeeds(self, agent: Agent, tmp_path: Path) -> None:
        script = "echo x >> runs; [ $(wc -l < runs) -ge 7 ]"
        options = ("--restart", "on-failure", "--backoff-initial-ms", "3", "--backoff-max-ms", "10")
        done = agent.run("sh", "-c", script, options=options, cwd=tmp_path)
        assert done.returncode == 0
        assert (tmp_path / "runs").read_text() == "x\n" * 7
        assert announced_delays(done.stderr) == ["now", "3", "6", "10", "10", "10"]

    def test_a_death_by_signal_is_a_failure(self, agent: Agent, tmp_path: Path) -> None:
        script = "[ -e once ] && exit 0; touch once; kill -KILL $$"
        done = agent.run("sh", "-c", script, options=("--restart", "on-failure"), cwd=tmp_path)
        assert done.returncode == 0
        assert b"was ended by SIGKILL" in done.stderr

    def test_success_is_restarted_only_by_always(self, agent: Agent, tmp_path: Path) -> None:
        run = agent.script(
            "echo up; [ -e once ] && exec sleep 600; touch once", "--restart", "always", cwd=tmp_path
        )
        assert [run.out.next(), run.out.next()] == ["up", "up"]
        run.send(signal.SIGTERM)
        assert run.wait() == 143

    def test_after_a_long_run_the_back_off_begins_anew(self, agent: Agent, tmp_path: Path) -> None:
        script = "echo x >> runs; n=$(wc -l < runs); [ $n = 3 ] && sleep 1.05; [ $n = 5 ]"
        options = ("--restart", "on-failure", "--backoff-initial-ms", "1", "--backoff-max-ms", "2")
        done = agent.run("sh", "-c", script, options=options, cwd=tmp_path)
        assert announced_delays(done.stderr) == ["now", "1", "now", "1"]

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
    def test_it_can_be_stopped_while_it_waits(self, agent: Agent, number: int) -> None:
        day = ("--backoff-initial-ms", "86400000", "--backoff-max-ms", "86400000")
        run = agent.script("exit 5", "--restart", "always", *day)
        run.err.until("restarting it in 86400000 ms")
        run.send(signal.SIGHUP)
        run.send(number)
        assert run.wait() == 5

    def test_what_was_left_behind_is_gone_before_the_restart(self, agent: Agent, tmp_path: Path) -> None:
        script = LEAVES_SOMETHING.format(shell="")
        done = agent.run("sh", "-c", script, options=("--restart", "on-failure"), cwd=tmp_path)
        assert (done.returncode, done.stdout) == (0, b"alone\n")

    def test_a_program_that_is_being_replaced_is_tried_again(self, agent: Agent, tmp_path: Path) -> None:
        program = tmp_path / "program"
        program.write_text('#!/bin/sh\nrm "$0"; exit 1\n')
        program.chmod(0o755)
        options = ("--restart", "on-failure", "--backoff-initial-ms", "1", "--backoff-max-ms", "1")
        run = agent.start(str(program), options=options)
        assert "ended with code 1" in run.err.next()
        assert run.err.next() == f"alcove-agent: cannot start {program}: no such file"
        assert run.err.next() == "alcove-agent: trying again in 1 ms"
        fresh = tmp_path / "fresh"
        fresh.write_text("#!/bin/sh\nexit 0\n")
        fresh.chmod(0o755)
        fresh.rename(program)
        assert run.wait() == 0


LEAVES_SOMETHING = (
    "if [ -s left ]; then {shell} kill -0 $({shell} cat left) 2>&- && echo alive || echo alone; exit 0; fi; "
    "{shell} setsid {shell} sleep 600 & echo $! > left; exit 1"
)


@pytest.mark.root
class TestFirstProcess:
    """In a pid namespace of its own, as in a container."""

    @pytest.fixture
    def first(self, agent: Agent) -> Agent:
        # LeakSanitizer wants to trace us from a process of its own, which the end of PID 1 does not allow.
        return agent.below(
            "env", "ASAN_OPTIONS=detect_leaks=0", "unshare", "--kill-child", "--pid", "--fork", "--mount-proc"
        )

    def test_zombies_are_reaped(self, first: Agent) -> None:
        count = "cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z'"
        run = first.script(
            "echo $PPID; for n in $(seq 30); do (setsid true &); done; "
            f"while [ $({count}) -gt 0 ]; do :; done; echo clean"
        )
        assert [run.out.next(), run.out.next()] == ["1", "clean"]
        assert run.wait() == 0

    @pytest.mark.parametrize(("script", "code"), [("exit 3", 3), ("kill -KILL $$", 137), ("true", 0)])
    def test_its_code_is_that_of_the_command(self, first: Agent, script: str, code: int) -> None:
        assert first.run("sh", "-c", script).returncode == code

    @pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "USR1"])
    def test_signals_to_it_reach_the_command(self, first: Agent, name: str) -> None:
        done = first.run(
            "sh", "-c", f"trap 'exit 7' {name}; sh -c 'kill -{name} 1; exec sleep 600' & wait; wait"
        )
        assert done.returncode == 7

    def test_what_ignores_term_is_killed_after_the_grace(self, first: Agent) -> None:
        script = 'trap "" TERM; setsid sleep 600 & kill -TERM 1; wait'
        assert first.run("sh", "-c", script, options=("--grace-ms", "20")).returncode == 137

    @pytest.mark.parametrize("proc", ["--mount-proc", "--mount"])
    def test_what_was_left_behind_is_gone_before_the_restart(
        self, agent: Agent, tmp_path: Path, proc: str
    ) -> None:
        """Also where /proc shows the numbers of another pid namespace."""
        first = agent.below(
            "env", "ASAN_OPTIONS=detect_leaks=0", "unshare", "--kill-child", "--pid", "--fork", proc
        )
        script = LEAVES_SOMETHING.format(shell="")
        done = first.run("sh", "-c", script, options=("--restart", "on-failure"), cwd=tmp_path)
        assert (done.returncode, done.stdout) == (0, b"alone\n")

    def test_a_process_that_was_put_beside_outlives_a_restart(self, first: Agent) -> None:
        """As an exec probe, a hook, or a developer's shell does."""
        run = first.script("echo $$; exec sleep 600", "--restart", "always")
        command = run.out.next()
        unshare = run.process.pid
        inside = Path(f"/proc/{unshare}/task/{unshare}/children").read_text().split()[0]
        beside = subprocess.Popen(
            [
                "nsenter",
                "-t",
                inside,
                "--pid",
                "--mount",
                "sh",
                "-c",
                f"kill -KILL {command}; read x; exit 4",
            ],
            stdin=subprocess.PIPE,
        )
        assert run.out.next() != command
        assert beside.stdin is not None
        beside.stdin.write(b"\n")
        beside.stdin.close()
        assert beside.wait(10) == 4


@pytest.mark.timeout(COLD_BUILD_SECONDS)
class TestRelease:
    """The program as it is shipped."""

    def test_it_is_small_and_needs_nothing(self, release: Path) -> None:
        content = release.read_bytes()
        assert len(content) < 100_000
        assert content[:4] == b"\x7fELF"
        assert stat.S_IMODE(release.stat().st_mode) & 0o111
        assert b"/ld-" not in content
        assert str(SOURCES).encode() not in content

    def test_the_same_sources_give_the_same_bytes(self, release: Path, tmp_path: Path) -> None:
        copy = tmp_path / "elsewhere"
        copy.mkdir()
        for source in SOURCES.iterdir():
            if source.is_file():
                (copy / source.name).write_bytes(source.read_bytes())
        architecture = release.name.rpartition("-")[2]
        build("--output", str(tmp_path), "--architecture", architecture, directory=copy)
        assert (tmp_path / release.name).read_bytes() == release.read_bytes()

    @pytest.mark.root
    def test_a_root_that_holds_nothing_else(self, root: Path) -> None:
        agent = Agent("chroot", str(root), "/agent")
        done = agent.run("/busybox")
        assert (done.returncode, done.stderr) == (127, b"alcove-agent: cannot start /busybox: no such file\n")
        assert agent.run("/agent", "--help").stdout.startswith(b"usage: ")

    @pytest.mark.root
    @pytest.mark.parametrize("namespace", [(), ("unshare", "--kill-child", "--pid", "--fork")])
    def test_a_root_with_busybox_and_no_proc(self, root: Path, namespace: tuple[str, ...]) -> None:
        found = shutil.which("busybox")
        assert found is not None
        shutil.copy(found, root / "busybox")
        agent = Agent(*namespace, "chroot", str(root), "/agent")
        assert agent.run("/busybox", "sh", "-c", "exit 3").returncode == 3
        script = LEAVES_SOMETHING.format(shell="/busybox")
        if not namespace:
            # Without /proc only the group can be told from strangers.
            script = script.replace("/busybox setsid", "")
        done = agent.run("/busybox", "sh", "-c", script, options=("--restart", "on-failure"))
        assert (done.returncode, done.stdout) == (0, b"alone\n")
