"""Builds the image that a Dockerfile describes: each instruction that writes files becomes a layer.

A layer's name is the digest of what it was made from (the layers below, the instruction, the content that it
copies), so a layer that exists need not be made again: that is the whole cache.
"""

from __future__ import annotations

import codecs
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from alcove.embedded.images import archives, copying, expansion, settings
from alcove.embedded.images.copying import CopyStep, LayerWriter
from alcove.embedded.images.dockerfile import Dockerfile, Instruction, Stage, parse_dockerfile
from alcove.embedded.images.gathering import Ignored
from alcove.embedded.images.index import Entry, ImageIndex
from alcove.embedded.images.merged import MergedTree
from alcove.embedded.images.settings import Settings
from alcove.embedded.images.stacking import Stack
from alcove.embedded.images.threads import run_to_end
from alcove.embedded.ports import (
    Image,
    ImageConfig,
    ImageError,
    ProcessSpec,
    RootFilesystem,
    StartError,
    StepRunner,
)
from alcove.errors import AlcoveError

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SHOWN = 120
_LONGEST_LINE = 8192


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What to build."""

    directory: Path
    """The build's directory: what COPY may read."""
    dockerfile: str
    """Relative to the directory, or absolute."""
    build_args: Mapping[str, str]
    target: str
    """The stage to build, by name or number; empty for the last."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a build works with."""

    index: ImageIndex
    resolve: Callable[[str, str], Awaitable[Image]]
    """Gives the images of FROM and COPY --from."""
    step_runner: StepRunner | None
    output: Callable[[str], None]
    """Gets one line at a time."""


async def build_image(request: BuildRequest, tools: Tools) -> Entry:
    """Build it and give the image, which is not in the index yet.

    Raises:
        AlcoveError: what is wrong and where; the layers of the steps before stay as cache.
    """
    path = request.directory / request.dockerfile
    return await _Build(request, tools, *await run_to_end(partial(_read, request, path))).run()


def _read(request: BuildRequest, path: Path) -> tuple[Dockerfile, Ignored]:
    try:
        return parse_dockerfile(path.read_bytes(), request.dockerfile), _ignored(request.directory, path)
    except OSError as error:
        raise AlcoveError(f"cannot read {error.filename}", cause=error.strerror or "") from error


def _ignored(directory: Path, dockerfile: Path) -> Ignored:
    for path in (Path(f"{dockerfile}.dockerignore"), directory / ".dockerignore"):
        if path.is_file():
            try:
                return Ignored(path.read_text(errors="replace").splitlines())
            except ValueError as error:
                raise AlcoveError(f"{path}: {error}") from error
    return Ignored()


class _Build:
    def __init__(self, request: BuildRequest, tools: Tools, file: Dockerfile, ignored: Ignored) -> None:
        self._request = request
        self._tools = tools
        self._file = file
        self._stages = file.stages
        self._context = MergedTree((request.directory.resolve(),)), ignored
        self._built: dict[int, Stack] = {}
        self._start = Settings(ImageConfig(), _platform(), request.build_args, {})
        self._step = self._steps = 0

    async def run(self) -> Entry:
        for argument in self._file.arguments:
            with self._located(argument):
                self._start = settings.configure(self._start, argument, self._file.escape)
        target = self._target()
        needed = self._needed(target)
        self._steps = sum(1 + len(self._stages[number].instructions) for number in needed)
        for number in needed:
            self._built[number] = await self._build_stage(number, self._stages[number])
        self._warn_of_unused()
        return self._built[target].entry()

    @contextmanager
    def _located(self, instruction: Instruction) -> Iterator[None]:
        """Say of what goes wrong in the block where it does."""
        try:
            yield
        except (AlcoveError, ImageError, StartError, ValueError, OSError) as error:
            where = f"{self._file.file}:{instruction.line}: {str(instruction)[:_SHOWN]}"
            raise AlcoveError(f"{where}: {error}", hint=getattr(error, "hint", "")) from error

    # ------------------------------------------------------------------------------ stages

    def _target(self) -> int:
        wanted = self._request.target
        number = self._number(wanted, len(self._stages)) if wanted else len(self._stages) - 1
        if number is None:
            raise AlcoveError(f"{self._file.file} has no stage {wanted!r}")
        return number

    def _number(self, name: str, before: int) -> int | None:
        """Give the number of the stage of this name or number, among the first ``before``."""
        named = (n for n, s in enumerate(self._stages[:before]) if name.lower() == s.name or name == str(n))
        return next(named, None)

    def _base_name(self, stage: Stage) -> str:
        name = stage.base
        with self._located(stage.start):
            name = expansion.expand(name, self._start.variables, self._file.escape)
        return name

    def _needed(self, target: int) -> list[int]:
        """Give the stages that the target is made of, in the order of the file."""
        needed, pending = set[int](), [target]
        while pending:
            number = pending.pop()
            if number in needed:
                continue
            needed.add(number)
            stage = self._stages[number]
            names = [self._base_name(stage), *(i.flag("from") for i in stage.instructions)]
            pending += [other for name in names if (other := self._number(name, number)) is not None]
        return sorted(needed)

    async def _build_stage(self, number: int, stage: Stage) -> Stack:
        self._announce(stage.start)
        with self._located(stage.start):
            stack = await self._base(number, self._base_name(stage))
        for instruction in stage.instructions:
            self._announce(instruction)
            with self._located(instruction):
                await self._perform(instruction, stack, number)
        return stack

    def _announce(self, instruction: Instruction) -> None:
        self._step += 1
        self._tools.output(f"Step {self._step}/{self._steps} : {instruction}")

    async def _base(self, number: int, name: str) -> Stack:
        inherited = {**self._start.inherited, **self._start.arguments}
        fresh = Settings(ImageConfig(), {}, self._request.build_args, inherited)
        stack = Stack(self._tools.index, self._tools.output, (), (), fresh, "scratch")
        earlier = self._number(name, number)
        if earlier is not None:
            base = self._built[earlier]
            own = replace(fresh, config=base.settings.config, shell=base.settings.shell)
            return replace(stack, layers=base.layers, trees=base.trees, settings=own, key=base.key)
        if name == "scratch":
            return stack
        image = await self._tools.resolve(name, "IfNotPresent")
        own = replace(fresh, config=image.config)
        return replace(stack, layers=image.layers, trees=image.machine_trees, settings=own, key=image.id)

    # ------------------------------------------------------------------------------ instructions

    async def _perform(self, instruction: Instruction, stack: Stack, number: int) -> None:
        if instruction.keyword == "RUN":
            await self._run(instruction, stack)
        elif instruction.keyword in ("COPY", "ADD"):
            tree, ignored = await self._source(instruction, number)
            await CopyStep(instruction, stack, self._file.escape).perform(tree, ignored)
        else:
            stack.configure(settings.configure(stack.settings, instruction, self._file.escape))
            if instruction.keyword == "WORKDIR":
                await _make_directory(stack)

    async def _source(self, instruction: Instruction, number: int) -> tuple[MergedTree, Ignored | None]:
        """Give what COPY reads; the rules of .dockerignore hold for the build's directory alone."""
        name = instruction.flag("from")
        if not name:
            return self._context
        earlier = self._number(name, number)
        if earlier is not None:
            return self._built[earlier].tree(), None
        if self._number(name, len(self._stages)) is not None and not name.isdigit():
            raise AlcoveError(f"stage {name} comes later, or is this one")
        image = await self._tools.resolve(name, "IfNotPresent")
        return MergedTree(image.layers, image.machine_trees), None

    async def _run(self, instruction: Instruction, stack: Stack) -> None:
        runner = self._tools.step_runner
        if runner is None:
            raise AlcoveError("programs cannot be run here")
        for mount in instruction.flags.get("mount", ()):
            if not {"type=cache", "type=tmpfs"} & set(mount.split(",")):
                raise AlcoveError("--mount: only type=cache and type=tmpfs are supported")
        process = _process(instruction, stack)
        lines = _Lines(self._tools.output)

        async def make(made: Path) -> None:
            status = await runner(RootFilesystem(stack.layers, stack.trees, upper=made), process, lines.feed)
            lines.end()
            if status.code:
                said = f" ({status.message})" if status.message else ""
                raise AlcoveError(f"it ended with exit code {status.code}{said}")

        await stack.add(["RUN", *process.argv], make)

    def _warn_of_unused(self) -> None:
        declared = {
            word.partition("=")[0]
            for instruction in (*self._file.arguments, *(i for s in self._stages for i in s.instructions))
            if instruction.keyword == "ARG"
            for word in expansion.split_words(instruction.text, self._file.escape)
        }
        unused = sorted(set(self._request.build_args) - declared - settings.PREDEFINED)
        if unused:
            self._tools.output(f"[Warning] no ARG takes these build arguments: {', '.join(unused)}")


def _platform() -> dict[str, str]:
    name = archives.architecture()
    parts = {"PLATFORM": f"linux/{name}", "OS": "linux", "ARCH": name, "VARIANT": ""}
    return {f"{side}{part}": value for side in ("TARGET", "BUILD") for part, value in parts.items()}


async def _make_directory(stack: Stack) -> None:
    directory, tree = stack.settings.config.directory, stack.tree()
    if tree.locate(directory)[1] is not None:
        return

    async def make(made: Path) -> None:
        await run_to_end(partial(LayerWriter(made / "upper", tree).directory, directory))

    await stack.add("WORKDIR", make)


def _process(instruction: Instruction, stack: Stack) -> ProcessSpec:
    own = stack.settings
    argv = settings.command_of(own, instruction)
    if instruction.items is None and instruction.heredocs:
        bodies = "".join(f"{heredoc.content}{heredoc.name}\n" for heredoc in instruction.heredocs)
        alone = len(instruction.text.split()) == 1
        script = instruction.heredocs[0].content if alone else f"{instruction.text}\n{bodies}"
        if alone and script.startswith("#!"):
            raise AlcoveError("a text with #! is not supported: COPY it to a file and run that")
        argv = (*own.shell, script)
    if not argv:
        raise AlcoveError("it names no program")
    uid, gid, home = copying.resolve_owner(own.config.user or "0", stack.read)
    environment = {"PATH": _PATH, "HOME": home, **own.variables}
    return ProcessSpec(argv, environment, own.config.directory or "/", uid, gid)


class _Lines:
    """Bytes of a program's output, passed on as lines of text; a line that goes on and on comes in parts."""

    def __init__(self, output: Callable[[str], None]) -> None:
        self._output = output
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def feed(self, content: bytes) -> None:
        *lines, self._rest = (self._rest + self._decoder.decode(content)).split("\n")
        for line in lines:
            self._output(line.rstrip("\r"))
        while len(self._rest) > _LONGEST_LINE:
            self._output(self._rest[:_LONGEST_LINE])
            self._rest = self._rest[_LONGEST_LINE:]

    def end(self) -> None:
        if self._rest:
            self._output(self._rest)
            self._rest = ""
