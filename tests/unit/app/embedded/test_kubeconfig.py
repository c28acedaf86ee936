"""Our entries in the user's kubeconfig file."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from alcove import errors
from alcove.app.embedded import kubeconfig

FOREIGN = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "work",
    "clusters": [{"name": "work", "cluster": {"server": "https://office.example"}}],
    "users": [{"name": "me", "user": {"token": "t"}}],
    "contexts": [{"name": "work", "context": {"cluster": "work", "user": "me"}}],
}


def access(directory: Path, server: str = "https://127.0.0.1:6443") -> kubeconfig.Access:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "cluster.db").touch()
    return kubeconfig.Access(server, b"ca", b"cert", b"key", directory)


def load(path: Path) -> dict[str, object]:
    document = yaml.safe_load(path.read_text())
    assert isinstance(document, dict)
    return document


def test_a_missing_file_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "kube" / "config"
    assert kubeconfig.write_context(path, access(tmp_path / "c")) == "alcove"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load(path)["current-context"] == "alcove"


def test_other_entries_stay_and_come_back_to_use_after_removal(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(FOREIGN))
    kubeconfig.write_context(path, access(tmp_path / "c"))
    assert [entry["name"] for entry in load(path)["clusters"]] == ["work", "alcove"]  # type: ignore[attr-defined]
    kubeconfig.remove_context(path, tmp_path / "c")
    assert load(path) == FOREIGN


def test_a_file_made_for_our_entries_goes_with_them(tmp_path: Path) -> None:
    path = tmp_path / "config"
    kubeconfig.write_context(path, access(tmp_path / "c"))
    kubeconfig.remove_context(path, tmp_path / "c")
    assert not path.exists()


def test_writing_again_replaces_our_own_entry(tmp_path: Path) -> None:
    path = tmp_path / "config"
    for port in (1, 2):
        kubeconfig.write_context(path, access(tmp_path / "c", f"https://127.0.0.1:{port}"))
    clusters = load(path)["clusters"]
    assert [entry["cluster"]["server"] for entry in clusters] == ["https://127.0.0.1:2"]  # type: ignore[attr-defined]


def test_a_second_cluster_gets_a_name_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "config"
    assert kubeconfig.write_context(path, access(tmp_path / "first")) == "alcove"
    assert kubeconfig.write_context(path, access(tmp_path / "second")) == "alcove-second"
    assert kubeconfig.write_context(path, access(tmp_path / "other" / "second")).startswith("alcove-")
    assert len(load(path)["clusters"]) == 3  # type: ignore[arg-type]


def test_a_foreign_entry_named_alcove_is_never_taken(tmp_path: Path) -> None:
    path = tmp_path / "config"
    theirs = {"name": "alcove", "cluster": {"server": "https://theirs.example"}}
    path.write_text(yaml.safe_dump({**FOREIGN, "clusters": [theirs]}))
    assert kubeconfig.write_context(path, access(tmp_path / "c")) == "alcove-c"
    assert theirs in load(path)["clusters"]  # type: ignore[operator]


@pytest.mark.parametrize("text", ["[1, 2]", "clusters: 3", "clusters: [1]", "a: [", "\x00", "just words"])
def test_a_file_that_is_no_kubeconfig_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(errors.ConflictError) as caught:
        kubeconfig.write_context(path, access(tmp_path / "c"))
    assert caught.value.hint and path.read_text() == text


@given(st.binary(max_size=200))
def test_random_bytes_never_raise_anything_but_our_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    directory = tmp_path_factory.mktemp("fuzz")
    path = directory / "config"
    path.write_bytes(content)
    try:
        kubeconfig.write_context(path, access(directory / "c"))
    except errors.AlcoveError:
        assert path.read_bytes() == content


def test_a_locked_file_says_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "config"
    (tmp_path / "config.lock").touch()
    with pytest.raises(errors.ConflictError, match="cannot change"):
        kubeconfig.write_context(path, access(tmp_path / "c"))


def test_a_linked_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text(yaml.safe_dump(FOREIGN))
    (tmp_path / "config").symlink_to("real")
    kubeconfig.write_context(tmp_path / "config", access(tmp_path / "c"))
    assert (tmp_path / "config").is_symlink() and "alcove" in (tmp_path / "real").read_text()


@pytest.mark.parametrize(
    ("named", "there", "expected"),
    [
        ("", [], "home/.kube/config"),
        ("a", [], "a"),
        ("a:b", [], "b"),
        ("a:b", ["a"], "a"),
        ("a:b", ["a", "b"], "b"),
    ],
)
def test_the_file_is_the_one_kubectl_would_write(
    tmp_path: Path, named: str, there: list[str], expected: str
) -> None:
    for name in there:
        (tmp_path / name).touch()
    paths = os.pathsep.join(str(tmp_path / name) for name in named.split(":") if name)
    assert kubeconfig.kubeconfig_path({"KUBECONFIG": paths}, tmp_path / "home") == tmp_path / expected


def test_a_context_of_a_cluster_that_is_gone_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "config"
    kubeconfig.write_context(path, access(tmp_path / "gone"))
    (tmp_path / "gone" / "cluster.db").unlink()
    assert kubeconfig.write_context(path, access(tmp_path / "new")) == "alcove"
