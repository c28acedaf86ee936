"""The process in which Helm's code runs: questions on stdin, answers on a descriptor of their own.

One JSON value a line: ``{"id": 1, "call": "install", "arguments": {...}}`` or ``{"cancel": 1}``; answered by
``{"id": 1, "value": ...}`` or ``{"id": 1, "error": {"kind": ..., "text": ..., "said": ...}}``. What the Go
code prints goes to stdout and stderr, which are one file here: ``said`` is what was added to it meanwhile.
The process ends when stdin does, which also happens when its parent dies.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any

import helm_python

from alcove.charts.drivers.calls import CALLS

_THREADS = 8
_LONGEST_SAID = 16_384


class Worker:
    """Answers questions, several at once."""

    def __init__(self, answers: IO[str]) -> None:
        """Write answers to ``answers``."""
        self._answers = answers
        self._lock = threading.Lock()
        self._contexts: dict[int, helm_python.HelmContext] = {}

    def serve(self, questions: IO[str]) -> None:
        """Answer until the questions end."""
        pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="helm")
        for line in questions:
            question = json.loads(line)
            if "cancel" in question:
                self._cancel(question["cancel"])
                continue
            with self._lock:
                self._contexts[question["id"]] = helm_python.HelmContext()
            pool.submit(self._answer, question)

    def _cancel(self, number: int) -> None:
        with self._lock:
            context = self._contexts.get(number)
            if context is not None:
                context.cancel()

    def _answer(self, question: dict[str, Any]) -> None:
        number = question["id"]
        context = self._contexts[number]
        begin = _position()
        try:
            answer: dict[str, Any] = {"value": CALLS[question["call"]](question["arguments"], context)}
        except helm_python.HelmError as error:
            answer = {"error": {"kind": type(error).__name__, "text": str(error), "said": _said_since(begin)}}
        except Exception as error:  # whatever it is, the one who asked must not wait for ever
            logging.getLogger("alcove.charts").exception("a call failed")
            answer = {"error": {"kind": "", "text": repr(error), "said": _said_since(begin)}}
        with self._lock:
            del self._contexts[number]
            context.close()
            self._answers.write(json.dumps({"id": number, **answer}) + "\n")
            self._answers.flush()


def _position() -> int:
    sys.stderr.flush()
    try:
        return os.fstat(2).st_size
    except OSError:
        return 0


def _said_since(begin: int) -> str:
    sys.stderr.flush()
    try:
        return os.pread(2, _LONGEST_SAID, begin).decode(errors="replace")
    except OSError:  # it is no file: somebody runs this by hand
        return ""


def main() -> None:
    """Run the worker; the descriptor for answers is the only argument."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    helm_python.enable_logging(logging.WARNING)
    with os.fdopen(int(sys.argv[1]), "w", encoding="utf-8") as answers:
        answers.write(json.dumps({"ready": helm_python.helm_sdk_version()}) + "\n")
        answers.flush()
        Worker(answers).serve(sys.stdin)
        os._exit(0)  # threads that are in Go code cannot be asked to end


if __name__ == "__main__":
    main()
