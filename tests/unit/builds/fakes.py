"""Programs that say what a test decided, and trees of files as tar files."""

from __future__ import annotations

import io
import tarfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from alcove.builds.programs import Finished

Answer = Finished | Callable[[Sequence[str]], Finished]
OK = Finished(0, b"", "")


@dataclass
class FakePrograms:
    """Answers the first rule whose words are all in the command line."""

    rules: list[tuple[tuple[str, ...], Answer]] = field(default_factory=list)
    lines: list[str | int] = field(default_factory=lambda: [0])
    """What whatever is followed says."""
    before: Callable[[Sequence[str]], None] = lambda _: None
    """Is called before whatever is followed says anything."""
    calls: list[tuple[str, ...]] = field(default_factory=list)
    environments: list[Mapping[str, str]] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)
    """What came in by stdin."""

    def on(self, *words: str, answer: Answer = OK) -> None:
        self.rules.insert(0, (words, answer))

    async def finish(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: AsyncIterator[bytes] | None = None,
    ) -> Finished:
        self.calls.append(tuple(argv))
        if stdin is not None:
            self.received.append(b"".join([piece async for piece in stdin]))
        for words, answer in self.rules:
            if set(words) <= set(argv):
                return answer if isinstance(answer, Finished) else answer(argv)
        return OK

    async def follow(
        self, argv: Sequence[str], *, env: Mapping[str, str] | None = None
    ) -> AsyncGenerator[str | int, None]:
        self.calls.append(tuple(argv))
        self.environments.append(dict(env or {}))
        self.before(argv)
        for line in self.lines:
            yield line

    def called(self, *words: str) -> list[tuple[str, ...]]:
        """Give the calls that have all these words."""
        return [call for call in self.calls if set(words) <= set(call)]


def says(output: str) -> Finished:
    return Finished(0, output.encode(), "")


def fails(errors: str, code: int = 1) -> Finished:
    return Finished(code, b"", errors)


def make_tar(*entries: tarfile.TarInfo, **files: object) -> bytes:
    """Make a tar of these files (texts are links to what they name) and entries."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            if not isinstance(content, bytes):
                entry.type, entry.linkname = tarfile.SYMTYPE, str(content)
                archive.addfile(entry)
            else:
                entry.size, entry.mode = len(content), 0o644
                archive.addfile(entry, io.BytesIO(content))
        for entry in entries:
            archive.addfile(entry, io.BytesIO(bytes(entry.size)))
    return stream.getvalue()


async def pieces(content: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]
