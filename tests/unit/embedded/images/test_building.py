from __future__ import annotations

import os
import stat
import tarfile
from pathlib import Path
from typing import Any

import pytest
from tests.unit.embedded.images.samples import FakeRunner, docker_archive, entry, make_tar

from alcove.embedded.images import LocalImageStore
from alcove.embedded.images.merged import MergedTree
from alcove.embedded.ports import Image
from alcove.errors import AlcoveError


class Project:
    """A directory with a Dockerfile, and a base image."""

    def __init__(self, store: LocalImageStore, directory: Path) -> None:
        self.store = store
        self.directory = directory
        self.lines: list[str] = []
        directory.mkdir()
        passwd = b"root:x:0:0::/root:/bin/sh\nnode:x:7:8::/home/node:/bin/sh\n"
        base = {
            "etc/passwd": passwd,
            "tmp": entry(tarfile.DIRTYPE, mode=0o1777),
            "bin": entry(tarfile.SYMTYPE, "usr/bin"),
            "usr/bin/sh": b"",
        }
        archive = directory.parent / "base.tar"
        config = {"Env": ["PATH=/bin", "A=base"], "Cmd": ["sh"], "WorkingDir": "/srv"}
        archive.write_bytes(docker_archive([make_tar(base)], ["base"], **config))
        store.load_archive(archive)

    def write(self, **files: str) -> None:
        for name, text in files.items():
            path = self.directory / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    async def build(self, dockerfile: str, **more: Any) -> Image:
        (self.directory / "Dockerfile").write_text(dockerfile)
        self.lines.clear()
        return await self.store.build(self.directory, "app", output=self.lines.append, **more)

    async def files(self, dockerfile: str, **more: Any) -> dict[str, str]:
        """Build, and give the files of the layers that were added."""
        image = await self.build(dockerfile, **more)
        found = {}
        for layer in image.layers[1:] if "FROM base" in dockerfile else image.layers:
            for path in sorted(layer.rglob("*")):
                name = str(path.relative_to(layer))
                if path.is_symlink():
                    found[name] = f"-> {path.readlink()}"
                elif path.is_file():
                    found[name] = path.read_text()
        return found


@pytest.fixture
def project(store: LocalImageStore, tmp_path: Path) -> Project:
    return Project(store, tmp_path / "project")


async def test_a_build_tells_its_steps_and_names_its_image(project: Project) -> None:
    project.write(a_txt="1")
    image = await project.build("FROM base\nCOPY a.txt /x/\nCMD ['x']\n")
    assert project.lines == [
        "Step 1/3 : FROM base",
        "Step 2/3 : COPY a.txt /x/",
        "Step 3/3 : CMD ['x']",
        "Successfully tagged app",
    ]
    assert await project.store.resolve("app:latest", "Never") == image
    assert image.config.command == ("/bin/sh", "-c", "['x']")


@pytest.mark.parametrize(
    ("copy", "expected"),
    [
        ("COPY a.txt /x", {"x": "a"}),
        ("COPY a.txt /x/", {"x/a.txt": "a"}),
        ("COPY a.txt .", {"srv/a.txt": "a"}),
        ("COPY a.txt /usr", {"usr/a.txt": "a"}),
        ("COPY a.txt ./n/m.txt", {"srv/n/m.txt": "a"}),
        ("COPY d /x", {"x/b.txt": "b", "x/e/c.txt": "c"}),
        ("COPY d/ /x/", {"x/b.txt": "b", "x/e/c.txt": "c"}),
        ("COPY a.txt d /x/", {"x/a.txt": "a", "x/b.txt": "b", "x/e/c.txt": "c"}),
        ("COPY *.txt d/*.t?t /x/", {"x/a.txt": "a", "x/b.txt": "b"}),
        ('COPY ["a.txt", "/x y"]', {"x y": "a"}),
        ("COPY a.txt /bin/tool", {"usr/bin/tool": "a"}),
        ("COPY ./d/../a.txt /x", {"x": "a"}),
        ("COPY <<A <<'B' /x/\n$A\nA\n$A\nB", {"x/A": "base\n", "x/B": "$A\n"}),
        ("ENV N=a.txt\nCOPY $N /${M:-m}", {"m": "a"}),
        ("COPY link /x", {"x": "a"}),
        ("WORKDIR /w\nWORKDIR v\nCOPY a.txt .", {"w/v/a.txt": "a"}),
        ("COPY out /x", {"x": "a"}),
    ],
)
async def test_copy_puts_files_where_docker_puts_them(
    project: Project, copy: str, expected: dict[str, str]
) -> None:
    project.write(a_txt="a", d__b_txt="b", d__e__c_txt="c")
    (project.directory / "link").symlink_to("a.txt")
    (project.directory / "out").symlink_to("/../a.txt")
    assert await project.files(f"FROM base\n{copy}\n") == expected


@pytest.mark.root
async def test_copied_files_belong_to_root_or_whom_chown_names(project: Project) -> None:
    project.write(a="1")
    os.chown(project.directory / "a", 99, 99)
    image = await project.build(
        "FROM base\nCOPY a /tmp/a\nCOPY --chown=node --chmod=0600 a /b\nCOPY --chown=1:2 a /c"
    )
    tmp, b, c = (layer for layer in image.layers[1:])
    assert (tmp / "tmp/a").stat().st_uid == 0
    assert stat.S_IMODE((tmp / "tmp").stat().st_mode) == 0o1777
    status = (b / "b").stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (7, 8, 0o600)
    assert ((c / "c").stat().st_uid, (c / "c").stat().st_gid) == (1, 2)


async def test_dockerignore_leaves_files_out_and_takes_some_back(project: Project) -> None:
    project.write(a_log="1", d__b_log="2", d__c="3", node_modules__x="4", docs__a="5", docs__README="6")
    (project.directory / ".dockerignore").write_text(
        "*.log\n**/node.modules\ndocs\n!docs/README\n# x\n.*\nDockerfile"
    )
    assert await project.files("FROM scratch\nCOPY . /") == {"d/b.log": "2", "d/c": "3", "docs/README": "6"}
    with pytest.raises(AlcoveError, match=r"a\.log is not there, or \.dockerignore"):
        await project.build("FROM scratch\nCOPY a.log /")


async def test_links_inside_a_directory_are_copied_as_links(project: Project) -> None:
    project.write(d__a="1")
    (project.directory / "d/l").symlink_to("/etc/passwd")
    assert await project.files("FROM scratch\nCOPY d /") == {"a": "1", "l": "-> /etc/passwd"}


async def test_stages_copy_from_each_other_and_from_images(project: Project) -> None:
    project.write(a="1")
    text = (
        "FROM base AS one\nCOPY a /o/a\nFROM base AS unused\nRUN never\n"
        "FROM scratch\nCOPY --from=one /o/* /bin/sh /x/\nCOPY --from=base /etc/passwd /p\nCOPY --from=0 /o /y"
    )
    tree = MergedTree((await project.build(text)).layers)
    assert [list(tree.children(path)) for path in ("/", "/x", "/y")] == [["p", "x", "y"], ["a", "sh"], ["a"]]
    assert "Step 1/6 : FROM base AS one" in project.lines


async def test_target_ends_the_build_at_a_stage(project: Project) -> None:
    text = "FROM base AS a\nLABEL s=a\nFROM a AS b\nLABEL s=b"
    assert (await project.build(text, target="A")).config.labels == {"s": "a"}
    assert (await project.build(text, target="1")).config.labels == {"s": "b"}
    with pytest.raises(AlcoveError, match="Dockerfile has no stage 'c'"):
        await project.build(text, target="c")


async def test_run_gets_the_environment_of_the_stage(project: Project, runner: FakeRunner) -> None:
    await project.build(
        'ARG V=1\nFROM base\nARG V\nARG W=$V-w\nENV E=\'x y\' F=$A\nUSER node\nRUN make it\nRUN ["a", "b"]',
        build_args={"V": "2"},
    )
    root, process = runner.ran[0]
    assert process.argv == ("/bin/sh", "-c", "make it")
    expected = {
        "V": "2",
        "W": "2-w",
        "E": "x y",
        "F": "base",
        "A": "base",
        "PATH": "/bin",
        "HOME": "/home/node",
    }
    assert dict(process.environment) == expected
    assert (process.user, process.group, process.directory) == (7, 8, "/srv")
    assert runner.ran[1][1].argv == ("a", "b")
    assert len(root.layers) == 1


async def test_what_run_writes_becomes_a_layer(project: Project, runner: FakeRunner) -> None:
    runner.effects["make"] = lambda upper: (upper / "made").write_text("it") * 0
    runner.says = [b"one\ntw", b"o \xc3", b"\xa9\r\nlast"]
    assert await project.files("FROM base\nRUN make") == {
        "made": "it",
    }
    assert project.lines[2:5] == ["one", "two é", "last"]


async def test_a_line_without_an_end_comes_in_parts(project: Project, runner: FakeRunner) -> None:
    runner.says = [b"x" * 20_000, b"y\nlast"]
    await project.build("FROM base\nRUN make")
    assert [len(line) for line in project.lines[2:6]] == [8192, 8192, 20_001 - 2 * 8192, 4]


async def test_texts_for_run_are_scripts_or_input(project: Project, runner: FakeRunner) -> None:
    await project.build('FROM base\nSHELL ["bash", "-c"]\nRUN <<EOF\na\nb\nEOF\nRUN cat <<X >/f\nc\nX')
    assert [process.argv for _, process in runner.ran] == [
        ("bash", "-c", "a\nb\n"),
        ("bash", "-c", "cat <<X >/f\nc\nX\n"),
    ]


async def test_a_failing_step_names_itself_and_leaves_no_image(
    project: Project, runner: FakeRunner, tmp_path: Path
) -> None:
    runner.effects["bad"] = lambda upper: 3
    with pytest.raises(AlcoveError) as error:
        await project.build("FROM base\n\nRUN bad\n")
    assert error.value.message == "Dockerfile:3: RUN bad: it ended with exit code 3"
    assert [image.reference for image in project.store.images()] == ["docker.io/library/base:latest"]
    assert not list((tmp_path / "images/tmp").iterdir())


async def test_layers_are_used_again_until_what_they_are_made_of_changes(
    project: Project, runner: FakeRunner
) -> None:
    text = "FROM base\nRUN one\nCOPY a /a\nRUN two"
    project.write(a="1")
    first = await project.build(text)
    again = await project.build(text)
    assert (again, len(runner.ran)) == (first, 2)
    assert project.lines.count(" ---> Using cache") == 3
    project.write(a="2")
    changed = await project.build(text)
    assert changed.layers[1] == first.layers[1] and changed.layers[2:] != first.layers[2:]
    assert [process.argv[-1] for _, process in runner.ran] == ["one", "two", "two"]


async def test_settings_end_up_in_the_configuration(project: Project) -> None:
    image = await project.build(
        'FROM base\nENTRYPOINT ["/e"]\nEXPOSE 80 53/udp\nSTOPSIGNAL SIGINT\nUSER 5:6\nLABEL "a b"="c d" e=f\n'
        "MAINTAINER me\nENV OLD style value\nVOLUME /v\nHEALTHCHECK CMD x\nWORKDIR /w/../z"
    )
    config = image.config
    assert (config.entrypoint, config.command, config.ports) == (("/e",), (), ("80/tcp", "53/udp"))
    assert (config.stop_signal, config.user, config.directory) == ("SIGINT", "5:6", "/z")
    assert config.labels == {"a b": "c d", "e": "f", "maintainer": "me"}
    assert config.environment["OLD"] == "style value"


async def test_add_unpacks_local_archives(project: Project) -> None:
    (project.directory / "x.tar").write_bytes(make_tar({"d/f": b"1"}))
    project.write(plain="2")
    assert await project.files("FROM scratch\nADD x.tar plain /t/") == {"t/d/f": "1", "t/plain": "2"}


async def test_a_stand_in_can_be_built_upon(project: Project, machine: Path) -> None:
    project.write(a="1")
    image = await project.build("FROM node:22\nCOPY a /usr/local/a")
    assert image.machine_trees == ("/usr", "/lib64")
    assert image.layers[0].is_dir() and (image.layers[1] / "usr/local/a").exists()
    tree = MergedTree(image.layers)
    assert tree.locate("/bin")[0] == "/usr/bin"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("FROM base\nCOPY none /x", "2: COPY none /x: none is not there, or .dockerignore leaves it out"),
        ("FROM base\nCOPY ../a /x", "2: COPY ../a /x: ../a lies outside of the build's directory"),
        ("FROM base\nCOPY a", "2: COPY a: it needs a source and a destination"),
        ("FROM base\nCOPY a a /x", "several files need a directory to go to, one that ends with /: /x/"),
        ("FROM base\nCOPY a /etc/passwd/", "/etc/passwd/ is no directory"),
        ("FROM base\nCOPY --chown=who a /x", "the image has no user 'who'"),
        ("FROM base\nCOPY --chmod=u+x a /x", "--chmod needs an octal number such as 755, not 'u+x'"),
        ("FROM base\nCOPY --from=later /a /x\nFROM base AS later", "1 AS"),
        ("FROM base\nADD https://example.com/x /x", "which ADD does not support here"),
        ("FROM base\nRUN --mount=type=secret,id=x y", "only type=cache and type=tmpfs are supported"),
        ("FROM base\nUSER who\nRUN x", "3: RUN x: the image has no user 'who'"),
        ("FROM base\nONBUILD RUN x", "ONBUILD is not supported"),
        ("FROM base\nENV a", "2: ENV a: ENV has the form: ENV name=value ..."),
        ("FROM base\nENV a=${", "a ${ is followed by no name, or not closed by }"),
        ("FROM base\nEXPOSE http", "EXPOSE needs port numbers, not http"),
        ("FROM $X", "1: FROM $X: couldn't parse image name ''"),
        ("FROM Base", "must be lowercase"),
        ("ARG X=${\nFROM base", "1: ARG X=${: a ${"),
    ],
)  # fmt: skip
async def test_errors_say_where_and_what(project: Project, text: str, message: str) -> None:
    project.write(a="1")
    if message == "1 AS":
        text, message = text + "\nCOPY --from=later /a /b", "stage later comes later, or is this one"
    with pytest.raises(AlcoveError) as error:
        await project.build(text)
    assert message in str(error.value)


async def test_build_arguments_that_no_arg_takes_are_told(project: Project) -> None:
    await project.build("FROM base\nARG a", build_args={"a": "1", "b": "2", "HTTP_PROXY": "x"})
    assert "[Warning] no ARG takes these build arguments: b" in project.lines


async def test_a_missing_dockerfile_is_told(project: Project) -> None:
    with pytest.raises(AlcoveError, match="cannot read"):
        await project.store.build(project.directory, "app")


async def test_without_a_runner_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nRUN x")
    with pytest.raises(AlcoveError, match="programs cannot be run here"):
        await LocalImageStore(tmp_path / "i").build(tmp_path, "app")
