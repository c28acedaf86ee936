"""The real kernel: pods, services, names and the ways in and out."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from tests.unit.embedded.network.conftest import World, endpoints, greet, service

from alcove import aio
from alcove.embedded.network import addresses, dnswire
from alcove.embedded.ports import (
    MACHINE_NETNS,
    NODE_NETNS,
    ContainerSpec,
    Mount,
    ProcessSpec,
    RootFilesystem,
)

QUERY = bytes.fromhex("0001 0100 0001 0000 0000 0000")

pytestmark = pytest.mark.root


async def test_pods_reach_each_other_and_see_each_others_address(world: World) -> None:
    one, two = await world.pod(), await world.pod()
    await world.serve(two.netns, two.address, 8080, b"two")
    async with world.network.open_connection(one.netns, two.address, 8080, seconds=5) as (reader, _):
        assert await reader.read() == f"two {one.address}".encode()


async def test_a_pod_is_attached_once_and_again_after_it_was_detached(world: World) -> None:
    first = await world.network.attach("a", host_network=False)
    assert await world.network.attach("a", host_network=False) == first
    await world.network.detach("a")
    await world.network.detach("a")
    assert await world.network.attach("a", host_network=False) != first


async def test_a_host_network_pod_is_the_node(world: World) -> None:
    attachment = await world.network.attach("a", host_network=True)
    assert attachment == (await world.network.attach("a", host_network=True))
    assert (attachment.netns, attachment.address) == (NODE_NETNS, world.network.node_address)


async def test_a_pod_that_is_gone_is_unreachable_at_once(world: World) -> None:
    one, two = await world.pod(), await world.pod()
    await world.network.detach("uid-2")
    with pytest.raises(OSError, match="Errno 113"):
        await world.say(one.netns, two.address, 8080)


async def test_a_service_leads_to_its_endpoints_from_pods_and_from_the_node(world: World) -> None:
    world.follow()
    client, server = await world.pod(), await world.pod()
    await world.serve(server.netns, server.address, 8080, b"served")
    world.feed.put(service("web", "10.96.0.50"))
    world.feed.put(endpoints("web", server.address))
    await world.say_until(client.netns, "10.96.0.50", 80, b"served")
    assert await world.say_on_node("10.96.0.50", 80) == b"served"


async def test_a_pod_reaches_itself_through_its_service(world: World) -> None:
    world.follow()
    pod = await world.pod()
    await world.serve(pod.netns, pod.address, 8080, b"self")
    world.feed.put(service("web", "10.96.0.50"))
    world.feed.put(endpoints("web", pod.address))
    await world.say_until(pod.netns, "10.96.0.50", 80, b"self")


async def test_a_service_follows_its_endpoints_and_refuses_without_any(world: World) -> None:
    world.follow()
    client, old, new = await world.pod(), await world.pod(), await world.pod()
    await world.serve(old.netns, old.address, 8080, b"old")
    await world.serve(new.netns, new.address, 8080, b"new")
    world.feed.put(service("web", "10.96.0.50"))
    world.feed.put(endpoints("web", old.address))
    await world.say_until(client.netns, "10.96.0.50", 80, b"old")
    world.feed.put(endpoints("web", new.address))
    await world.say_until(client.netns, "10.96.0.50", 80, b"new")
    world.feed.put(endpoints("web"))
    await world.say_until(client.netns, "10.96.0.50", 80, None)
    with pytest.raises(ConnectionRefusedError):
        await world.say(client.netns, "10.96.0.50", 80)


async def test_several_endpoints_share_the_connections(world: World) -> None:
    world.follow()
    client, one, two = await world.pod(), await world.pod(), await world.pod()
    await world.serve(one.netns, one.address, 8080, b"one")
    await world.serve(two.netns, two.address, 8080, b"two")
    world.feed.put(service("web", "10.96.0.50"))
    world.feed.put(endpoints("web", one.address, two.address))
    await world.say_until(client.netns, "10.96.0.50", 80, b"one")
    await world.say_until(client.netns, "10.96.0.50", 80, b"two")


async def test_a_sticky_service_keeps_a_client_at_one_endpoint(world: World) -> None:
    world.follow()
    client, one, two = await world.pod(), await world.pod(), await world.pod()
    await world.serve(one.netns, one.address, 8080, b"one")
    await world.serve(two.netns, two.address, 8080, b"two")
    world.feed.put(service("web", "10.96.0.50", sessionAffinity="ClientIP"))
    world.feed.put(endpoints("web", one.address, two.address))
    await world.wait_for(client.netns, "10.96.0.50", 80)
    assert len({await world.say(client.netns, "10.96.0.50", 80) for _ in range(8)}) == 1


@pytest.mark.parametrize("address", ["10.96.9.9", "10.42.9.9", "169.254.169.254"])
async def test_what_is_not_there_is_refused_at_once(world: World, address: str) -> None:
    pod = await world.pod()
    for netns in (pod.netns, NODE_NETNS):
        with pytest.raises(OSError, match=r"Errno 11[13]"):
            await world.say(netns, address, 80)


async def test_datagrams_do_not_leave_the_cluster(world: World) -> None:
    pod = await world.pod()
    with await world.launcher.open_socket(pod.netns, socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.connect(("203.0.113.1", 123))
        asked.send(b"?")
        with pytest.raises(ConnectionRefusedError):
            await asyncio.get_running_loop().sock_recv(asked, 1)


async def test_a_pod_reaches_an_address_of_the_machine_but_not_its_loopback(world: World) -> None:
    pod = await world.pod()
    outside = _outside_address()
    with socket.create_server((outside, 0)) as listener:
        listener.setblocking(False)
        async with aio.open_background(name="outside") as background:
            background.start(greet(listener, b"outside"), name="greet")
            port = listener.getsockname()[1]
            assert await world.say(pod.netns, outside, port) == b"outside"
            assert await world.say_on_node(outside, port) == b"outside"
            with pytest.raises(ConnectionRefusedError):
                await world.say(pod.netns, "127.0.0.1", port)


async def test_what_is_refused_outside_breaks_the_pods_connection(world: World) -> None:
    pod = await world.pod()
    with socket.create_server((_outside_address(), 0)) as taken:
        host, port = taken.getsockname()
    with pytest.raises(ConnectionResetError):
        await world.say(pod.netns, host, port)


def _outside_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("203.0.113.1", 9))
        except OSError:
            pytest.skip("this machine has no network but its loopback")
        return str(probe.getsockname()[0])


async def test_names_are_answered_to_pods_over_datagrams_and_streams(world: World) -> None:
    world.follow()
    pod = await world.pod()
    world.feed.put(service("web", "10.96.0.50"))
    world.feed.put(endpoints("web", pod.address))
    await world.say_until(pod.netns, "10.96.0.50", 80, None)
    query = QUERY + dnswire.encode_name("web.default.svc.cluster.local") + b"\0\1\0\1"
    with await world.launcher.open_socket(pod.netns, socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.connect((world.network.dns_address, 53))
        asked.send(b"nonsense")
        asked.send(query)
        answer = await asyncio.get_running_loop().sock_recv(asked, 512)
    assert answer.endswith(socket.inet_aton("10.96.0.50"))
    async with world.network.open_connection(pod.netns, "10.96.0.10", 53, seconds=5) as (reader, writer):
        writer.write(len(query).to_bytes(2, "big") + query)
        assert (await reader.readexactly(2 + len(answer)))[2:] == answer


async def test_a_node_port_is_reached_from_the_machine_until_its_service_goes(world: World) -> None:
    world.follow()
    server = await world.pod()
    await world.serve(server.netns, server.address, 8080, b"served")
    port = _free_port()
    web = service("web", "10.96.0.50", type="NodePort", ports=[{"port": 80, "nodePort": port}])
    world.feed.put(web)
    world.feed.put(endpoints("web", server.address))
    await _say_until(world, port, b"served")
    await world.say_until(server.netns, world.network.node_address, port, b"served")
    world.feed.put(web, "DELETED")
    await _say_until(world, port, None)


async def test_a_taken_node_port_is_told_once(world: World) -> None:
    world.follow()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        world.feed.put(service("web", "10.96.0.50", ports=[{"port": 80, "nodePort": port}]))
        key, why = await world.troubles.get()
    assert (key.name, f"127.0.0.1:{port}" in why) == ("web", True)
    world.feed.put(endpoints("web", "10.42.0.9"))
    assert world.troubles.empty()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


async def _say_until(world: World, port: int, wanted: bytes | None) -> None:
    await world.say_until(MACHINE_NETNS, "127.0.0.1", port, wanted)


async def test_the_api_servers_service_leads_to_a_socket_of_the_node(world: World) -> None:
    world.follow()
    pod = await world.pod()
    listener = await world.network.listen(6443)
    async with aio.open_background(name="api") as background:
        background.start(greet(listener, b"api"), name="greet")
        world.feed.put(service("kubernetes", "10.96.0.1", ports=[{"port": 443}]))
        world.feed.put(endpoints("kubernetes", addresses.NODE, port=6443))
        await world.say_until(pod.netns, "10.96.0.1", 443, b"api")


async def test_a_containers_own_resolver_finds_services(world: World, tmp_path: Path) -> None:
    world.follow()
    pod = await world.pod()
    await world.serve(pod.netns, pod.address, 8080, b"served")
    world.feed.put(service("web", "10.96.0.50"))
    world.feed.put(endpoints("web", pod.address))
    await world.say_until(pod.netns, "10.96.0.50", 80, b"served")
    resolver = tmp_path / "resolv.conf"
    resolver.write_text(f"search default.svc.cluster.local\nnameserver {world.network.dns_address}\n")
    trees = tuple(tree for tree in ("/usr", "/bin", "/lib", "/lib64", "/etc") if Path(tree).exists())
    spec = ContainerSpec(
        "c",
        RootFilesystem((), trees, tmp_path / "upper"),
        (Mount("/etc/resolv.conf", str(resolver)),),
        ProcessSpec(("getent", "ahostsv4", "web"), {"PATH": "/usr/bin:/bin"}),
        pod.netns,
        "box",
    )
    with (tmp_path / "said").open("wb") as said:
        started = await world.launcher.start_container(
            spec, stdin=None, stdout=said.fileno(), stderr=said.fileno()
        )
    assert (await started.wait()).code == 0
    assert (tmp_path / "said").read_text().split()[0] == "10.96.0.50"
