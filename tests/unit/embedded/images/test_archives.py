from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.embedded.images.samples import docker_archive, image_config, make_tar

from alcove.embedded.images import LocalImageStore, archives
from alcove.errors import AlcoveError

LAYERS = [make_tar({"a": b"1"}), make_tar({"b": b"2"})]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "image.tar"


def oci_archive(layers: list[bytes], name: str = "") -> dict[str, bytes]:
    blobs: dict[str, bytes] = {}

    def put(content: bytes, **more: Any) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        return {"digest": f"sha256:{digest}", "size": len(content), **more}

    packed = [put(gzip.compress(layer, mtime=0)) for layer in layers]
    manifest = {"config": put(image_config(layers, Cmd=["x"])), "layers": packed}
    platform = {"architecture": archives.architecture(), "os": "linux"}
    annotations = {"org.opencontainers.image.ref.name": name} if name else {}
    one = put(json.dumps(manifest).encode(), platform=platform)
    other = {"digest": "sha256:none", "platform": {"architecture": "other"}}
    inner = json.dumps({"manifests": [other, one]}).encode()
    media = "application/vnd.oci.image.index.v1+json"
    outer = put(inner, mediaType=media, annotations=annotations)
    return {**blobs, "oci-layout": b"{}", "index.json": json.dumps({"manifests": [outer]}).encode()}


def test_a_docker_archive_is_loaded(store: LocalImageStore, path: Path) -> None:
    config: dict[str, Any] = {
        "Env": ["A=b=c"],
        "Entrypoint": ["/x"],
        "Cmd": None,
        "ExposedPorts": {"80/tcp": {}},
        "User": "7",
    }
    path.write_bytes(docker_archive(LAYERS, ["app:1"], **config))
    image = store.load_archive(path)
    assert image.reference == "docker.io/library/app:1"
    assert [sorted(p.name for p in layer.iterdir()) for layer in image.layers] == [["a"], ["b"]]
    assert image.config.environment == {"A": "b=c"}
    assert (image.config.entrypoint, image.config.command, image.config.user) == (("/x",), (), "7")
    assert list(store.images()) == [image]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_an_oci_layout_is_loaded(store: LocalImageStore, path: Path, pack: Any) -> None:
    path.write_bytes(pack(make_tar(oci_archive(LAYERS, "example.com/app:2"))))
    image = store.load_archive(path)
    assert (image.reference, image.config.command) == ("example.com/app:2", ("x",))
    assert [known.reference.partition("@")[0] for known in store.images()][1:] == ["example.com/app"]


def test_layers_are_shared_between_images(store: LocalImageStore, path: Path) -> None:
    path.write_bytes(docker_archive(LAYERS, ["one"]))
    one = store.load_archive(path)
    path.write_bytes(docker_archive([LAYERS[0]], ["two"]))
    assert store.load_archive(path).layers == one.layers[:1]


def test_a_given_name_replaces_those_of_the_archive(store: LocalImageStore, path: Path) -> None:
    path.write_bytes(docker_archive(LAYERS, ["one"]))
    store.load_archive(path, "mine:3")
    assert [image.reference for image in store.images()] == ["docker.io/library/mine:3"]


def test_an_archive_without_a_name_needs_one(store: LocalImageStore, path: Path) -> None:
    path.write_bytes(docker_archive(LAYERS, []))
    with pytest.raises(AlcoveError, match="what its image is called"):
        store.load_archive(path)


@pytest.mark.parametrize(
    ("members", "what"),
    [
        ({"a": b"1"}, "neither manifest.json nor index.json"),
        ({"manifest.json": b"nonsense"}, "damaged or no image archive"),
        ({"manifest.json": b'[{"Config": "c", "Layers": ["l"]}]'}, "it lacks c"),
        ({"manifest.json": b"[1]"}, "damaged or no image archive"),
        ({"index.json": b'{"manifests": []}'}, "no image for"),
        ({"index.json": b'{"manifests": [{"digest": 1}]}'}, "damaged or no image archive"),
    ],
)
def test_what_is_no_image_is_told(
    store: LocalImageStore, path: Path, members: dict[str, bytes], what: str
) -> None:
    path.write_bytes(make_tar(members))
    with pytest.raises(AlcoveError) as error:
        store.load_archive(path)
    assert what in str(error.value)


def test_a_missing_file_is_told(store: LocalImageStore, path: Path) -> None:
    with pytest.raises(AlcoveError, match="No such file"):
        store.load_archive(path)


def test_a_layer_with_another_digest_leaves_nothing(
    store: LocalImageStore, path: Path, tmp_path: Path
) -> None:
    damaged = make_tar({"a": b"9"})
    manifest = [{"Config": "c", "RepoTags": ["app"], "Layers": ["l"]}]
    members = {"c": image_config([LAYERS[0]]), "l": damaged, "manifest.json": json.dumps(manifest).encode()}
    path.write_bytes(make_tar(members))
    with pytest.raises(AlcoveError, match="is damaged: its digest is"):
        store.load_archive(path)
    assert not list(store.images())
    assert not list((tmp_path / "images").glob("layers/*")) and not list((tmp_path / "images").glob("tmp/*"))


def test_another_architecture_is_refused(store: LocalImageStore, path: Path) -> None:
    config = json.dumps({**json.loads(image_config(LAYERS)), "architecture": "s390x"}).encode()
    manifest = [{"Config": "c", "RepoTags": ["app"], "Layers": ["x", "x"]}]
    path.write_bytes(make_tar({"c": config, "manifest.json": json.dumps(manifest).encode()}))
    with pytest.raises(AlcoveError, match="it is for s390x"):
        store.load_archive(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 12_000), st.binary(min_size=1, max_size=60))
def test_any_damage_is_an_error_that_has_a_name(
    store: LocalImageStore, path: Path, place: int, content: bytes
) -> None:
    good = docker_archive([LAYERS[0]], ["app"])
    path.write_bytes(good[:place] + content + good[place + len(content) :])
    try:
        store.load_archive(path)
    except AlcoveError as error:
        assert error.message
