from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.unit.images.samples import AARCH64, elf, write

from alcove.errors import AlcoveError
from alcove.images.closure import Closure, find_closure, library_tree, search_directories
from alcove.images.trees import File


def test_libraries_are_followed_to_those_they_need(tmp_path: Path) -> None:
    lib = tmp_path / "lib"
    program = write(tmp_path / "bin/p", elf(needed=("liba.so",), interpreter="/lib/ld.so"))
    write(lib / "liba.so", elf(needed=("libb.so", "ld.so")))
    write(lib / "libb.so", elf(needed=("liba.so",)))
    write(lib / "ld.so", elf())
    found = find_closure([program], [lib])
    assert found.libraries == {"liba.so": lib / "liba.so", "libb.so": lib / "libb.so"}
    assert found.interpreters == {"/lib/ld.so"}


def test_a_program_says_where_its_libraries_are(tmp_path: Path) -> None:
    program = write(tmp_path / "w/p.so", elf(needed=("liba.so",), runpath="$ORIGIN/libs"))
    own = write(tmp_path / "w/libs/liba.so", elf())
    write(tmp_path / "lib/liba.so", elf(needed=("other.so",)))
    assert find_closure([program], [tmp_path / "lib"]).libraries == {"liba.so": own}


def test_the_older_form_holds_for_libraries_of_libraries(tmp_path: Path) -> None:
    program = write(tmp_path / "p", elf(needed=("liba.so",), rpath=str(tmp_path / "own")))
    write(tmp_path / "own/liba.so", elf(needed=("libb.so",)))
    write(tmp_path / "own/libb.so", elf())
    assert set(find_closure([program], []).libraries) == {"liba.so", "libb.so"}


def test_libraries_for_other_processors_do_not_count(tmp_path: Path) -> None:
    program = write(tmp_path / "p", elf(needed=("liba.so",)))
    write(tmp_path / "arm/liba.so", elf(machine=AARCH64))
    right = write(tmp_path / "x86/liba.so", elf())
    found = find_closure([program], [tmp_path / "arm", tmp_path / "x86"])
    assert found.libraries == {"liba.so": right}


def test_a_missing_library_is_told(tmp_path: Path) -> None:
    program = write(tmp_path / "p", elf(needed=("libnone.so",)))
    with pytest.raises(AlcoveError, match=r"p needs the library libnone\.so"):
        find_closure([program], [])


def test_what_is_opened_by_name_may_be_missing(tmp_path: Path) -> None:
    program = write(tmp_path / "p", elf())
    extra = write(tmp_path / "lib/libnss.so", elf())
    found = find_closure([program], [tmp_path / "lib"], optional=["libnss.so", "libother.so"])
    assert found.libraries == {"libnss.so": extra}


def test_two_different_libraries_of_one_name_are_refused(tmp_path: Path) -> None:
    programs = [write(tmp_path / n / "p", elf(needed=("liba.so",), runpath="$ORIGIN")) for n in ("x", "y")]
    write(tmp_path / "x/liba.so", elf())
    write(tmp_path / "y/liba.so", elf(runpath="/z"))
    with pytest.raises(AlcoveError, match=r"two libraries are called liba\.so"):
        find_closure(programs, [])


def test_a_damaged_program_is_told(tmp_path: Path) -> None:
    program = write(tmp_path / "p", elf(needed=("liba.so",))[:150])
    with pytest.raises(AlcoveError, match="is damaged"):
        find_closure([program], [])


def test_the_loaders_configuration_is_read(tmp_path: Path) -> None:
    write(tmp_path / "etc/ld.so.conf", b"include ld.so.conf.d/*.conf\n/opt/x # own\n")
    write(tmp_path / "etc/ld.so.conf.d/a.conf", b"/opt/a\n# /opt/no\n")
    assert search_directories(tmp_path)[:2] == (tmp_path / "opt/a", tmp_path / "opt/x")


def test_libraries_go_where_the_loader_always_looks(tmp_path: Path) -> None:
    loader = write(tmp_path / "lib64/ld.so", elf())
    c_library = write(tmp_path / "usr/lib/libc.so.6", elf())
    elsewhere = write(tmp_path / "strange/liba.so", elf())
    inside = write(tmp_path / "packages/libb.so", elf())
    found = {"liba.so": elsewhere, "libb.so": inside, "libc.so.6": c_library}
    tree = library_tree(Closure(frozenset({str(loader)}), found), [tmp_path / "packages"])
    place = str(tmp_path).lstrip("/")
    assert {path.removeprefix(f"{place}/"): node for path, node in tree.items()} == {
        "lib64/ld.so": File(loader, 0o755),
        "usr/lib/libc.so.6": File(c_library, 0o755),
        "usr/lib/liba.so": File(elsewhere, 0o755),
    }


@pytest.mark.skipif(shutil.which("ldd") is None, reason="there is no ldd to compare with")
def test_this_machines_programs_need_what_the_loader_says() -> None:
    program = Path(shutil.which("openssl") or "/bin/sh")
    said = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
    names = {line.split()[0] for line in said.splitlines() if " => " in line}
    assert set(find_closure([program], search_directories()).libraries) == names
