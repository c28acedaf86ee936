from __future__ import annotations

import py_compile
import subprocess
import sys
from pathlib import Path

from alcove.images.bytecode import compiled
from alcove.images.trees import File, Link, Node


def test_bytecode_is_used_in_place_of_its_source(tmp_path: Path) -> None:
    made = compiled({"m.py": File(b"print('compiled')")})
    for path, node in made.items():
        assert isinstance(node, File) and isinstance(node.content, bytes)
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(node.content)
    (tmp_path / "m.py").write_text("print('source')")
    command = [sys.executable, "-c", "import m"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "compiled\n"


def test_it_is_the_same_each_time_and_names_the_place_in_the_image(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("NAMES = {'a', 'b'}\ndef f(x): return x in {'p', 'q', 'r'}\n")
    tree = {f"opt/{number}/m.py": File(tmp_path / "m.py") for number in range(60)}
    many, one = compiled(tree), compiled({"opt/7/m.py": tree["opt/7/m.py"]})
    assert len(many) == 60
    assert one.items() <= many.items()
    assert all(b"/opt/7/m.py" in node.content for node in one.values() if isinstance(node, File))  # type: ignore[operator]


def test_what_was_compiled_here_gives_the_same_bytes(tmp_path: Path) -> None:
    source = tmp_path / "m.py"
    source.write_text("NAMES = {'a', 'b'}\ndef f(x):\n    def g(): return x in {'p', 'q'}\n    return g\n")
    tree = {"opt/m.py": File(source)}
    fresh = compiled(tree)
    cached = Path(py_compile.compile(str(source), doraise=True) or "")
    assert compiled(tree) == fresh
    for damaged in (cached.read_bytes()[:40], b"", cached.read_bytes()[:16] + b"N"):
        cached.write_bytes(damaged)
        assert compiled(tree) == fresh


def test_what_was_compiled_before_a_change_is_not_used(tmp_path: Path) -> None:
    source = tmp_path / "m.py"
    source.write_text("x = 1")
    py_compile.compile(str(source), doraise=True)
    source.write_text("x = 22")
    assert compiled({"m.py": File(source)}) == compiled({"m.py": File(b"x = 22")})


def test_only_valid_python_is_compiled() -> None:
    tree: dict[str, Node] = {
        "bad.py": File(b"x = ="),
        "null.py": File(b"\0"),
        "t.txt": File(b"1"),
        "l.py": Link("x.py"),
    }
    assert compiled(tree) == {}
