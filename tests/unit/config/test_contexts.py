"""Where settings are, and which context is current."""

from __future__ import annotations

from pathlib import Path

import pytest

from alcove.config.contexts import current_context, kubeconfig_paths
from alcove.config.directory import user_directory

HOME = Path("/home/alice")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "/home/alice/.config/alcove"),
        ({"XDG_CONFIG_HOME": "/etc/x"}, "/etc/x/alcove"),
        ({"XDG_CONFIG_HOME": "relative"}, "/home/alice/.config/alcove"),
    ],
)
def test_the_user_directory_is_where_xdg_says(environment: dict[str, str], expected: str) -> None:
    assert user_directory(environment, HOME) == Path(expected)


def test_kubeconfigs_are_found_as_kubectl_finds_them() -> None:
    assert kubeconfig_paths({"KUBECONFIG": "/a::/b"}, HOME) == [Path("/a"), Path("/b")]
    assert kubeconfig_paths({}, HOME) == [HOME / ".kube" / "config"]


def test_the_first_file_that_names_a_context_counts(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("absent", "damaged", "silent", "first", "second")]
    texts = ["a: [", "current-context: ''", "current-context: one", "current-context: two"]
    for path, text in zip(paths[1:], texts, strict=True):
        path.write_text(text)
    assert current_context(paths) == "one"
    assert current_context(paths[:3]) == ""
