"""Which files of a tree do not count, and by which rule.

Four sources, each with the meaning that its users know:

* directories of version control never count;
* ``.gitignore``, in the directory and in those above it up to the repository, in directories below it, and
  ``.git/info/exclude``: as Git does it, where nothing inside an ignored directory comes back;
* ``.dockerignore``: the last pattern that matches a path or a directory above it decides;
* ``build.ignore``: written as in a ``.gitignore``, it overrules both others, in either direction, also inside
  a directory that they ignore.

The question is always answered from the top down, one level after the other: ``enter`` gives what holds in a
directory from what holds in the one above it. So the walk and the question about one path cannot differ.

An ignored directory is entered only if a ``!`` of ``build.ignore`` or ``.dockerignore`` could mean something
inside it. One that may begin at any depth (``!*.config``, ``!**/*.md``) is not searched for in directories
that are ignored by name, only in those that a bare ``*`` ignores: else every such pattern would cost the walk
through all packages that anybody ever installed.
"""

from __future__ import annotations

import copy
import posixpath
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from alcove.sync import globs, paths

ALWAYS_IGNORED = frozenset({".git", ".hg", ".svn"})
GIT_FILE = ".gitignore"

Reader = Callable[[str], str | None]
"""Gives the text of a file by its path relative to the tree's directory; nothing when there is none."""


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """What a user said about files that do not count."""

    use_git_ignore: bool = False
    ignore: tuple[str, ...] = ()
    """``build.ignore``, as written."""
    dockerignore: str = ".dockerignore"
    """Its path relative to the tree's directory; nothing for none."""


@dataclass(frozen=True)
class Rule:
    """One line that says what does not count, or with ``!`` what does."""

    source: str
    line: int
    text: str
    glob: globs.Glob
    brings_back: bool = False
    only_directories: bool = False

    def __str__(self) -> str:
        """Say where it is: ``.gitignore:3 (node_modules/)``."""
        where = f"{self.source}:{self.line}" if self.line else self.source
        return f"{where} ({self.text})" if self.text else where


class RuleList:
    """The rules of one source, in order, and where their paths begin."""

    __slots__ = ("_directories", "_files", "above", "base", "rules")

    def __init__(self, rules: Sequence[Rule]) -> None:
        """Prepare the question whether any of them matches, which mostly none does."""
        self.rules = tuple(rules)
        self.base = self.above = ""
        self._directories = _joined([one.glob.regex for one in self.rules])
        self._files = _joined([one.glob.regex for one in self.rules if not one.only_directories])

    def at(self, base: str = "", *, above: str = "") -> RuleList:
        """Give the same rules for another directory: one of the tree, or one that holds it as ``above``."""
        moved = copy.copy(self)
        moved.base, moved.above = base, above
        return moved

    @property
    def moves(self) -> bool:
        """Whether it sees other paths than the tree has."""
        return bool(self.base or self.above)

    def own_path(self, path: str) -> str:
        """Give a path of the tree as the rules see it."""
        if self.base:
            return path[len(self.base) + 1 :]
        return f"{self.above}/{path}" if self.above else path

    def find_last(self, path: str, *, is_directory: bool) -> int:
        """Give the number of the last rule that matches a path itself, -1 for none."""
        path = self.own_path(path)
        known = self._directories if is_directory else self._files
        if known is None or not known.fullmatch(path):
            return -1
        for number in range(len(self.rules) - 1, -1, -1):
            rule = self.rules[number]
            if (is_directory or not rule.only_directories) and rule.glob.compiled.fullmatch(path):
                return number
        return -1


@lru_cache(maxsize=1024)
def parse_gitignore(text: str, source: str) -> RuleList:
    """Read the text of a ``.gitignore``, or the lines of ``build.ignore``."""
    rules = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        written = _without_spaces(line.removesuffix("\r"))
        if not written or written.startswith("#"):
            continue
        brings_back = written.startswith("!")
        pattern = written[brings_back:]
        only_directories = pattern.endswith("/")
        pattern = pattern[: len(pattern) - only_directories]
        if pattern:
            glob = globs.git_glob(pattern)
            rules.append(Rule(source, number, written, glob, brings_back, only_directories))
    return RuleList(rules)


def _without_spaces(line: str) -> str:
    """Take off the spaces at the end; one after a backslash stays."""
    kept = line.rstrip(" ")
    if kept.endswith("\\") and len(kept) < len(line) and (len(kept) - len(kept.rstrip("\\"))) % 2:
        return kept + " "
    return kept


@lru_cache(maxsize=64)
def parse_dockerignore(text: str, source: str) -> RuleList:
    """Read the text of a ``.dockerignore``."""
    rules = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        written = line.strip()
        if line.startswith("#") or not written:
            continue
        brings_back = written.startswith("!")
        pattern = posixpath.normpath(written[brings_back:].strip().lstrip("/") or ".")
        if pattern != ".":
            rules.append(Rule(source, number, written, globs.docker_glob(pattern), brings_back))
    return RuleList(rules)


class Quick:
    """Some lists of rules as few questions: whether any of them says something of a file at all."""

    __slots__ = ("_moved", "_name", "_path")

    def __init__(self, lists: Sequence[RuleList]) -> None:
        """Join what is asked about names; what is asked about paths depends on where these begin."""
        names = [one.glob.name_regex for rules in lists for one in rules.rules if not one.only_directories]
        self._name = _joined([one for one in names if one])
        self._path = _joined([one for rules in lists if not rules.moves for one in _path_regexes(rules)])
        self._moved = [
            (rules, regex)
            for rules in lists
            if rules.moves and (regex := _joined(_path_regexes(rules))) is not None
        ]

    def matches(self, path: str, name: str) -> bool:
        """Tell whether some rule matches a file."""
        if self._name is not None and self._name.fullmatch(name) is not None:
            return True
        if self._path is not None and self._path.fullmatch(path) is not None:
            return True
        for rules, regex in self._moved:  # noqa: SIM110  # it is asked for every file
            if regex.fullmatch(rules.own_path(path)) is not None:
                return True
        return False


def _path_regexes(rules: RuleList) -> list[str]:
    return [one.glob.regex for one in rules.rules if not one.only_directories and not one.glob.name_regex]


def _joined(regexes: Sequence[str]) -> re.Pattern[str] | None:
    different = dict.fromkeys(regexes)
    return re.compile("|".join(f"(?:{one})" for one in different), re.DOTALL) if different else None


@dataclass(frozen=True, slots=True)
class Level:
    """What holds in one directory."""

    path: str
    """Relative to the tree's directory."""
    git: tuple[RuleList, ...] = ()
    """Git's rules in force, the strongest first."""
    git_rule: Rule | None = None
    docker: int = -1
    """The number of the last pattern of ``.dockerignore`` that matched it or a directory above it."""
    own_rule: Rule | None = None
    ignored_by: Rule | None = None
    """The rule by which the directory does not count."""
    is_open: bool = True
    """Whether something inside it may count."""
    quick: Quick | None = None
    """Whether any rule matches a file in it: mostly none does."""


_VERSION_CONTROL = Rule("version control", 0, "", globs.git_glob("*"))


class Ignoring:
    """Answers for one tree; ``read`` fetches the files that hold rules, when a directory is entered."""

    def __init__(self, rules: IgnoreRules, read: Reader, *, above: Sequence[RuleList] = ()) -> None:
        """Prepare; ``above`` are Git's rules from outside the tree's directory, the strongest first."""
        self._read = read
        self._uses_git = rules.use_git_ignore
        self._own = parse_gitignore("\n".join(rules.ignore), "build.ignore")
        text = read(rules.dockerignore) if rules.dockerignore else None
        self._docker = parse_dockerignore(text or "", rules.dockerignore)
        self._own_back = [one for one in self._own.rules if one.brings_back]
        self._docker_back = [n for n, one in enumerate(self._docker.rules) if one.brings_back]
        top = tuple(above) if self._uses_git else ()
        self.root = self._with_git_file(Level("", git=top, quick=self._quick(top)))

    def enter(self, level: Level, path: str) -> Level:
        """Give what holds in a directory of the one that ``level`` is of."""
        if path.rpartition("/")[2] in ALWAYS_IGNORED:
            return replace(level, path=path, ignored_by=_VERSION_CONTROL, is_open=False)
        git, docker, own = self._judge(level, path, is_directory=True)
        rule = self._decide(git, docker, own)
        is_open = rule is None or self._may_open(path, rule, docker)
        entered = Level(path, level.git, git, docker, own, rule, is_open, level.quick)
        return self._with_git_file(entered) if entered.is_open else entered

    def find_rule(self, level: Level, path: str, name: str) -> Rule | None:
        """Give the rule by which a file or link, in the directory that ``level`` is of, does not count."""
        if name in ALWAYS_IGNORED:
            return _VERSION_CONTROL
        if level.quick is not None and not level.quick.matches(path, name):
            return level.ignored_by
        return self._decide(*self._judge(level, path, is_directory=False))

    def level_of(self, directory: str) -> Level:
        """Give what holds in a directory, by way of all above it."""
        level = self.root
        at = ""
        for name in directory.split("/") if directory else ():
            at = paths.join(at, name)
            level = self.enter(level, at) if level.is_open else replace(level, path=at)
        return level

    def explain(self, path: str, *, is_directory: bool = False) -> Rule | None:
        """Give the rule by which a path does not count."""
        if is_directory:
            return self.level_of(path).ignored_by
        level = self.level_of(paths.parent_of(path))
        return self.find_rule(level, path, path.rpartition("/")[2]) if level.is_open else level.ignored_by

    def _judge(self, level: Level, path: str, *, is_directory: bool) -> tuple[Rule | None, int, Rule | None]:
        own = self._own.find_last(path, is_directory=is_directory)
        if own >= 0:
            rule = self._own.rules[own]
            return (None, -1, None) if rule.brings_back else (level.git_rule, level.docker, rule)
        git = level.git_rule
        if git is None:
            for rules in level.git:
                if (number := rules.find_last(path, is_directory=is_directory)) >= 0:
                    git = None if rules.rules[number].brings_back else rules.rules[number]
                    break
        docker = max(level.docker, self._docker.find_last(path, is_directory=is_directory))
        return git, docker, level.own_rule

    def _decide(self, git: Rule | None, docker: int, own: Rule | None) -> Rule | None:
        if own is not None or git is not None:
            return own or git
        if docker >= 0 and not self._docker.rules[docker].brings_back:
            return self._docker.rules[docker]
        return None

    def _may_open(self, path: str, rule: Rule, docker: int) -> bool:
        """Tell whether something inside an ignored directory may count."""
        anywhere = rule.glob.is_universal
        if any(one.glob.reaches_below(path, anywhere=anywhere) for one in self._own_back):
            return True
        if docker < 0 or rule is not self._docker.rules[docker]:
            return False
        later = [self._docker.rules[number] for number in self._docker_back if number > docker]
        return any(one.glob.reaches_below(path, anywhere=anywhere) for one in later)

    def _with_git_file(self, level: Level) -> Level:
        if not self._uses_git or (text := self._read(paths.join(level.path, GIT_FILE))) is None:
            return level
        found = parse_gitignore(text, paths.join(level.path, GIT_FILE)).at(level.path)
        git = (found, *level.git)
        return replace(level, git=git, quick=self._quick(git)) if found.rules else level

    def _quick(self, git: tuple[RuleList, ...]) -> Quick:
        return Quick([self._own, self._docker, *git])
