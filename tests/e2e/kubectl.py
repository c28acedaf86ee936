"""The real kubectl, as a test drives it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any


def find_kubectl() -> str:
    """Give the kubectl to test with: the machine's own, else the one that make setup put beside Python."""
    places = os.pathsep.join([os.environ.get("PATH", ""), str(Path(sys.executable).parent)])
    program = shutil.which("kubectl", path=places)
    assert program, "kubectl is missing: make setup installs it"
    return program


@dataclass(frozen=True)
class Outcome:
    """How one command ended."""

    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Kubectl:
    """Kubectl with its configuration and namespace."""

    program: str
    kubeconfig: Path
    namespace: str

    def within(self, namespace: str) -> Kubectl:
        """Give the same for another namespace."""
        return replace(self, namespace=namespace)

    def argv(self, *arguments: str) -> list[str]:
        """Give the whole command line."""
        return [self.program, "--kubeconfig", str(self.kubeconfig), "-n", self.namespace, *arguments]

    def try_run(
        self, *arguments: str, stdin: str | dict[str, Any] | None = None, seconds: float = 60
    ) -> Outcome:
        """Run a command that may fail."""
        text = json.dumps(stdin) if isinstance(stdin, dict) else stdin
        done = subprocess.run(
            self.argv(*arguments),
            input=text,
            capture_output=True,
            text=True,
            timeout=seconds,
            stdin=subprocess.DEVNULL if text is None else None,
            env={**os.environ, "KUBECTL_EXTERNAL_DIFF": "diff -u"},
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def __call__(
        self, *arguments: str, stdin: str | dict[str, Any] | None = None, seconds: float = 60
    ) -> str:
        """Run a command that must succeed; give its stdout."""
        outcome = self.try_run(*arguments, stdin=stdin, seconds=seconds)
        assert outcome.code == 0, f"kubectl {' '.join(arguments)}: {outcome.stderr}\n{outcome.stdout}"
        return outcome.stdout

    def read(self, *arguments: str) -> Any:
        """Run ``get ... -o json``; give the object."""
        return json.loads(self("get", *arguments, "-o", "json"))

    @contextlib.contextmanager
    def running(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Run a command that goes on, such as port-forward, for as long as the block."""
        with subprocess.Popen(
            self.argv(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.terminate()
                process.communicate(timeout=10)
