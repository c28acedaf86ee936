"""The layers of a stage while it is built, and the digest of all that they were made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from alcove.embedded.images.index import Entry, ImageIndex
from alcove.embedded.images.merged import MergedTree
from alcove.embedded.images.settings import Settings
from alcove.embedded.images.threads import run_to_end


def digest(*parts: Any) -> str:
    """Give the digest of JSON values and what is like them."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=list).encode()).hexdigest()


@dataclass(slots=True)
class Stack:
    """A stage as far as it is built."""

    index: ImageIndex
    output: Callable[[str], None]
    layers: tuple[Path, ...]
    trees: tuple[str, ...]
    settings: Settings
    key: str
    """The digest of everything that made it so."""

    def tree(self) -> MergedTree:
        """Give what a step sees."""
        return MergedTree(self.layers, self.trees)

    def read(self, path: str) -> str:
        """Give the text of a file of the image, empty when there is none."""
        found = self.tree().locate(path)[1]
        return found.read_text(errors="replace") if found is not None and found.is_file() else ""

    def configure(self, settings: Settings) -> None:
        """Go on with other settings: every later layer depends on them."""
        self.settings = settings
        self.key = digest(
            self.key, asdict(settings.config), sorted(settings.variables.items()), settings.shell
        )

    async def add(self, made_from: Any, make: Callable[[Path], Awaitable[None]]) -> None:
        """Put a layer on top: the one that was made from the same before, or a new one.

        ``make`` gets a directory and leaves the layer in its ``upper``.
        """
        key = digest(self.key, made_from)
        if await run_to_end(partial(self.index.reuse_layer, key)):
            self.output(" ---> Using cache")
        else:
            layer = self.index.new_layer()
            made = await run_to_end(layer.__enter__)
            try:
                (made / "upper").mkdir()
                (made / "upper").chmod(0o755)
                await make(made)
                await run_to_end(partial(self.index.keep_layer, made / "upper", key))
            finally:
                await run_to_end(partial(layer.__exit__, None, None, None))
        self.key = key
        self.layers = (*self.layers, self.index.layer(key))

    def entry(self) -> Entry:
        """Give the image that this is now."""
        names = tuple(layer.name for layer in self.layers)
        entry = Entry("", names, self.trees, self.settings.config)
        return replace(entry, id=f"sha256:{digest(asdict(entry))}")
