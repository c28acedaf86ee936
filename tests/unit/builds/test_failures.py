from __future__ import annotations

import pytest

from alcove.builds.failures import explain_failure, explain_never_pull, parse_step, retell
from alcove.builds.requests import Failed


def test_a_step_that_fails_is_named_with_its_exit_code() -> None:
    lines = [
        "make: *** nothing",
        'Error: building at STEP "RUN make all": while running runtime: exit status 2',
    ]
    assert explain_failure(lines, "RUN make all", 1) == Failed("it ended with exit code 2", "RUN make all")


def test_what_is_missing_is_named_without_the_place_of_the_build() -> None:
    said = (
        'checking on sources under "/var/lib/x/context-1": copier: stat: "/absent": no such file or directory'
    )
    failed = explain_failure([f'Error: building at STEP "COPY absent /": {said}'], "COPY absent /", 125)
    assert failed == Failed('stat: "/absent": no such file or directory', "COPY absent /")


def test_a_step_may_hold_whatever_looks_like_its_end() -> None:
    step = 'RUN echo "a": b'
    failed = explain_failure(
        [f'Error: building at STEP "{step}": while running runtime: exit status 4'], step, 1
    )
    assert failed == Failed("it ended with exit code 4", step)


def test_of_a_long_step_the_beginning_is_shown() -> None:
    step = "RUN " + "make && " * 200 + "true"
    failed = explain_failure(
        [f'Error: building at STEP "{step}": while running runtime: exit status 2'], step, 1
    )
    assert failed.message == "it ended with exit code 2" and failed.step == step[:119] + "…"


def test_an_image_that_cannot_be_pulled_is_named_with_a_hint() -> None:
    line = (
        "Error: creating build container: initializing source docker://nosuch:1: pinging container registry "
        'registry.example: Get "https://registry.example/v2/": lookup registry.example: no such host'
    )
    failed = explain_failure([line], "FROM nosuch:1", 125)
    assert "nosuch:1 cannot be pulled" in failed.message and "imagePullSecrets" in failed.hint


def test_a_full_disk_is_told() -> None:
    lines = ["cp: write error: No space", "Error: copying layers: write /x: no space left on device"]
    assert explain_failure(lines, "COPY . .", 125).message == "the node's disk is full"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "Buildah ended with exit code 137"),
        (["Error: dockerfile parse error line 3: bad"], "dockerfile parse error line 3: bad"),
        (
            ['Error: building at STEP "X ": Build error: Unknown instruction: "X" &imagebuilder.Step{Env:a}'],
            'Build error: Unknown instruction: "X"',
        ),
        (['Error: building at STEP "COPY a .": no such file'], "no such file"),
    ],
)
def test_other_failures_are_told_as_buildah_tells_them(lines: list[str], message: str) -> None:
    assert explain_failure(lines, "", 137).message == message


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("STEP 2/5: RUN make", "RUN make"),
        ("[1/2] STEP 2/5: FROM a AS b", "FROM a AS b"),
        ("STEP 2: RUN make", "RUN make"),
        ("my STEP 2/5: RUN make", None),
        ("--> Using cache", None),
    ],
)
def test_steps_are_known_by_how_they_are_announced(line: str, step: str | None) -> None:
    assert parse_step(line) == step


def test_a_kubelet_that_trusts_nobody_is_told_from_an_image_that_is_gone() -> None:
    strict, gone = (explain_never_pull("ErrImageNeverPull", on_node=there) for there in (True, False))
    assert strict and "imagePullCredentialsVerificationPolicy" in strict.hint
    assert gone and "no longer on the node" in gone.message
    assert explain_never_pull("CrashLoopBackOff", on_node=True) is None


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("STEP 2/5: RUN make", "Step 2/5 : RUN make"),
        ("[1/2] STEP 2/5: FROM a AS b", "[1/2] Step 2/5 : FROM a AS b"),
        ("my STEP 2/5: RUN make", "my STEP 2/5: RUN make"),
        ("", ""),
    ],
)
def test_steps_are_told_as_people_know_them(line: str, told: str) -> None:
    assert retell(line) == told
