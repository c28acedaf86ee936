"""The process in which Helm's code runs, from outside: asked, cancelled, started again when it has died."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import itertools
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import IO, Any

from alcove.charts.errors import HelmDiedError

_MODULE = "alcove.charts.drivers.worker"
_PROGRAM = f"import runpy; runpy.run_module('{_MODULE}', run_name='__main__', alter_sys=True)"
_LONGEST_LAST_WORDS = 4096
_CANCEL_SECONDS = 5.0
"""How long a cancelled call may take to end before the process is killed."""
_GOES_ON = {"install"}


class WorkerError(Exception):
    """A call failed: ``kind`` is the SDK's class, ``text`` its message, ``said`` what was printed."""

    def __init__(self, kind: str, text: str, said: str) -> None:
        """Keep the three."""
        super().__init__(text)
        self.kind = kind
        self.text = text
        self.said = said


class Answers(asyncio.Protocol):
    """What the process writes, as messages, and its end: a line is one message."""

    def __init__(self, observe: Callable[[Mapping[str, Any]], None], end: Callable[[], None]) -> None:
        """Call ``observe`` with each message, and ``end`` once after the last."""
        self._observe = observe
        self._end = end
        self._rest = bytearray()

    def data_received(self, data: bytes) -> None:
        """Take what has come."""
        self._rest += data
        if b"\n" not in data:
            return
        *lines, rest = bytes(self._rest).split(b"\n")
        self._rest = bytearray(rest)
        for line in lines:
            self._observe(json.loads(line))

    def connection_lost(self, _error: Exception | None) -> None:
        """Take the end."""
        self._end()


class Worker:
    """One running process; it never comes back once ``dead``."""

    def __init__(self, process: asyncio.subprocess.Process, said: IO[bytes]) -> None:
        """Ask ``process``, which prints into ``said``."""
        self._process = process
        self._said = said
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self.ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.dead = False

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    async def ask(self, call: str, arguments: Mapping[str, Any]) -> Any:
        """Ask and give the answer.

        A cancelled call has ended when this raises. Helm lets go of a cancelled installation and notes that
        it failed, but goes on with it in the background: so that process is killed, and who else waits for it
        is told that it died.

        Raises:
            WorkerError: the call failed.
            HelmDiedError: the process ended first.
        """
        number = next(self._numbers)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._send({"id": number, "call": call, "arguments": dict(arguments)})
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            await self._cancel(number, answer)
            if call in _GOES_ON or not answer.done():
                await self.kill()
            raise
        finally:
            self._waiting.pop(number, None)
            if not self._waiting:
                os.ftruncate(self._said.fileno(), 0)

    async def _cancel(self, number: int, answer: asyncio.Future[Any]) -> None:
        with contextlib.suppress(HelmDiedError):
            self._send({"cancel": number})
        await asyncio.wait([answer], timeout=_CANCEL_SECONDS)
        if answer.done():
            answer.exception()  # nobody waits for it any more

    def _send(self, message: Mapping[str, Any]) -> None:
        if self.dead or self._process.stdin is None:
            raise self._death()
        self._process.stdin.write(json.dumps(message).encode() + b"\n")

    def observe(self, message: Mapping[str, Any]) -> None:
        """Hand an answer to whoever waits for it."""
        if "ready" in message:
            self.ready.set_result(message["ready"])
            return
        answer = self._waiting.get(message["id"])
        if answer is None or answer.done():
            return
        if "error" in message:
            error = message["error"]
            answer.set_exception(WorkerError(error["kind"], error["text"], error["said"]))
        else:
            answer.set_result(message["value"])

    def end(self) -> None:
        """Tell everybody who still waits that the process has ended."""
        self.dead = True
        for waiting in (self.ready, *self._waiting.values()):
            if not waiting.done():
                waiting.set_exception(self._death())
                waiting.exception()  # nobody has to be waiting

    def _death(self) -> HelmDiedError:
        return HelmDiedError(
            "Helm's process ended in the middle of its work",
            cause=self._last_words() or f"it printed nothing, and ended with {self._process.returncode}",
            hint="try again: the next call starts another one and mends what was left half-done",
        )

    def _last_words(self) -> str:
        size = os.fstat(self._said.fileno()).st_size
        return (
            os.pread(self._said.fileno(), _LONGEST_LAST_WORDS, max(0, size - _LONGEST_LAST_WORDS))
            .decode(errors="replace")
            .strip()
        )

    async def kill(self) -> None:
        """End the process, whatever it does."""
        self.dead = True
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()


class WorkerPool:
    """The process while there is one, and a new one when that has died."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        """Start processes when they are needed; Helm's caches are kept below ``directory``."""
        self._environment = _worker_environment(environment, directory)
        self._lock = asyncio.Lock()
        self._worker: Worker | None = None
        self._resources = contextlib.AsyncExitStack()

    async def ask(self, call: str, arguments: Mapping[str, Any]) -> Any:
        """Ask the process, started first if need be."""
        return await (await self.start()).ask(call, arguments)

    async def start(self) -> Worker:
        """Give the running process."""
        async with self._lock:
            if self._worker is None or self._worker.dead:
                await self._resources.aclose()
                self._worker = await self._resources.enter_async_context(_open_worker(self._environment))
            return self._worker

    async def aclose(self) -> None:
        """End the process; whoever waits for it is told."""
        await self._resources.aclose()


@contextlib.asynccontextmanager
async def open_pool(environment: Mapping[str, str]) -> AsyncIterator[WorkerPool]:
    """Yield a pool; leaving the block ends its process."""
    with tempfile.TemporaryDirectory(prefix="alcove-helm-", ignore_cleanup_errors=True) as directory:
        async with contextlib.aclosing(WorkerPool(Path(directory), environment)) as pool:
            yield pool


@contextlib.asynccontextmanager
async def _open_worker(environment: Mapping[str, str]) -> AsyncIterator[Worker]:
    """Start the process under the name ``helm``: that is what Kubernetes records as the fields' manager."""
    with tempfile.TemporaryFile() as said:
        fcntl.fcntl(said.fileno(), fcntl.F_SETFL, fcntl.fcntl(said.fileno(), fcntl.F_GETFL) | os.O_APPEND)
        async with contextlib.AsyncExitStack() as stack:
            worker = await _start_worker(environment, said, stack)
            await worker.ready
            yield worker


async def _start_worker(
    environment: Mapping[str, str], said: IO[bytes], stack: contextlib.AsyncExitStack
) -> Worker:
    reading, writing = os.pipe()
    answers = os.fdopen(reading, "rb", buffering=0)
    try:
        process = await asyncio.create_subprocess_exec(
            "helm",
            "-P",
            "-c",
            _PROGRAM,
            str(writing),
            executable=sys.executable,
            env=dict(environment),
            stdin=asyncio.subprocess.PIPE,
            stdout=said,
            stderr=said,
            pass_fds=[writing],
            start_new_session=True,
        )
    except BaseException:
        answers.close()
        raise
    finally:
        os.close(writing)
    worker = Worker(process, said)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: Answers(worker.observe, worker.end), answers
    )
    stack.callback(transport.close)
    stack.push_async_callback(worker.kill)
    return worker


def _worker_environment(environment: Mapping[str, str], directory: Path) -> dict[str, str]:
    """Give what the process needs: by the name ``helm`` an interpreter cannot find its own modules."""
    ours = {
        "PYTHONHOME": f"{sys.base_prefix}:{sys.base_exec_prefix}",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "KUBECACHEDIR": str(directory / "kube"),
        "HELM_CACHE_HOME": str(directory / "cache"),
        "HELM_CONFIG_HOME": str(directory / "config"),
        "HELM_DATA_HOME": str(directory / "data"),
    }
    return {**environment, **ours}
