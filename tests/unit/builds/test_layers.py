from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from alcove.builds.layers import Descriptor, KnownLayers, read_archive

GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"


def archive_of(path: Path, **documents: Any) -> Path:
    """Write an archive; names have ``__`` for ``/``."""
    with tarfile.open(path, "w") as tar:
        for name, document in documents.items():
            content = json.dumps(document).encode()
            entry = tarfile.TarInfo(name.replace("__", "/").replace("index", "index.json"))
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def test_layers_of_an_archive_are_known_by_what_is_in_them(tmp_path: Path) -> None:
    layers = [
        {"digest": "sha256:aa", "size": 5, "mediaType": GZIP},
        {"digest": "sha256:bb", "size": 6, "mediaType": GZIP, "annotations": {}},
    ]
    archive = archive_of(
        tmp_path / "a.tar",
        index={"manifests": [{"digest": "sha256:list"}]},
        blobs__sha256__list={"manifests": [{"digest": "sha256:m"}, {"digest": "sha256:other"}]},
        blobs__sha256__m={"config": {"digest": "sha256:c"}, "layers": layers},
        blobs__sha256__c={"rootfs": {"diff_ids": ["sha256:1", "sha256:2"]}},
    )
    assert read_archive(archive) == {
        "sha256:1": Descriptor("sha256:aa", 5, GZIP),
        "sha256:2": Descriptor("sha256:bb", 6, GZIP),
    }


@pytest.mark.parametrize("content", [b"", b"no archive", b"x" * 2000])
def test_other_files_are_no_archives(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(ValueError, match="no archive"):
        read_archive(tmp_path / "a.tar")


def test_what_is_learned_is_remembered_and_newer_knowledge_counts(tmp_path: Path) -> None:
    file = tmp_path / "layers.json"
    first, second = Descriptor("sha256:aa", 5, GZIP), Descriptor("sha256:bb", 6, GZIP)
    KnownLayers(file).learn({"sha256:1": first, "sha256:2": first})
    KnownLayers(file).learn({"sha256:1": second})
    assert KnownLayers(file).read() == {"sha256:1": second, "sha256:2": first}


def test_a_damaged_memory_is_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "layers.json").write_text("{")
    assert KnownLayers(tmp_path / "layers.json").read() == {}
