"""``alcove routes``, on a cluster in memory that is spoken to over HTTP."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from tests.unit.app.observation.objects import FAMILY, namespace
from tests.unit.kube.api_server import ApiServer, serving

from alcove.app.observation.fetching import SERVICE_CIDRS
from alcove.cli import main
from alcove.kube import resources
from alcove.kube.fake import FakeKubeClient

UNTIL = "until it is made anew with one, its requests carry no key and go where they are addressed"


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture
async def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeKubeClient]:
    """Give what is behind the kubeconfig."""
    client = FakeKubeClient()
    client.kinds.append(SERVICE_CIDRS)
    listed = (
        (resources.NAMESPACES, [namespace("kube-system", space=False), *FAMILY.namespaces]),
        (resources.SERVICES, FAMILY.services),
        (resources.ENDPOINT_SLICES, FAMILY.endpoint_slices),
        (resources.INGRESSES, FAMILY.ingresses),
        (resources.PODS, [{"metadata": {"namespace": "amy", "name": "web-1"}}]),
    )
    for resource, items in listed:
        for item in items:
            assert isinstance(item, dict)
            await client.create(resource, item)
    async with serving(ApiServer(client)) as url:
        config = {
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "c", "namespace": "amy"}}],
            "clusters": [{"name": "c", "cluster": {"server": str(url)}}],
        }
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        yield client


class Terminal:
    """Runs ``alcove routes`` as a user does."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    async def __call__(self, line: str) -> Outcome:
        code = await asyncio.to_thread(main.run, shlex.split(line))
        told = self._capsys.readouterr()
        return Outcome(code, told.out, told.err)


@pytest.fixture
def alcove(client: FakeKubeClient, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(capsys)


async def test_a_decision_is_told_in_lines(alcove: Terminal) -> None:
    done = await alcove("routes explain --from amy/web-1 http://api.dev")
    assert done.code == 0 and not done.err
    assert done.out.splitlines() == [
        "addressed   api of dev",
        "key         amy (caller's space)",
        "chain       amy -> dev",
        "answers     api of amy",
        "port        8000 (http)",
        "reached at  10.1.0.12:8001",
        "because     amy has a version of api of its own, which takes the place of that of dev",
        f"note        the pod web-1 has no proxy: {UNTIL}",
    ]


@pytest.mark.parametrize("header", ["azds-route-as: amy", "azds-route-as=amy", "baggage: azds-route-as=amy"])
@pytest.mark.parametrize("form", ["json", "yaml"])
async def test_a_document_is_all_that_stdout_gets(alcove: Terminal, header: str, form: str) -> None:
    done = await alcove(f"routes explain http://web.dev --header '{header}' -o {form}")
    document = json.loads(done.out) if form == "json" else yaml.safe_load(done.out)
    assert document == {
        "service": "web",
        "addressed": "dev",
        "key": "amy",
        "carrier": header.partition(":")[0].partition("=")[0],
        "chain": ["amy", "dev"],
        "answer": "dev",
        "port": 80,
        "target": 8080,
        "sockets": ["10.96.0.1:80"],
        "protocol": "http",
        "reason": "INHERITED",
        "why": "neither amy nor a space between it and dev has a version of web of its own",
        "notes": [],
    }


async def test_a_pod_without_a_space_is_of_the_selected_one_else_of_the_contexts(alcove: Terminal) -> None:
    assert "amy (caller's space)" in (await alcove("routes explain --from web-1 web")).out
    await alcove("space select dev")
    refused = await alcove("routes explain --from web-1 web")
    assert refused.code == 4 and "no pod 'web-1' in dev" in refused.err


async def test_nobody_who_answers_is_an_answer(alcove: Terminal) -> None:
    done = await alcove("routes explain http://api.dev:7070 --header azds-route-as:amy")
    assert done.code == 0 and "answers     nobody" in done.out and "has no port 7070" in done.out


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("http://nosuch.dev", 4, "nothing in the cluster is called 'nosuch.dev'"),
        ("http://web.dev --from plain/web-1", 4, "'plain' is no space"),
        ("http://web.dev --from amy/web", 4, "did you mean amy/web-1?"),
        ("http://web.dev --from amy/", 2, "names no pod"),
        ("http://web.dev --header nonsense", 2, "is no header"),
        ("http://web.dev:x", 2, "is no URL"),
    ],
)
async def test_errors_say_what_to_do(alcove: Terminal, line: str, code: int, told: str) -> None:
    done = await alcove(f"routes explain {line}")
    assert done.code == code and not done.out
    assert told in done.err and "hint: " in done.err


async def test_what_is_not_understood_of_the_spaces_concerned_is_a_warning(
    client: FakeKubeClient, alcove: Terminal
) -> None:
    await client.create(resources.NAMESPACES, namespace("cat", "dev", aliases="nonsense"))
    done = await alcove("routes explain http://web.dev --header azds-route-as:cat")
    assert done.code == 0 and "warning: Namespace cat: alcove.dev/aliases is no JSON object" in done.err
