"""Which of the workstation's files belong to a project: trees with their rules, and what always counts."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alcove.sync import paths
from alcove.sync.errors import SyncError
from alcove.sync.ignoring import GIT_FILE, IgnoreRules, Ignoring, RuleList, parse_gitignore

_LONGEST_RULES = 1 << 20


@dataclass(frozen=True, slots=True)
class Tree:
    """A directory, relative to the selection's root (nothing: the root itself), and its rules."""

    directory: str
    rules: IgnoreRules = field(default_factory=IgnoreRules)


@dataclass(frozen=True, slots=True)
class Selection:
    """What counts; paths are relative to ``root`` wherever they are."""

    root: Path
    """Absolute, without links: events name files by it."""
    trees: tuple[Tree, ...]
    extras: tuple[str, ...] = ()
    """Files and directories that count whatever the rules say, without what belongs to version control."""

    def covers(self, path: str) -> bool:
        """Tell whether a path is in a tree or among the extras, ignored or not."""
        return any(paths.is_below(path, one.directory) for one in self.trees) or self.is_extra(path)

    def is_extra(self, path: str) -> bool:
        """Tell whether a path counts whatever the rules say."""
        return any(paths.is_below(path, one) for one in self.extras)

    def leads_to(self, path: str) -> bool:
        """Tell whether a tree or an extra is below a directory."""
        places = (*(one.directory for one in self.trees), *self.extras)
        return any(paths.is_below(one, path) for one in places)

    def absolute(self, path: str) -> str:
        """Give a path as the system knows it."""
        return f"{self.root}{os.sep}{path}" if path else str(self.root)


def make_selection(trees: Iterable[tuple[Path, IgnoreRules]], extras: Iterable[Path] = ()) -> Selection:
    """Select directories with their rules, and files or directories that always count; the root is above all.

    Raises:
        SyncError: they have no directory in common.
    """
    directories = [(Path(os.path.realpath(directory)), rules) for directory, rules in trees]
    always = [Path(os.path.realpath(one.parent)) / one.name for one in extras]
    try:
        common = Path(os.path.commonpath([*(one for one, _ in directories), *(one.parent for one in always)]))
    except ValueError as error:
        raise SyncError(
            "the project's files are on different drives",
            cause=str(error),
            hint="move the build context, the chart and azds.yaml to one drive",
        ) from error
    return Selection(
        common,
        tuple(Tree(_relative(directory, common), rules) for directory, rules in directories),
        tuple(sorted({_relative(one, common) for one in always})),
    )


def _relative(path: Path, root: Path) -> str:
    relative = path.relative_to(root).as_posix()
    return "" if relative == "." else relative


def open_ignoring(selection: Selection, tree: Tree) -> Ignoring:
    """Give the answers for one tree; files with rules are read as they are now."""
    directory = selection.absolute(tree.directory)
    above = _git_rules_above(Path(directory)) if tree.rules.use_git_ignore else ()
    return Ignoring(tree.rules, lambda path: _read(f"{directory}{os.sep}{path}"), above=above)


def find_ignoring_rule(selection: Selection, path: str) -> str:
    """Say by what a file does not count, nothing when it does."""
    if set(path.split("/")) & {".git", ".hg", ".svn"}:
        return "version control"
    if selection.is_extra(path):
        return ""
    reason = "it is not in the project's build context"
    for tree in selection.trees:
        if paths.is_below(path, tree.directory):
            inside = path[len(tree.directory) + 1 :] if tree.directory else path
            rule = open_ignoring(selection, tree).explain(inside)
            if rule is None:
                return ""
            reason = str(rule)
    return reason


def rule_files(selection: Selection) -> frozenset[str]:
    """Give the files, besides ``.gitignore`` anywhere, that change what counts."""
    return frozenset(
        paths.join(tree.directory, tree.rules.dockerignore)
        for tree in selection.trees
        if tree.rules.dockerignore
    )


def _git_rules_above(directory: Path) -> Sequence[RuleList]:
    """Give Git's rules from outside a directory of a repository, the strongest first."""
    found: list[RuleList] = []
    for place in (directory, *directory.parents):
        inside = _relative(directory, place)
        if place != directory and (text := _read(str(place / GIT_FILE))) is not None:
            found.append(parse_gitignore(text, str(place / GIT_FILE)).at(above=inside))
        if (place / ".git").exists():
            excluded = _git_directory(place / ".git") / "info" / "exclude"
            if (text := _read(str(excluded))) is not None:
                found.append(parse_gitignore(text, ".git/info/exclude").at(above=inside))
            return found
    return ()


def _git_directory(git: Path) -> Path:
    """Give the directory that a repository shares with its worktrees."""
    if text := _read(str(git)):
        git = git.parent / text.partition("gitdir:")[2].strip()
        if common := _read(str(git / "commondir")):
            git = git / common.strip()
    return git


def _read(path: str) -> str | None:
    """Give the text of a regular file, nothing when there is none."""
    with contextlib.suppress(OSError, ValueError):
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as stream:
            return stream.read(_LONGEST_RULES).decode("utf-8", "surrogateescape")
    return None
