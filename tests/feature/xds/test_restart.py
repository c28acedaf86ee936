"""Losing the server changes nothing for a proxy, and a new one sends only what is new."""

from __future__ import annotations

from pathlib import Path

from tests.feature.xds.certificates import Authority
from tests.feature.xds.envoys import NODE, cluster, endpoints, listener, open_envoy, routes
from tests.feature.xds.server_process import open_server_process
from tests.feature.xds.traffic import open_application, open_traffic

from alcove.aio import open_background


async def test_a_killed_server_is_not_missed(tmp_path: Path) -> None:
    authority = Authority()
    credentials, pair = authority.of_server(), authority.of_node(NODE)
    async with (
        open_application("first") as first,
        open_application("second") as second,
        open_server_process(tmp_path, credentials) as killed,
        open_envoy(tmp_path, killed.address, pair=pair, authority=authority.pem) as envoy,
        open_traffic(tmp_path / "in.sock") as traffic,
        open_background(name="test") as background,
    ):
        constant = [
            *(cluster("first"), endpoints("first", first), cluster("second"), endpoints("second", second)),
            listener(tmp_path / "in.sock"),
        ]
        await killed.publish(NODE, [*constant, routes("first")])
        await envoy.see("starting worker 0")
        background.start(traffic.ask_forever(), name="traffic")
        await traffic.more(5)
        await killed.kill()
        await traffic.more(20)

        port = int(killed.address.rpartition(":")[2])
        async with open_server_process(tmp_path, credentials, port=port) as server:
            await server.see(f"node {NODE} connected")
            await traffic.more(20)  # it has no snapshot yet, so it must say nothing
            same = await server.publish(NODE, [*constant, routes("first")])
            assert (same["acked"], same["responses"]) == (1, 0)
            await traffic.more(20)
            assert set(traffic.answers) == {"first"}

            changed = await server.publish(NODE, [*constant, routes("second")])
            assert (changed["responses"], changed["refusals"]) == (1, [])
            await traffic.more(5)
    assert traffic.answers[-1] == "second"
    assert traffic.answers == sorted(traffic.answers)
