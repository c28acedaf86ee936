"""``alcove space`` and ``alcove show-context``, on a cluster in memory that is spoken to over HTTP."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from tests.unit.app.spaces.worlds import FAMILY, BoundedClient, namespace, put
from tests.unit.kube.api_server import ApiServer, serving

from alcove.cli import main
from alcove.kube import resources


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


class Terminal:
    """Runs command lines as a user does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    async def __call__(self, line: str, answers: str = "") -> Outcome:
        self._monkeypatch.setattr("sys.stdin", io.StringIO(answers))
        code = await asyncio.to_thread(main.run, line.split())
        told = self._capsys.readouterr()
        return Outcome(code, told.out, told.err)

    async def complete(self, line: str) -> list[str]:
        """Give what bash is offered for the last word."""
        words = f"alcove {line}"
        self._monkeypatch.setenv("_ALCOVE_COMPLETE", "bash_complete")
        self._monkeypatch.setenv("COMP_WORDS", words)
        self._monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
        with pytest.raises(SystemExit):
            await asyncio.to_thread(main.alcove.main, prog_name="alcove", args=[])
        return self._capsys.readouterr().out.split()


@pytest.fixture
async def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[BoundedClient]:
    """Give what is behind the kubeconfig."""
    client = BoundedClient()
    await put(client, namespace("kube-system", space=False))
    async with serving(ApiServer(client)) as url:
        config = {
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "c", "namespace": "alice"}}],
            "clusters": [{"name": "c", "cluster": {"server": str(url)}}],
        }
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        yield client


@pytest.fixture
def alcove(
    client: BoundedClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    return Terminal(monkeypatch, capsys)


async def test_a_session_from_nothing_to_nothing(alcove: Terminal) -> None:
    assert "no space" in (await alcove("space list")).err
    for line in ("create dev", "create dev/alice", "select dev/alice"):
        done = await alcove(f"space {line}")
        assert done.code == 0 and not done.out
    listed = await alcove("space list")
    assert listed.out.splitlines() == [
        "   NAME       PARENT  STATUS",
        "   dev        -       Active",
        "*  dev/alice  dev     Active",
    ]
    assert "chain      alice -> dev" in (await alcove("space show")).out
    assert (await alcove("space remove -n alice -y")).code == 0
    assert (await alcove("space remove dev", "y\n")).code == 0
    assert "no space" in (await alcove("space list")).err


@pytest.mark.parametrize("line", ["space create dev", "space remove gone", "space remove plain --no-delete"])
async def test_what_is_done_already_is_said_and_no_error(
    client: BoundedClient, alcove: Terminal, line: str
) -> None:
    await put(client, *FAMILY)
    await alcove("space create dev")
    done = await alcove(line)
    assert done.code == 0 and ("nothing changed" in done.err or "nothing to remove" in done.err)


async def test_documents_are_all_that_stdout_gets(client: BoundedClient, alcove: Terminal) -> None:
    await put(client, *FAMILY, namespace("lost", "gone"))
    await alcove("space select alice")
    rows = json.loads((await alcove("space list -o json")).out)
    assert [row["path"] for row in rows] == ["dev", "dev/team", "dev/team/alice", "lost"]
    assert rows[2] == {
        "name": "alice",
        "path": "dev/team/alice",
        "parent": "team",
        "selected": True,
        "status": "Active",
        "fault": None,
    }
    assert rows[3]["fault"] == "its parent is not a space"
    shown = yaml.safe_load((await alcove("space show -o yaml")).out)
    assert shown["chain"] == ["alice", "team", "dev"] and shown["services"]["own"] == []
    context = json.loads((await alcove("show-context -o json")).out)
    assert (
        context["name"] == "here" and context["space"] == "dev/team/alice" and context["hostSuffix"] is None
    )


async def test_a_namespace_becomes_a_space_only_after_yes(client: BoundedClient, alcove: Terminal) -> None:
    refused = await alcove("space create default", "n\n")
    assert refused.code == 130 and "will be configured as the space 'default'" in refused.err
    assert "azds.io/space" not in json.dumps(await client.get(resources.NAMESPACES, "default"))
    unanswered = await alcove("space create default")
    assert (await alcove("space select bob")).code == 2
    assert unanswered.code == 2 and "-y" in unanswered.err
    assert (await alcove("space create default", "\n")).code == 0


async def test_selecting_what_is_not_there_asks_for_a_parent_and_makes_it(
    client: BoundedClient, alcove: Terminal
) -> None:
    await put(client, *FAMILY)
    done = await alcove("space select bob", "2\ny\n")
    assert done.code == 0 and "Space 'dev/team/bob' is selected" in done.err
    assert " [0] <none>\n [1] dev\n [2] dev/team\n [3] dev/team/alice\n" in done.err
    root = await alcove("space select carol", "0\ny\n")
    assert "Space 'carol' is selected" in root.err
    quiet = await alcove("space select dave -y")
    assert "[0]" not in quiet.err and "Space 'dave' is selected" in quiet.err
    child = await alcove("space select dev/erin", "y\n")
    assert "[0]" not in child.err and "Space 'dev/erin' is selected" in child.err


async def test_selecting_without_a_name_offers_what_there_is(client: BoundedClient, alcove: Terminal) -> None:
    await put(client, *FAMILY)
    done = await alcove("space select", "3\n")
    assert " [1] dev\n" in done.err and "Space 'dev/team/alice' is selected" in done.err


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("space create", 2, "name of a space is missing"),
        ("space create Dev", 2, "for example 'dev'"),
        ("space create a -n b", 2, "two names"),
        ("space create gone/bob", 4, "alcove space create gone"),
        ("space create dev/alice", 4, "--move"),
        ("space select dev/alice", 4, "'dev/team/alice'"),
        ("space remove team -y", 4, "dev/team/alice"),
        ("space remove dev --kubeconfig /nowhere/at/all", 1, "no kubeconfig"),
        ("space list --context nowhere", 1, "'nowhere'"),
        ("space show", 4, "alcove space select"),
    ],
)
async def test_errors_tell_the_way_out(
    client: BoundedClient, alcove: Terminal, line: str, code: int, told: str
) -> None:
    await put(client, *FAMILY)
    done = await alcove(line)
    assert done.code == code and done.err.startswith("error: ") and told in done.err and not done.out


async def test_a_move_is_made_when_it_is_said(client: BoundedClient, alcove: Terminal) -> None:
    await put(client, *FAMILY)
    assert "is now 'dev/alice'" in (await alcove("space create dev/alice --move")).err


async def test_a_selection_that_is_gone_is_warned_of(client: BoundedClient, alcove: Terminal) -> None:
    await put(client, namespace("dev"))
    await alcove("space select dev")
    await client.delete(resources.NAMESPACES, "dev")
    done = await alcove("show-context")
    assert done.code == 0 and "'dev' does not exist" in done.err and "HOSTSUFFIX" in done.out


async def test_who_sees_one_namespace_only_is_told_what_is_not_known(
    client: BoundedClient, alcove: Terminal
) -> None:
    await put(client, *FAMILY)
    client.allowed = {"alice"}
    listed = await alcove("space list")
    assert listed.out.splitlines()[1:] == ["   team/alice  team    Active"] and "may not list" in listed.err
    shown = await alcove("space show alice")
    assert "not visible  team" in shown.out and "services of team" in shown.err
    assert (await alcove("space select dev")).code == 4


async def test_not_waiting_is_said(client: BoundedClient, alcove: Terminal) -> None:
    await put(client, namespace("dev"))
    done = await alcove("space remove dev -y --timeout 0")
    assert done.code == 0 and "Not waiting" in done.err


async def test_names_are_completed(client: BoundedClient, alcove: Terminal) -> None:
    await put(client, *FAMILY)
    assert await alcove.complete("space show dev/") == ["plain,dev/team", "plain,dev/team/alice"]
    assert await alcove.complete("space remove -n al") == ["plain,alice"]
    client.unreachable = True
    assert await alcove.complete("space show dev/") == []
