"""``alcove list-uris``, on a cluster in memory that is spoken to over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from tests.unit.app.gateway.test_uris import make_cluster
from tests.unit.app.observation.objects import namespace
from tests.unit.kube.api_server import ApiServer, serving

from alcove.cli.space import space as space_command
from alcove.cli.uris import list_uris
from alcove.errors import ConflictError
from alcove.kube import resources


@pytest.fixture(autouse=True)
async def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    client = await make_cluster(at={"ip": "127.0.0.1"})
    await client.create(resources.NAMESPACES, namespace("kube-system", space=False))
    async with serving(ApiServer(client)) as url:
        config = {
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "c"}}],
            "clusters": [{"name": "c", "cluster": {"server": str(url)}}],
        }
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        yield


async def run(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, list_uris, arguments)


async def select(name: str) -> None:
    done = await asyncio.to_thread(CliRunner().invoke, space_command, ["select", name])
    assert done.exit_code == 0, done.output


async def test_rows_are_for_people() -> None:
    await select("dev/bob")
    assert (await run()).stdout.splitlines() == ["URI  SPACE  SERVICE  STATUS"]
    done = await run("--all")
    assert done.stdout.splitlines() == [
        "URI                                   SPACE  SERVICE  STATUS",
        "https://bob.s.dev.web.test:31443/     dev    web      Available",
        "https://bob.s.dev.web.test:31443/api  dev    api      Available",
    ]


async def test_json_is_a_list_of_objects() -> None:
    await select("dev/amy")
    assert json.loads((await run("-o", "json")).stdout) == [
        {
            "uri": "https://amy.s.dev.web.test:31443/api",
            "space": "amy",
            "service": "api",
            "status": "Available",
        }
    ]


async def test_without_a_selected_space_it_is_told() -> None:
    done = await run()
    assert isinstance(done.exception, ConflictError) and "no space is selected" in str(done.exception)
