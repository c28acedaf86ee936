from __future__ import annotations

from email.message import Message
from importlib import metadata
from pathlib import Path

import pytest

import alcove
from alcove.errors import AlcoveError
from alcove.images import pythons
from alcove.images.trees import File


def test_dependencies_are_those_of_dependencies_too_but_not_of_extras() -> None:
    found = pythons.required_distributions("alcove")
    assert {"aiohttp", "yarl", "grpcio", "msgspec", "xds-protos"} <= set(found)
    assert not {"alcove", "pytest", "mypy", "ziglang"} & set(found)


def test_what_is_not_installed_is_told() -> None:
    with pytest.raises(AlcoveError, match="no-such-package is not installed"):
        pythons.required_distributions("no-such-package")


class Installed(metadata.Distribution):
    """A distribution of the files in a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read_text(self, filename: str) -> str | None:
        path = self._directory / "x-1.dist-info" / filename
        return path.read_text() if path.exists() else None

    def locate_file(self, path: object) -> Path:
        return self._directory / str(path)

    @property
    def metadata(self) -> Message:  # type: ignore[override]
        message = Message()
        message["Name"] = "x"
        return message


def test_a_distributions_files_are_its_modules_and_what_describes_it(tmp_path: Path) -> None:
    names = ["x/__init__.py", "x/_x.so", "x/x.pyi", "x/__pycache__/a.pyc", "../bin/x", "envoy/_bin/envoy"]
    names += ["x-1.dist-info/METADATA", "x-1.dist-info/RECORD", "x/gone.py"]
    for name in names[:-1]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "x-1.dist-info/RECORD").write_text("".join(f"{name},,\n" for name in names))
    tree = pythons.distribution_tree([Installed(tmp_path)])
    kept = ("x/__init__.py", "x/_x.so", "x-1.dist-info/METADATA")
    assert set(tree) == {f"opt/alcove/python/{name}" for name in kept}


def test_an_installation_without_a_list_of_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AlcoveError, match="which files belong to the Python package x"):
        pythons.distribution_tree([Installed(tmp_path)])


def test_the_interpreter_comes_without_what_only_developers_use() -> None:
    tree = pythons.interpreter_tree()
    assert {pythons.INTERPRETER, f"{pythons.LIBRARY}/os.py", "usr/local/bin/python3"} <= set(tree)
    assert not any("/test/" in path or "_tkinter" in path or "__pycache__" in path for path in tree)


def test_alcove_comes_with_its_command_and_without_programs() -> None:
    tree = pythons.own_tree()
    assert f"{pythons.PACKAGES}/alcove/__main__.py" in tree
    assert not any("/bin/alcove-agent" in path for path in tree)
    command = tree["usr/local/bin/alcove"]
    assert isinstance(command, File) and command.mode == 0o755
    described = tree[f"{pythons.PACKAGES}/alcove-{alcove.__version__}.dist-info/METADATA"]
    assert isinstance(described, File) and b"Name: alcove" in bytes(described.content)
