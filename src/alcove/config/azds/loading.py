"""From a directory to its project: the only part that asks the disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from alcove.config.azds import environment as variables
from alcove.config.azds import reading, settings, tokens
from alcove.config.azds.problems import ConfigError, Problem, Problems, quoted, suggestion
from alcove.config.azds.project import Build, Install, Project, ValuesFile
from alcove.config.azds.settings import DEFAULT_CONFIGURATION, Said, Settings

FILE_NAMES = ("azds.yaml", "vsce.yaml")
"""The first that is there counts; the other name is the oldest."""
_LARGEST_VALUES = 1024 * 1024
"""Of a values file, no more is searched for tokens."""


def load_project(
    directory: Path, *, environment: Mapping[str, str], configuration: str = DEFAULT_CONFIGURATION
) -> Project:
    """Read the project in ``directory``, in one of its configurations.

    ``environment`` is the shell's; what it lacks is taken from ``.env`` beside the file.

    Raises:
        ConfigError: there is none, or something in it is not as it must be.
    """
    file, content = _read_file(directory)
    problems = Problems(_shown(directory, file.name))
    tree = reading.read_tree(reading.read_text(content, problems), problems)
    settings.check_file(tree, problems)
    known = {**_read_env(directory), **environment}
    chosen = settings.select(tree, configuration, known, problems)
    project = _Locator(directory, file, problems).project(chosen)
    problems.check()
    return project


def parse_settings(
    content: bytes,
    *,
    environment: Mapping[str, str],
    configuration: str = DEFAULT_CONFIGURATION,
    name: str = FILE_NAMES[0],
) -> Settings:
    """Give what the bytes of a file say, without asking whether it is on the disk.

    Raises:
        ConfigError: something in them is not as it must be.
    """
    problems = Problems(name)
    tree = reading.read_tree(reading.read_text(content, problems), problems)
    settings.check_file(tree, problems)
    chosen = settings.select(tree, configuration, environment, problems)
    problems.check()
    return chosen


def _read_file(directory: Path) -> tuple[Path, bytes]:
    for name in FILE_NAMES:
        file = directory / name
        try:
            with file.open("rb") as stream:
                return file.absolute(), stream.read(reading.LARGEST_FILE + 1)
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            cause = getattr(error, "strerror", None) or str(error)
            raise ConfigError(f"cannot read {file.absolute()}", cause=cause) from error
    raise ConfigError(
        f"Config file not found: {(directory / FILE_NAMES[0]).absolute()}",
        hint="change into the project's directory, or run 'alcove prep' there to generate it",
    )


def _read_env(directory: Path) -> dict[str, str]:
    file = directory / variables.FILE_NAME
    problems = Problems(_shown(directory, file.name))
    if _is(file, "dir"):  # a virtual environment may have this name
        return {}
    try:
        with file.open("rb") as stream:
            content = stream.read(reading.LARGEST_FILE + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"cannot read {file.absolute()}", cause=error.strerror or "") from error
    found = variables.parse_env_file(reading.read_text(content, problems), problems)
    problems.check()
    return found


def _shown(directory: Path, name: str) -> str:
    """Give a file's name as messages begin with it: with its directory only if the user named one."""
    return name if directory.is_absolute() else (directory / name).as_posix()


class _Locator:
    """Finds on the disk what the settings name, and notes what is not there."""

    def __init__(self, directory: Path, file: Path, problems: Problems) -> None:
        self._directory = directory.absolute()
        self._file = file
        self._problems = problems

    def project(self, chosen: Settings) -> Project:
        context = self._context(chosen.context)
        build = Build(
            context=context,
            dockerfile=self._dockerfile(chosen.dockerfile, context),
            args=chosen.args,
            use_git_ignore=chosen.use_git_ignore,
            ignore=chosen.ignore,
        )
        values = tuple(found for said in chosen.values if (found := self._values_file(said)))
        install = Install(self._chart(chosen.chart), values, chosen.set)
        return Project(
            directory=self._directory.resolve(),
            file=self._file.resolve(),
            api_version=chosen.api_version,
            configuration=chosen.configuration,
            build=build,
            install=install,
            container=chosen.container,
            warnings=self._warnings(chosen, install),
        )

    def _resolve(self, said: Said) -> Path | None:
        """Give the absolute path of a text, None if it is none.

        Separators of both kinds count on every system.
        """
        text = said.text
        if not said.sound:
            return None
        if not text.strip() or not text.isprintable():
            hint = "in double quotes a backslash begins an escape: write /" if text.strip() else ""
            self._problems.add(said.line, f"{said.where}: {quoted(text)} is not a path", hint)
            return None
        try:
            return (self._directory / text.replace("\\", "/")).resolve()
        except (OSError, RuntimeError, ValueError) as error:
            self._problems.add(said.line, f"{said.where}: {quoted(text)} cannot be followed", str(error))
            return None

    def _context(self, said: Said) -> Path:
        path = self._resolve(said)
        if path and not _is(path, "dir"):
            self._missing(said, path, "the directory")
        return path or self._directory

    def _dockerfile(self, said: Said, context: Path) -> Path:
        """Give the Dockerfile beside the file, or else the one in the build's context."""
        path = self._resolve(said)
        if path is None or _is(path, "file"):
            return path or self._directory
        inside = context / said.text.replace("\\", "/")
        if _is(inside, "file"):
            return inside.resolve()
        self._missing(
            said, path, "the Dockerfile", "name it in build.dockerfile, or let 'alcove prep' generate one"
        )
        return path

    def _chart(self, said: Said) -> Path:
        path = self._resolve(said)
        if path is None:
            return self._directory
        if _is(path, "dir"):
            if not _is(path / "Chart.yaml", "file"):
                self._problems.add(said.line, f"{said.where}: there is no Chart.yaml in {path}")
        elif not _is(path, "file"):
            self._missing(said, path, "the chart", "'alcove prep' generates one")
        return path

    def _values_file(self, said: Said) -> ValuesFile | None:
        optional = said.text.endswith("?")
        path = self._resolve(replace(said, text=said.text.removesuffix("?")))
        if path is None:
            return None
        if _is(path, "dir"):
            self._problems.add(said.line, f"{said.where}: {path} is a directory")
        elif not optional and not _is(path, "file"):
            self._missing(said, path, "the values file", 'a "?" behind its name lets it be missing')
        return ValuesFile(path, optional)

    def _missing(self, said: Said, path: Path, what: str, hint: str = "") -> None:
        self._problems.add(said.line, f"{said.where}: {what} {path} is not there", hint)

    def _warnings(self, chosen: Settings, install: Install) -> tuple[str, ...]:
        found = list(chosen.warnings)
        names = tokens.find_tokens(chosen.set)
        for values in install.values:
            inside = tokens.find_tokens(_values_text(values.path))
            names |= inside
            found += (
                Problem(0, f"{values.path.name} has $({name}){close}")
                for name in sorted(inside - frozenset(tokens.KNOWN))
                if (close := suggestion(name, tokens.KNOWN, "$({})"))
            )
        if tokens.TAG not in names:
            found.append(
                Problem(
                    chosen.set_line,
                    "$(tag) is nowhere in install.set and its values files: the container that is built "
                    "cannot be found; write 'tag: $(tag)' under install.set.image",
                )
            )
        return tuple(Problems(self._problems.name).render(problem) for problem in found)


def check_tag(project: Project) -> bool:
    """Tell whether ``$(tag)`` is in the project's values, so that its container can be found."""
    texts = (_values_text(values.path) for values in project.install.values)
    return tokens.TAG in tokens.find_tokens([project.install.set, *texts])


def _is(path: Path, kind: str) -> bool:
    try:
        return path.is_dir() if kind == "dir" else path.is_file()
    except (OSError, ValueError):
        return False


def _values_text(path: Path) -> str:
    """Give the text of a values file to search in; Helm says what is wrong with one."""
    try:
        with path.open("rb") as stream:
            return stream.read(_LARGEST_VALUES).decode("utf-8", "replace")
    except OSError:
        return ""
