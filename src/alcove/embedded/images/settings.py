"""What the instructions of a Dockerfile that write no file do to the image's configuration. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from alcove.embedded.images import expansion
from alcove.embedded.images.dockerfile import Instruction
from alcove.embedded.ports import ImageConfig

_SHELL = ("/bin/sh", "-c")
PREDEFINED = frozenset(
    name
    for upper in ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
    for name in (upper, upper.lower())
)


@dataclass(frozen=True, slots=True)
class Settings:
    """A stage's configuration while it is built."""

    config: ImageConfig
    arguments: Mapping[str, str]
    """The ARGs declared so far that have a value."""
    given: Mapping[str, str]
    """The values that the build was given for ARGs."""
    inherited: Mapping[str, str]
    """The ARGs before the first FROM, and those that every build has."""
    shell: tuple[str, ...] = _SHELL
    command_is_own: bool = False
    """CMD was set in this stage, not by its base."""

    @property
    def variables(self) -> dict[str, str]:
        """What words are expanded with, and what RUN sees."""
        proxies = {name: value for name, value in self.given.items() if name in PREDEFINED}
        return {**proxies, **self.arguments, **self.config.environment}


def declare(settings: Settings, text: str, escape: str) -> Settings:
    """Give the settings after ``ARG text``: a given value, else its default, else an inherited one."""
    arguments = dict(settings.arguments)
    for word in expansion.split_words(text, escape):
        name, equals, default = word.partition("=")
        if not name:
            raise ValueError(f"ARG has the form: ARG name[=default], not {word}")
        variables = {**settings.variables, **arguments}
        if name in settings.given:
            arguments[name] = settings.given[name]
        elif equals:
            arguments[name] = expansion.expand(default, variables, escape)
        elif name in settings.inherited:
            arguments[name] = settings.inherited[name]
    return replace(settings, arguments=arguments)


def configure(settings: Settings, instruction: Instruction, escape: str) -> Settings:
    """Give the settings after an instruction that writes no file.

    Raises:
        ValueError: with what is wrong with it.
    """
    if instruction.keyword == "ARG":
        return declare(settings, instruction.text, escape)
    return _CONFIGURED[instruction.keyword](settings, instruction, escape)


def _pairs(settings: Settings, instruction: Instruction, escape: str) -> dict[str, str]:
    words = expansion.split_words(instruction.text, escape)
    if "=" not in words[0]:
        if len(words) < 2 or instruction.keyword == "LABEL":
            raise ValueError(f"{instruction.keyword} has the form: {instruction.keyword} name=value ...")
        name, rest = words[0], instruction.text[len(words[0]) :].strip()
        return {name: expansion.expand(rest, settings.variables, escape)}
    result = {}
    for word in words:
        name, equals, value = word.partition("=")
        name = expansion.expand(name, settings.variables, escape)
        if not equals or not name:
            raise ValueError(f"{instruction.keyword} needs name=value, not {word}")
        result[name] = expansion.expand(value, settings.variables, escape)
    return result


def _env(settings: Settings, instruction: Instruction, escape: str) -> Settings:
    environment = {**settings.config.environment, **_pairs(settings, instruction, escape)}
    return replace(settings, config=replace(settings.config, environment=environment))


def _label(settings: Settings, instruction: Instruction, escape: str) -> Settings:
    labels = {**settings.config.labels, **_pairs(settings, instruction, escape)}
    return replace(settings, config=replace(settings.config, labels=labels))


def _maintainer(settings: Settings, instruction: Instruction, escape: str) -> Settings:
    labels = {**settings.config.labels, "maintainer": instruction.text}
    return replace(settings, config=replace(settings.config, labels=labels))


def _user(settings: Settings, instruction: Instruction, escape: str) -> Settings:
    user = expansion.expand(instruction.text, settings.variables, escape)
    if not user:
        raise ValueError("USER names nobody: its variable is empty")
    return replace(settings, config=replace(settings.config, user=user))


def _workdir(settings: Settings, instruction: Instruction, escape: str) -> Settings:
    path = expansion.expand(instruction.text, settings.variables, escape)
    directory = posixpath.normpath(posixpath.join(settings.config.directory or "/", path))
    return replace(settings, config=replace(settings.config, directory="/" + directory.lstrip("/")))


def _expose(settings: Settings, instruction: Instruction, escape: str) -> Settings:
    ports = dict.fromkeys(settings.config.ports)
    for word in expansion.expand(instruction.text, settings.variables, escape).split():
        number, _, protocol = word.partition("/")
        first, dash, last = number.partition("-")
        if not all(
            n.isascii() and n.isdigit() and 0 < int(n[:6]) < 65536
            for n in ((first, last) if dash else (first,))
        ):
            raise ValueError(f"EXPOSE needs port numbers, not {word}")
        ports[f"{number}/{protocol.lower() or 'tcp'}"] = None
    return replace(settings, config=replace(settings.config, ports=tuple(ports)))


def _stopsignal(settings: Settings, instruction: Instruction, escape: str) -> Settings:
    signal = expansion.expand(instruction.text, settings.variables, escape)
    return replace(settings, config=replace(settings.config, stop_signal=signal))


def _shell(settings: Settings, instruction: Instruction, escape: str) -> Settings:
    if not instruction.items:
        raise ValueError("SHELL names no program")
    return replace(settings, shell=instruction.items)


def command_of(settings: Settings, instruction: Instruction) -> tuple[str, ...]:
    """Give what RUN, CMD or ENTRYPOINT runs: its list, or the shell with its text."""
    if instruction.items is not None:
        return instruction.items
    return (*settings.shell, instruction.text) if instruction.text else ()


def _cmd(settings: Settings, instruction: Instruction, escape: str) -> Settings:
    config = replace(settings.config, command=command_of(settings, instruction))
    return replace(settings, config=config, command_is_own=True)


def _entrypoint(settings: Settings, instruction: Instruction, escape: str) -> Settings:
    """A base's CMD was meant as arguments for the base's ENTRYPOINT, and goes with it."""
    kept = settings.config.command if settings.command_is_own else ()
    config = replace(settings.config, entrypoint=command_of(settings, instruction), command=kept)
    return replace(settings, config=config)


def _ignored(settings: Settings, instruction: Instruction, escape: str) -> Settings:
    """Kubernetes has probes instead of HEALTHCHECK, and a container may write anywhere without VOLUME."""
    return settings


def _onbuild(settings: Settings, instruction: Instruction, escape: str) -> Settings:
    raise ValueError("ONBUILD is not supported: put its instruction into the Dockerfiles that need it")


_CONFIGURED: Mapping[str, Callable[[Settings, Instruction, str], Settings]] = {
    "CMD": _cmd,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "HEALTHCHECK": _ignored,
    "LABEL": _label,
    "MAINTAINER": _maintainer,
    "ONBUILD": _onbuild,
    "SHELL": _shell,
    "STOPSIGNAL": _stopsignal,
    "USER": _user,
    "VOLUME": _ignored,
    "WORKDIR": _workdir,
}
