from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.embedded.images.samples import FakeRunner, docker_archive, make_tar

from alcove.embedded.images import InUse, LocalImageStore, OwnPart, Retention
from alcove.embedded.ports import ImageError
from alcove.errors import AlcoveError

AT_ONCE = Retention(cache_seconds=0)
LAYER = make_tar({"a": b"1"})


def load(store: LocalImageStore, tmp_path: Path, name: str, layer: bytes = LAYER) -> Path:
    path = tmp_path / "image.tar"
    path.write_bytes(docker_archive([layer], [name]))
    return store.load_archive(path).layers[0]


async def test_a_loaded_image_is_found_by_any_form_of_its_name(
    store: LocalImageStore, tmp_path: Path
) -> None:
    load(store, tmp_path, "app:1")
    for name in ("app:1", "docker.io/app:1", "docker.io/library/app:1"):
        image = await store.resolve(name, "Never")
        assert (image.reference, image.stand_in) == ("docker.io/library/app:1", False)


async def test_an_unknown_image_is_stood_in_for_and_told_once(
    store: LocalImageStore, machine: Path, notices: list[str]
) -> None:
    for _ in range(2):
        image = await store.resolve("redis", "IfNotPresent")
    assert (image.stand_in, image.machine_trees) == (True, ("/usr", "/lib64"))
    assert (image.config.entrypoint, image.config.command) == ((), ())
    assert (image.layers[0] / "etc/passwd").exists()
    assert len(notices) == 1 and "redis" in notices[0]


async def test_what_is_never_pulled_must_be_there(store: LocalImageStore) -> None:
    with pytest.raises(ImageError) as error:
        await store.resolve("app", "Never")
    assert error.value.reason == "ErrImageNeverPull"
    assert str(error.value) == 'Container image "app" is not present with pull policy of Never'


async def test_a_name_that_is_none_is_told(store: LocalImageStore) -> None:
    with pytest.raises(ImageError) as error:
        await store.resolve("App:", "Always")
    assert error.value.reason == "InvalidImageName"


OWN = "docker.io/alcove/agent:1"


async def test_own_parts_are_built_in(tmp_path: Path, machine: Path) -> None:
    part = OwnPart(OWN, ("/opt/x/bin/agent",), ("/opt/x", "/usr/lib/y"))
    store = LocalImageStore(tmp_path / "i", builtin=[part], machine_root=machine)
    image = await store.resolve("alcove/agent:1", "Never")
    assert image.machine_trees == ("/lib64", "/opt/x", "/usr")
    assert image.config.entrypoint == ("/opt/x/bin/agent",)
    assert (image.layers[-1] / "opt/x").is_dir()
    assert [known.reference for known in store.images()] == [OWN]


async def test_an_own_part_has_files_of_this_machine_without_copying_them(
    tmp_path: Path, machine: Path
) -> None:
    program = machine / "usr/bin/agent"
    program.write_text("#!")
    part = OwnPart(OWN, files=lambda: {"/opt/x/bin/agent": program})
    store = LocalImageStore(tmp_path / "i", builtin=[part], machine_root=machine)
    first = (await store.resolve("alcove/agent:1", "IfNotPresent")).layers[-1]
    assert (first / "opt/x/bin/agent").samefile(program)
    assert (await store.resolve("alcove/agent:1", "IfNotPresent")).layers[-1] == first
    program.unlink()
    program.write_text("#! new")
    second = (await store.resolve("alcove/agent:1", "IfNotPresent")).layers[-1]
    assert (second / "opt/x/bin/agent").read_text() == "#! new"


async def test_an_own_part_whose_files_are_missing_says_what_to_do(tmp_path: Path, machine: Path) -> None:
    def files() -> dict[str, Path]:
        raise AlcoveError("the agent is missing", hint="make setup")

    store = LocalImageStore(tmp_path / "i", builtin=[OwnPart(OWN, files=files)], machine_root=machine)
    with pytest.raises(ImageError) as error:
        await store.resolve("alcove/agent:1", "IfNotPresent")
    assert error.value.reason == "ErrImagePull"
    assert "the agent is missing (make setup)" in str(error.value)


async def test_another_process_may_load_images(store: LocalImageStore, tmp_path: Path) -> None:
    assert not list(store.images())
    load(LocalImageStore(tmp_path / "images"), tmp_path, "app")
    assert (await store.resolve("app", "Never")).layers[0].is_dir()


def test_a_removed_image_leaves_its_layers_to_the_collection(store: LocalImageStore, tmp_path: Path) -> None:
    layer = load(store, tmp_path, "app")
    assert store.collect_garbage(retention=AT_ONCE) == []
    assert (store.remove("app"), store.remove("app")) == (True, False)
    assert store.collect_garbage() == []
    assert store.collect_garbage(InUse(layers=[layer]), AT_ONCE) == []
    assert store.collect_garbage(retention=AT_ONCE) == [layer.name]
    assert not layer.exists() and not list(store.images())


def test_an_image_with_two_names_stays_while_it_has_one(store: LocalImageStore, tmp_path: Path) -> None:
    load(store, tmp_path, "one")
    load(store, tmp_path, "two")
    store.remove("one")
    assert [image.reference for image in store.images()] == ["docker.io/library/two:latest"]


def test_a_name_moves_to_the_image_that_was_loaded_last(store: LocalImageStore, tmp_path: Path) -> None:
    old = load(store, tmp_path, "app")
    new = load(store, tmp_path, "app", make_tar({"b": b"2"}))
    assert [image.layers[0] for image in store.images()] == [new]
    assert store.collect_garbage(retention=AT_ONCE) == [old.name]


def test_what_a_killed_process_left_is_collected(store: LocalImageStore, tmp_path: Path) -> None:
    leftover = tmp_path / "images/tmp/999999999-x/layer"
    leftover.mkdir(parents=True)
    store.collect_garbage()
    assert not leftover.exists()


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"version": 2}', '{"version":1,"images":[1],"names":{},"used":{}}']
)
async def test_a_damaged_index_is_told(store: LocalImageStore, tmp_path: Path, text: str) -> None:
    load(store, tmp_path, "app")
    (tmp_path / "images/index.json").write_text(text)
    with pytest.raises(AlcoveError, match="index of images is damaged"):
        store.images()
    with pytest.raises(ImageError):
        await store.resolve("app", "Always")


SESSION = "shop/web:s0123456789abcdef00000001"


def test_old_builds_of_sessions_go_with_their_layers(store: LocalImageStore, tmp_path: Path) -> None:
    layers = [load(store, tmp_path, f"{SESSION}-{n}", make_tar({"a": bytes([n])})) for n in (1, 2, 3)]
    used = InUse({f"docker.io/{SESSION}-1"})
    assert store.collect_garbage(used, AT_ONCE) == [layers[1].name]
    assert [layer.is_dir() for layer in layers] == [True, False, True]
    assert sorted(image.reference[-2:] for image in store.images()) == ["-1", "-3"]


def test_spare_layers_are_bounded_by_what_they_take(store: LocalImageStore, tmp_path: Path) -> None:
    layer = load(store, tmp_path, "app", make_tar({"a": bytes(100_000)}))
    store.remove("app")
    assert store.collect_garbage(retention=Retention(cache_bytes=200_000)) == []
    assert store.collect_garbage(retention=Retention(cache_bytes=50_000)) == [layer.name]


async def test_what_this_machine_is_made_of_stays(store: LocalImageStore) -> None:
    image = await store.resolve("redis", "IfNotPresent")
    assert store.collect_garbage(retention=AT_ONCE) == []
    assert image.layers[0].is_dir()


async def test_nothing_is_collected_while_an_image_is_made(
    store: LocalImageStore, runner: FakeRunner, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nWORKDIR /w\nRUN collect\n")
    gone: list[list[str]] = []

    def collect(_: Path) -> int:
        gone.append(store.collect_garbage(retention=AT_ONCE))
        return 0

    runner.effects["collect"] = collect
    await store.build(tmp_path, "app")
    assert gone == [[]]
    assert all(layer.is_dir() for layer in store.images()[0].layers)
