"""The commands that install Alcove and look at it, on a cluster that is spoken to over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml
from tests.unit.app.install.worlds import InstallClient, controllers, create_all, node, pod, ready
from tests.unit.app.spaces.worlds import namespace, put
from tests.unit.cli.test_space import Terminal
from tests.unit.kube.api_server import ApiServer, serving

from alcove import __version__
from alcove.kube import resources
from alcove.kube.errors import NotFoundError

READY = f"Alcove {__version__} will be installed"


@pytest.fixture
async def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[InstallClient]:
    """Give what is behind the kubeconfig: a cluster in which Deployments run at once."""
    client = InstallClient()
    await put(client, namespace("kube-system", space=False), namespace("shop", space=False))
    await create_all(client, resources.NODES, [node("a")])
    async with serving(ApiServer(client)) as url, controllers(client, address={"ip": "127.0.0.1"}):
        config = {
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "c"}}],
            "clusters": [{"name": "c", "cluster": {"server": str(url)}}],
        }
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        yield client


@pytest.fixture
def alcove(
    client: InstallClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    return Terminal(monkeypatch, capsys)


async def test_a_newcomer_is_asked_twice_and_has_a_space(alcove: Terminal) -> None:
    done = await alcove("enable", "y\n2\ny\n")
    assert done.code == 0 and not done.out, done.err
    assert READY in done.err and "Control plane and gateway are ready" in done.err
    assert " [1] default\n [2] shop\n" in done.err and "Type a number or a new name" in done.err
    assert "namespace 'shop' will be configured as the space 'shop'" in done.err
    assert "Host suffix: .alcove.localhost" in done.err
    assert done.err.splitlines()[-1].startswith("The cluster 'here'")
    assert done.err.rstrip().endswith("is ready for development in the space 'shop'.")
    context = json.loads((await alcove("show-context -o json")).out)
    assert context["space"] == "shop" and context["hostSuffix"] == ".alcove.localhost"


async def test_no_is_no(client: InstallClient, alcove: Terminal) -> None:
    assert (await alcove("enable", "\n")).code == 130
    with pytest.raises(NotFoundError):
        await client.get(resources.NAMESPACES, "azds")
    unanswered = await alcove("enable")
    assert unanswered.code == 2 and "-y" in unanswered.err


async def test_yes_asks_nothing_and_keeps_what_is_selected(alcove: Terminal) -> None:
    first = await alcove("enable -y")
    assert first.code == 0 and "[1]" not in first.err and "Space 'default' is selected" in first.err
    await alcove("space create team -y")
    await alcove("space select team")
    again = await alcove("enable -y --timeout 0")
    assert again.code == 0 and "in the space 'team'" in again.err and "Continue?" not in again.err


async def test_the_first_space_may_be_named(alcove: Terminal) -> None:
    done = await alcove("enable -y --space new --endpoint None")
    assert done.code == 0 and "in the space 'new'" in done.err and "Host suffix" not in done.err


@pytest.mark.parametrize("form", ["yaml", "json"])
async def test_a_dry_run_prints_objects_and_changes_nothing(
    client: InstallClient, alcove: Terminal, form: str
) -> None:
    done = await alcove(f"enable --dry-run -o {form} --image-registry r.example.com/x --host-suffix a.b")
    assert done.code == 0 and client.written == []
    found = json.loads(done.out)["items"] if form == "json" else list(yaml.safe_load_all(done.out))
    kinds = [item["kind"] for item in found]
    assert kinds[0] == "Namespace" and kinds.count("Deployment") == 2
    assert "r.example.com/x/alcove:" in done.out and ".a.b" in done.out


async def test_a_dry_run_needs_no_cluster(alcove: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere/at/all")
    done = await alcove("enable --dry-run -e none")
    assert done.code == 0 and "kind: Namespace" in done.out and done.err.startswith("warning:")


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("enable -y --host-suffix a_b", 2, "cannot be the suffix"),
        ("enable -y --endpoint open", 2, "open"),
        ("enable -y --space Dev", 2, "for example 'dev'"),
        ("status", 3, "alcove enable"),
        ("list-up", 4, "alcove space select"),
    ],
)
async def test_errors_tell_the_way_out(
    client: InstallClient, alcove: Terminal, line: str, code: int, told: str
) -> None:
    done = await alcove(line)
    assert done.code == code and told in done.err and not done.out and client.written == []


async def test_what_cannot_work_is_refused_before_anything_is_asked(
    client: InstallClient, alcove: Terminal
) -> None:
    client.lacks = {("create", "clusterroles")}
    done = await alcove("enable")
    assert done.code == 4 and "you lack rights" in done.err and "Continue?" not in done.err
    assert client.written == []


async def test_removing_asks_and_says_what_stays(client: InstallClient, alcove: Terminal) -> None:
    await alcove("enable -y")
    await create_all(client, resources.PODS, [pod("default", "web")])
    assert (await alcove("disable", "n\n")).code == 130
    done = await alcove("disable", "y\n")
    assert done.code == 0 and "keep their proxies" in done.err and "is gone from the cluster" in done.err
    assert "nothing to remove" in (await alcove("disable")).err
    assert "default" in (await alcove("space list")).out


async def test_status_tells_what_runs(client: InstallClient, alcove: Terminal) -> None:
    await alcove("enable -y")
    await create_all(client, resources.PODS, [pod("default", "web"), pod("default", "old", proxied=False)])
    shown = await alcove("status")
    assert shown.code == 0 and "alcove-controlplane  2/2    Ready" in shown.out
    assert shown.out.splitlines()[-1].split() == ["default", "1", "0", "0", "1"]
    document = json.loads((await alcove("status -o json")).out)
    assert document["endpoint"] == "public" and document["spaces"][0]["connected"] == 1


async def test_doctor_fails_when_something_does(client: InstallClient, alcove: Terminal) -> None:
    nothing = await alcove("doctor")
    assert nothing.code == 1 and "fail  installation" in nothing.out
    await alcove("enable -y")
    found = json.loads((await alcove("doctor -o json")).out)
    results = {one["check"]: one["result"] for one in found}
    assert results["webhook"] == "fail" and results["control plane"] == "ok"
    told = await alcove("doctor")
    assert told.code == 1 and "hint: " in told.out


async def test_what_runs_is_listed(client: InstallClient, alcove: Terminal) -> None:
    await alcove("enable -y --space dev")
    assert "Nothing runs" in (await alcove("list-up")).err
    meta = {"name": "web", "namespace": "dev"}
    service = {"metadata": meta, "spec": {"selector": {"app": "web-1"}}}
    await create_all(client, resources.SERVICES, [service])
    await create_all(client, resources.PODS, [pod("dev", "web-1", conditions=ready())])
    rows = [line.split() for line in (await alcove("list-up")).out.splitlines()]
    assert rows[0] == ["Name", "DevSpace", "Type", "Updated", "Status"]
    assert [row[:3] for row in rows[1:]] == [["web", "dev", "Service"], ["web-1", "dev", "Pod"]]
    await alcove("space create dev/alice")
    await alcove("space select alice")
    assert "--all" in (await alcove("list-up")).err
    inherited = json.loads((await alcove("list-up --all -o json")).out)
    assert [row["space"] for row in inherited] == ["dev", "dev"]
