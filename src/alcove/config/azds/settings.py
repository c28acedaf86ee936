"""One configuration of a file: what counts of it, with the environment expanded, before the disk is asked.

From the lowest precedence to the highest: what the file says at its top, what the configuration says.

* ``build``: property by property; ``args`` name by name; ``ignore`` as a whole.
* ``install.chart``, ``install.values``: as a whole.
* ``install.set``: merged at every depth; lists as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alcove.config.azds import schema, shapes, tokens
from alcove.config.azds.environment import Expander
from alcove.config.azds.nodes import Entry, Items, Node, Scalar, Tree
from alcove.config.azds.problems import Problem, Problems, known_are, quoted, suggestion
from alcove.config.azds.project import Container, Import, Iterate

DEFAULT_CONFIGURATION = "develop"
_IMPORT = re.compile(r"(?P<image>[^\s]+?)@(?P<source>/[^:]*):(?P<destination>/.*)")
_TERRAFORM_HINT = (
    "apply the Terraform part with terraform; for what runs on Kubernetes write a chart and "
    "'kind: helm-release' ('alcove prep' generates both)"
)


@dataclass(frozen=True, slots=True)
class Said:
    """A text of the file, and where it is."""

    text: str
    line: int
    where: str
    """The property, like ``configurations.develop.build.dockerfile``."""
    sound: bool = True
    """False when a problem with it was noted, so that what follows from it is not told too."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What counts of a file in one configuration; paths are as they are written."""

    api_version: str
    configuration: str
    context: Said
    dockerfile: Said
    args: Mapping[str, str]
    use_git_ignore: bool
    ignore: tuple[str, ...]
    chart: Said
    values: tuple[Said, ...]
    set: Mapping[str, Any]
    set_line: int
    container: Container | None
    warnings: tuple[Problem, ...]


def check_file(tree: Tree, problems: Problems) -> None:
    """Note whatever no configuration may say.

    Raises:
        ConfigError: the file describes something that is not for Kubernetes; nothing else of it counts.
    """
    kind = tree.get("kind")
    if isinstance(kind, Scalar) and kind.text == "terraform":
        raise problems.stop(
            kind.line,
            "kind 'terraform' is not supported: it was an experiment that applied Terraform modules and "
            "pushed files to cloud services, and Alcove installs Helm charts on Kubernetes",
            _TERRAFORM_HINT,
        )
    shapes.check(tree, schema.FILE, "", problems)


def configuration_names(tree: Tree) -> tuple[str, ...]:
    """Give the names that ``--config`` takes."""
    section = tree.get("configurations")
    return tuple(section.entries) if isinstance(section, Tree) else ()


def select(tree: Tree, configuration: str, environment: Mapping[str, str], problems: Problems) -> Settings:
    """Give one configuration; what is wrong with it is noted, and what can be read is read anyway."""
    names = configuration_names(tree)
    if configuration not in names and (names or configuration != DEFAULT_CONFIGURATION):
        known = known_are(names) if names else "the file has no configurations"
        node = tree.get("configurations")
        problems.add(
            node.line if node and names else 0,
            f"there is no configuration {quoted(configuration)}{suggestion(configuration, names)}",
            known,
        )
    return _Selection(tree, configuration, Expander(environment, problems), problems).settings()


class _Selection:
    def __init__(self, tree: Tree, configuration: str, expander: Expander, problems: Problems) -> None:
        self._tree = tree
        self._name = configuration
        self._own = ("configurations", configuration)
        self._expander = expander
        self._problems = problems
        self._warnings: list[Problem] = []

    def settings(self) -> Settings:
        values_node, values_where = self._values()
        set_tree = self._set_tree()
        return Settings(
            api_version=self._api_version(),
            configuration=self._name,
            context=self._said_or("build", "context", "."),
            dockerfile=self._said_or("build", "dockerfile", "Dockerfile"),
            args=self._args(),
            use_git_ignore=self._flag("build", "useGitIgnore"),
            ignore=self._texts(*self._find("build", "ignore")),
            chart=self._chart(),
            values=self._each(values_node, values_where),
            set=self._plain(set_tree, "install.set") if set_tree else {},
            set_line=set_tree.line if set_tree else 0,
            container=self._container(),
            warnings=tuple(self._warnings),
        )

    def _find(self, section: str, key: str) -> tuple[Node | None, str]:
        """Give what counts of a property, and its whole name."""
        for path in ((*self._own, section, key), (section, key)):
            node = self._tree.get(*path)
            if node is not None and not (isinstance(node, Scalar) and node.value is None):
                return node, ".".join(path)
        return None, f"{section}.{key}"

    def _api_version(self) -> str:
        node = self._tree.get("apiVersion")
        if not isinstance(node, Scalar) or isinstance(node.value, bool):
            return ""
        return schema.API_VERSIONS.get(node.value, "")

    def _values(self) -> tuple[Node | None, str]:
        """Give the list of values files: the configuration's own in its new or old place, else the file's."""
        new, old = (*self._own, "install", "values"), (*self._own, "container", "values")
        newer, older = self._tree.get(*new), self._tree.get(*old)
        if isinstance(newer, Items) and isinstance(older, Items):
            return Items(newer.line, newer.nodes + older.nodes), ".".join(new)
        if isinstance(older, Items):
            return older, ".".join(old)
        return self._find("install", "values")

    def _set_tree(self) -> Tree | None:
        low, high = self._tree.get("install", "set"), self._tree.get(*self._own, "install", "set")
        trees = [tree for tree in (low, high) if isinstance(tree, Tree)]
        return merge(*trees) if len(trees) == 2 else next(iter(trees), None)

    def _args(self) -> dict[str, str]:
        found: dict[str, str] = {}
        merged: dict[str, tuple[Scalar, str]] = {}
        for path in (("build", "args"), (*self._own, "build", "args")):
            node = self._tree.get(*path)
            for entry in node.entries.values() if isinstance(node, Tree) else ():
                if isinstance(entry.node, Scalar):
                    merged[entry.key] = (entry.node, ".".join((*path, entry.key)))
        for name, (scalar, where) in merged.items():
            found[name] = self._text(scalar, where)
        return found

    def _flag(self, section: str, key: str) -> bool:
        node, where = self._find(section, key)
        if not isinstance(node, Scalar) or isinstance(node.value, bool) or "$" not in node.text:
            return isinstance(node, Scalar) and node.value is True
        said = self._text(node, where).lower()
        if said not in ("true", "false") and "$" not in said:
            self._problems.add(node.line, f"{where} must be true or false, not {quoted(said)}")
        return said == "true"

    def _container(self) -> Container | None:
        path = (*self._own, "container")
        node, where = self._tree.get(*path), ".".join(path)
        if not isinstance(node, Tree):
            return None
        target = node.get("syncTarget")
        sync_target = self._text(target, f"{where}.syncTarget") if isinstance(target, Scalar) else None
        if isinstance(target, Scalar) and sync_target and not sync_target.startswith("/"):
            self._problems.add(
                target.line, f"{where}.syncTarget is not absolute: {quoted(sync_target)}", "begin it with /"
            )
        return Container(
            sync_target=sync_target or None,
            sync=self._texts(node.get("sync"), f"{where}.sync"),
            command=self._texts(node.get("command"), f"{where}.command"),
            imports=self._imports(node.get("imports"), f"{where}.imports"),
            iterate=self._iterate(node, f"{where}.iterate"),
        )

    def _imports(self, node: Node | None, where: str) -> tuple[Import, ...]:
        found = []
        for said in self._each(node, where):
            match = _IMPORT.fullmatch(said.text)
            if match:
                found.append(Import(match["image"], match["source"], match["destination"]))
            else:
                self._problems.add(
                    said.line,
                    f"{said.where}: {quoted(said.text)} is not image@/source:/destination",
                    "both paths begin with /",
                )
        return tuple(found)

    def _iterate(self, container: Tree, where: str) -> Iterate | None:
        node = container.get("iterate")
        if not isinstance(node, Tree):
            return Iterate((), ()) if "iterate" in container.entries else None
        commands = node.get("buildCommands")
        lists = commands.nodes if isinstance(commands, Items) else ()
        found = tuple(self._texts(one, f"{where}.buildCommands[{i}]") for i, one in enumerate(lists))
        for one, command in zip(lists, found, strict=True):
            if not command and isinstance(one, Items):
                self._problems.add(one.line, f"{where}.buildCommands has an empty command")
        return Iterate(self._texts(node.get("processesToKill"), f"{where}.processesToKill"), found)

    def _said_or(self, section: str, key: str, default: str) -> Said:
        node, where = self._find(section, key)
        if isinstance(node, Scalar):
            return self._said(node, where)
        near = self._tree.get(section)
        return Said(default, near.line if near else 0, where)

    def _chart(self) -> Said:
        node, where = self._find("install", "chart")
        if isinstance(node, Scalar):
            return self._said(node, where)
        near = self._tree.get("install") or self._tree
        named = any(self._tree.get(*path, "chart") for path in (("install",), (*self._own, "install")))
        if not named:
            hint = "name the chart's directory, or let 'alcove prep' generate one"
            self._problems.add(near.line, "install.chart is missing", hint)
        return Said("", near.line, where, sound=False)

    def _said(self, node: Scalar, where: str) -> Said:
        noted = self._problems.count
        text = self._text(node, where)
        return Said(text, node.line, where, sound=self._problems.count == noted and "\0" not in text)

    def _each(self, node: Node | None, where: str) -> tuple[Said, ...]:
        nodes = node.nodes if isinstance(node, Items) else ()
        return tuple(
            self._said(one, f"{where}[{index}]") for index, one in enumerate(nodes) if isinstance(one, Scalar)
        )

    def _texts(self, node: Node | None, where: str) -> tuple[str, ...]:
        return tuple(said.text for said in self._each(node, where))

    def _text(self, node: Scalar, where: str) -> str:
        """Give a text in which tokens are not replaced."""
        misplaced = sorted(tokens.find_tokens(node.text) & frozenset(tokens.KNOWN))
        if misplaced:
            self._warnings.append(
                Problem(
                    node.line, f"$({misplaced[0]}) is not replaced in {where}: only in install.set and values"
                )
            )
        return self._expander.expand(node.text, line=node.line, where=where)

    def _plain(self, node: Node, where: str) -> Any:
        """Give a part of ``set`` as plain values, its tokens checked and kept."""
        if isinstance(node, Tree):
            return {
                entry.key: self._plain(entry.node, f"{where}.{entry.key}") for entry in node.entries.values()
            }
        if isinstance(node, Items):
            return [self._plain(one, f"{where}[{index}]") for index, one in enumerate(node.nodes)]
        if not isinstance(node.value, str):
            return node.value
        text = self._expander.expand(node.text, line=node.line, where=where, tokens=True)
        for name in sorted(tokens.find_tokens(text) - frozenset(tokens.KNOWN)):
            said, hint = tokens.unknown_token(name)
            self._problems.add(node.line, f"{where}: {said}", hint)
        return text


def merge(low: Tree, high: Tree) -> Tree:
    """Give both, merged at every depth; where they meet in anything but two mappings, ``high`` counts."""
    entries = dict(low.entries)
    for key, entry in high.entries.items():
        before = low.get(key)
        if isinstance(before, Tree) and isinstance(entry.node, Tree):
            entry = Entry(entry.line, key, merge(before, entry.node))
        entries[key] = entry
    return Tree(high.line, entries)
