"""Which images are written, and what is said where one cannot be made."""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from alcove.app.images import exporting
from alcove.errors import AlcoveError, UnavailableError
from alcove.images import recipes
from alcove.images.layout import Layer, Recipe
from alcove.images.trees import File


@dataclass
class Told:
    said: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)

    @property
    def telling(self) -> exporting.Telling:
        return exporting.Telling(self.said.append, self.warned.append)


def small(name: str) -> Recipe:
    return Recipe(recipes.image_name("team", name), "amd64", [Layer(name, {"file": File(name.encode())})])


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small images, as collecting the real ones takes seconds."""
    monkeypatch.setattr(recipes, "proxy_recipe", lambda _: small("proxy"))
    monkeypatch.setattr(recipes, "control_plane_recipe", lambda _: small("alcove"))
    monkeypatch.setattr(
        recipes,
        "builder_recipe",
        lambda _, base: Recipe(
            recipes.image_name("team", "builder"), "amd64", [*base.layers, *small("builder").layers]
        ),
    )


def test_one_archive_has_all_images_and_shared_layers_once(tmp_path: Path) -> None:
    told = Told()
    written = exporting.export_images(tmp_path / "images.tar", "team", told.telling)
    assert [name.partition(":")[0] for name in written.images] == [
        "team/proxy",
        "team/alcove",
        "team/builder",
    ]
    with tarfile.open(tmp_path / "images.tar") as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        images = {one["RepoTags"][0].partition(":")[0]: one["Layers"] for one in json.load(manifest)}
    assert images["team/builder"][0] == images["team/alcove"][0]
    assert told.said and not told.warned


def test_each_image_has_an_archive_of_its_own(tmp_path: Path) -> None:
    exporting.build_images(tmp_path / "images", "team", Told().telling)
    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == [
        "alcove.tar",
        "builder.tar",
        "proxy.tar",
    ]


def test_where_buildah_is_missing_the_others_are_written_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_prefix: str, _base: Recipe) -> Recipe:
        raise UnavailableError("buildah is missing", hint="install the package buildah")

    monkeypatch.setattr(recipes, "builder_recipe", missing)
    told = Told()
    written = exporting.export_images(tmp_path / "images.tar", "team", told.telling)
    assert len(written.images) == 2
    (warning,) = told.warned
    assert "team/builder" in warning and "install the package buildah" in warning


def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(AlcoveError, match="no directory"):
        exporting.export_images(tmp_path / "absent/images.tar", "team", Told().telling)
