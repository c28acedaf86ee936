from __future__ import annotations

import io
import tarfile
from pathlib import Path

import msgspec
import pytest
from tests.unit.app.hub.pods import ID
from tests.unit.app.hub.trees import CHART, SOURCES, keep
from tests.unit.app.hub.worlds import Space
from tests.unit.charts.test_records import secret
from tests.unit.sessions.samples import make_settings

from alcove.app.hub.kit import Kit
from alcove.charts.drivers.ports import Plan, Templates
from alcove.charts.errors import ChartError
from alcove.config.azds import ConfigError
from alcove.errors import ConflictError
from alcove.kube import resources
from alcove.sessions.calls import Port
from alcove.sessions.settings import InstallSettings, UpSettings

TAG = f"{ID}-1"
SETTINGS = make_settings()


@pytest.fixture
def space(tmp_path: Path) -> Space:
    space = Space(tmp_path)
    record(space)
    return space


@pytest.fixture
async def kit(space: Space) -> Kit:
    return await space.begin()


PLANS: dict[int, list[tuple[str, Plan]]] = {}


def record(space: Space) -> None:
    """Note what Helm is asked to render."""
    plain = space.driver.render

    async def render(chart: Path, plan: Plan) -> Templates:
        PLANS.setdefault(id(space), []).append((chart.name, plan))
        return await plain(chart, plan)

    space.driver.render = render  # type: ignore[method-assign]


def plan_of(space: Space) -> Plan:
    return PLANS[id(space)][-1][1]


def installing(*values: str, **changes: object) -> UpSettings:
    install = InstallSettings("charts/web", values, {"image": {"tag": "$(tag)"}})
    return make_settings(install=msgspec.structs.replace(install, **changes))


async def deploy(kit: Kit, settings: UpSettings, files: dict[str, bytes], tag: str = TAG) -> list[str]:
    """Deploy; give what was said."""
    said: list[str] = []
    deployed = await kit.deployer.deploy(settings, keep(kit.book.store, files), tag, said.append)
    assert deployed.release.startswith("azds-")
    return said


async def test_what_a_chart_puts_into_the_space(kit: Kit, space: Space) -> None:
    settings = installing(set={"image": {"tag": "$(tag)"}, "host": "$(rootSpacePrefix)web$(hostSuffix)"})
    deployed = await kit.deployer.deploy(settings, keep(kit.book.store, SOURCES), TAG, print)
    assert deployed.ports == (Port("web", "http", 80, 8080),)
    assert deployed.hosts == ("http://dev.web.apps.example/",)
    assert deployed.workloads == ("web",) and not deployed.notices
    assert space.driver.installed == [TAG]
    assert plan_of(space).labels == {"alcove.dev/project": "0123456789ab"}


async def test_later_values_win_and_set_wins_over_all(kit: Kit, space: Space) -> None:
    files = {
        **SOURCES,
        "one.yaml": b"a: 1\nb: {x: 1, y: 1}\nimage: {tag: none, name: web}\n",
        "two.yaml": b"b: {y: 2}\nhere: $(spacePrefix)x$(hostSuffix)\npod: $(POD_IP)\n",
        "empty.yaml": b"# nothing\n",
    }
    await deploy(kit, installing("one.yaml", "two.yaml", "empty.yaml"), files)
    assert plan_of(space).values == {
        "a": 1,
        "b": {"x": 1, "y": 2},
        "image": {"tag": TAG, "name": "web"},
        "here": "x.apps.example",
        "pod": "$(POD_IP)",
    }


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a: [", "is no YAML"),
        (b"- a\n- b\n", "is not a mapping"),
        (b"a: \t b: c: d\n", "is no YAML"),
        (b"x" * (5 << 20), "bytes"),
        (None, "is not among the synchronized files"),
    ],
)
async def test_a_values_file_that_cannot_be_used(tmp_path: Path, content: bytes | None, told: str) -> None:
    space = Space(tmp_path, limit=16 << 20)
    kit = await space.begin()
    files = SOURCES if content is None else {**SOURCES, "values.yaml": content}
    with pytest.raises(ChartError, match=told):
        await deploy(kit, installing("values.yaml"), files)
    assert not space.driver.installed


async def test_an_unknown_token_is_told(kit: Kit) -> None:
    with pytest.raises(ConfigError, match="unknown token"):
        await deploy(kit, installing(set={"image": {"tag": "$(teg)"}}), SOURCES)


async def test_a_chart_that_does_not_use_the_tag_is_told_before_anything_is_changed(
    kit: Kit, space: Space
) -> None:
    with pytest.raises(ChartError, match="no pod of the chart"):
        await deploy(kit, installing(set={"image": {"tag": "latest"}}), SOURCES)
    assert not space.driver.installed


@pytest.mark.parametrize("files", [{}, {"charts/web/values.yaml": b""}, {"charts/web/Chart.yaml": b"- x"}])
async def test_what_is_no_chart_is_told(kit: Kit, files: dict[str, bytes]) -> None:
    with pytest.raises(ChartError):
        await deploy(kit, SETTINGS, {"app.py": b"", **files})


def packed(version: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, content in CHART.items():
            text = content.replace(b"0.1.0", version.encode())
            member = tarfile.TarInfo(path.removeprefix("charts/"))
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    return buffer.getvalue()


async def test_a_packed_chart_keeps_its_release_from_version_to_version(kit: Kit, space: Space) -> None:
    releases = set()
    for build, version in enumerate(("1.0.0", "2.0.0"), 1):
        path = f"web-{version}.tgz"
        settings = installing(chart=path)
        await deploy(kit, settings, {"app.py": b"", path: packed(version)}, f"{ID}-{build}")
        releases.add(plan_of(space).name)
        assert PLANS[id(space)][-1][0] == path
    assert len(releases) == 1


async def test_what_is_anothers_is_refused_before_anything_is_changed(kit: Kit, space: Space) -> None:
    service = {"metadata": {"name": "web", "namespace": "dev"}, "spec": {}}
    await space.client.create(resources.SERVICES, service)
    with pytest.raises(ConflictError, match="service 'web'"):
        await deploy(kit, SETTINGS, SOURCES)
    assert not space.driver.installed


async def test_what_was_converted_is_told(kit: Kit, space: Space) -> None:
    plain = space.driver.render

    async def old(chart: Path, plan: Plan) -> Templates:
        found = await plain(chart, plan)
        return Templates(
            {name: text.replace("apps/v1", "apps/v1beta2") for name, text in found.files.items()}
        )

    space.driver.render = old  # type: ignore[method-assign]
    (said,) = await deploy(kit, SETTINGS, SOURCES)
    assert said.startswith("converted Deployment web: apps/v1beta2 -> apps/v1")


async def test_all_that_is_of_a_project_is_removed_finished_or_not(kit: Kit, space: Space) -> None:
    await deploy(kit, SETTINGS, SOURCES)
    interrupted = secret("azds-interrupted", 1, "pending-install")
    interrupted["metadata"]["labels"] |= {"alcove.dev/project": SETTINGS.project.id}
    for item in (interrupted, secret("of-another", 1)):
        await space.client.create(resources.SECRETS, item)
    removed = await kit.deployer.remove(SETTINGS.project.id)
    assert sorted(removed) == sorted([plan_of(space).name, "azds-interrupted"])
    left = await space.client.list(resources.SECRETS)
    assert [item["metadata"]["labels"]["name"] for item in left.items] == ["of-another"]
    assert await kit.deployer.remove(SETTINGS.project.id) == ()
