from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.builds.fakes import FakePrograms, fails, says

from alcove.builds.containerd import Containerd, ContainerdError
from alcove.errors import UnavailableError

TABLE = """REF TYPE DIGEST SIZE PLATFORMS LABELS
docker.io/library/web:1 application/vnd.oci.image.index.v1+json sha256:index 2.0 MiB linux/amd64 -
"""


@pytest.fixture
def programs() -> FakePrograms:
    return FakePrograms()


@pytest.fixture
def containerd(programs: FakePrograms) -> Containerd:
    return Containerd(Path("/run/socket"), programs)


async def test_names_are_looked_up_whole_where_kubelets_have_their_images(
    programs: FakePrograms, containerd: Containerd
) -> None:
    programs.on("images", "ls", answer=says(TABLE))
    assert await containerd.target("web:1") == "sha256:index"
    assert await containerd.target("web:2") is None
    assert programs.calls[0] == (
        *("ctr", "-a", "/run/socket", "-n", "k8s.io", "images", "ls", 'name=="docker.io/library/web:1"'),
    )


async def test_a_configuration_is_that_of_the_architecture(
    programs: FakePrograms, containerd: Containerd
) -> None:
    documents = {
        "sha256:index": {
            "manifests": [
                {"digest": "sha256:arm", "platform": {"architecture": "arm64"}},
                {"digest": "sha256:amd", "platform": {"architecture": "amd64"}},
            ]
        },
        "sha256:amd": {"config": {"digest": "sha256:c"}, "layers": []},
        "sha256:c": {"config": {"Cmd": ["run"]}},
    }
    programs.on("images", "ls", answer=says(TABLE))
    for digest, document in documents.items():
        programs.on("content", "get", digest, answer=says(json.dumps(document)))
    assert await containerd.configuration("web:1", architecture="amd64") == {"Cmd": ["run"]}
    assert await containerd.configuration("web:1", architecture="riscv64") is None


@pytest.mark.parametrize(
    ("said", "kind", "told"),
    [
        ("ctr: connection error: connection refused", UnavailableError, "does not answer"),
        ("ctr: failed to dial: no such file or directory", UnavailableError, "does not answer"),
        ("ctr: write: no space left on device", ContainerdError, "disk is full"),
        ("ctr: something else", ContainerdError, "refuses 'content ls'"),
    ],
)
async def test_refusals_are_told_by_their_reason(
    programs: FakePrograms, containerd: Containerd, said: str, kind: type[Exception], told: str
) -> None:
    programs.on("content", "ls", answer=fails(said))
    with pytest.raises(kind, match=told):
        await containerd.digests()


async def test_an_image_that_is_not_whole_is_not_exported(
    programs: FakePrograms, containerd: Containerd, tmp_path: Path
) -> None:
    programs.on("images", "export", answer=fails("ctr: content not found"))
    assert not await containerd.export("web:1", tmp_path / "a.tar", platform="linux/amd64")
