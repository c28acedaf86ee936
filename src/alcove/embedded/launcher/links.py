"""Network links by raw netlink: a message instead of a program each, microseconds instead of milliseconds.

A pod is connected without a bridge: a pair of linked devices, a /32 address and a default route inside, a
route to that address outside. Both ends know each other's hardware address beforehand, so nothing ever has
to be asked by ARP.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Sequence

_ACK, _REPLACE, _EXCLUSIVE, _CREATE = 0x5, 0x100, 0x200, 0x400
_ERROR = 2
_NEWLINK, _GETLINK, _NEWADDR, _NEWROUTE, _DELROUTE, _NEWNEIGH = 16, 18, 20, 24, 25, 28
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_LINKINFO, _IFLA_NET_NS_FD = 1, 3, 18, 28
_IFF_UP = 1
_TABLE_MAIN, _PROTOCOL_STATIC, _UNICAST = 254, 4, 1
_SCOPE_UNIVERSE, _SCOPE_LINK, _SCOPE_NOWHERE = 0, 253, 255
_NUD_PERMANENT = 0x80
_SIOCGIFFLAGS, _SIOCSIFFLAGS = 0x8913, 0x8914

_NODE_HARDWARE = bytes.fromhex("eeeeeeeeeeee")

Request = tuple[int, int, bytes]
"""A message type, its flags and its body."""


def _attribute(kind: int, content: bytes) -> bytes:
    padding = b"\0" * (-len(content) % 4)
    return struct.pack("=HH", 4 + len(content), kind) + content + padding


def _link(kind: int, flags: int, body: bytes = b"", *, index: int = 0, up: bool = False) -> Request:
    state = _IFF_UP if up else 0
    return kind, flags, struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, state, state) + body


def _name(name: str) -> bytes:
    return _attribute(_IFLA_IFNAME, name.encode() + b"\0")


def _hardware(address: str) -> bytes:
    return b"\x0a\x58" + socket.inet_aton(address)


def _route(index: int, destination: str = "", *, gateway: str = "", scope: int) -> Request:
    length = 32 if destination else 0
    head = (socket.AF_INET, length, 0, 0, _TABLE_MAIN, _PROTOCOL_STATIC, scope, _UNICAST, 0)
    body = struct.pack("=BBBBBBBBI", *head)
    if destination:
        body += _attribute(1, socket.inet_aton(destination))
    if index:
        body += _attribute(4, struct.pack("=i", index))
    if gateway:
        body += _attribute(5, socket.inet_aton(gateway))
    return _NEWROUTE, _CREATE | _REPLACE, body


def _neighbour(index: int, address: str, hardware: bytes) -> Request:
    body = struct.pack("=BxHiHBB", socket.AF_INET, 0, index, _NUD_PERMANENT, 0, 0)
    body += _attribute(1, socket.inet_aton(address)) + _attribute(2, hardware)
    return _NEWNEIGH, _CREATE | _REPLACE, body


def _address(index: int, address: str) -> Request:
    body = struct.pack("=BBBBi", socket.AF_INET, 32, 0, _SCOPE_UNIVERSE, index)
    packed = socket.inet_aton(address)
    return _NEWADDR, _CREATE | _REPLACE, body + _attribute(2, packed) + _attribute(1, packed)


def _send(what: str, requests: Sequence[Request]) -> None:
    packet = b"".join(
        struct.pack("=IHHII", 16 + len(body), kind, _ACK | flags, number, 0) + body
        for number, (kind, flags, body) in enumerate(requests)
    )
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as link:
        link.send(packet)
        answered = 0
        while answered < len(requests):
            answers = link.recv(65536)
            while answers:
                length, kind, _, _, _, code = struct.unpack_from("=IHHIIi", answers)
                if kind == _ERROR and code:
                    raise OSError(-code, f"{what}: {os.strerror(-code)}")
                answered += kind == _ERROR
                answers = answers[(length + 3) & ~3 :]


def create_veth(name: str, peer: str, peer_netns: int, address: str) -> None:
    """Make the pair, ``name`` here and ``peer`` in the namespace of a descriptor, and the way there."""
    inside = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, 0, 0, 0) + _name(peer)
    inside += _attribute(_IFLA_ADDRESS, _hardware(address))
    inside += _attribute(_IFLA_NET_NS_FD, struct.pack("=i", peer_netns))
    kind = _attribute(1, b"veth") + _attribute(2, _attribute(1, inside))
    body = _name(name) + _attribute(_IFLA_ADDRESS, _NODE_HARDWARE) + _attribute(_IFLA_LINKINFO, kind)
    _send(f"create veth {name}", [_link(_NEWLINK, _CREATE | _EXCLUSIVE, body, up=True)])
    index = socket.if_nametoindex(name)
    _send(
        f"route to {address}",
        [_neighbour(index, address, _hardware(address)), _route(index, address, scope=_SCOPE_LINK)],
    )


def configure_peer(name: str, address: str, gateway: str) -> None:
    """Give the pod's end its address and the default route; called inside the pod's namespace."""
    index = socket.if_nametoindex(name)
    _send(
        f"configure {name}",
        [
            _link(_NEWLINK, 0, index=index, up=True),
            _address(index, address),
            _neighbour(index, gateway, _NODE_HARDWARE),
            _route(index, gateway, scope=_SCOPE_LINK),
            _route(index, gateway=gateway, scope=_SCOPE_UNIVERSE),
        ],
    )


def settle_link(name: str) -> None:
    """Have a link pass packets from now on: one that was up before its peer drops them for a moment more.

    The kernel activates it in the background when its peer comes up, and at once when someone asks for it.
    """
    _send(f"settle {name}", [_link(_GETLINK, 0, index=_index(name))])


def move_link(name: str, netns: int, rename: str) -> None:
    """Move a link of this namespace into that of a descriptor."""
    body = _attribute(_IFLA_NET_NS_FD, struct.pack("=i", netns))
    if rename:
        body += _name(rename)
    _send(f"move {name}", [_link(_NEWLINK, 0, body, index=_index(name))])


def delete_route(address: str) -> None:
    """Forget the way to an address; nothing happens when there is none."""
    try:
        _send(f"forget {address}", [(_DELROUTE, 0, _route(0, address, scope=_SCOPE_NOWHERE)[2])])
    except OSError as error:
        if error.errno != errno.ESRCH:
            raise


def _index(name: str) -> int:
    try:
        return socket.if_nametoindex(name)
    except OSError as error:
        raise OSError(errno.ENODEV, f"{name}: {os.strerror(errno.ENODEV)}") from error


def raise_loopback() -> None:
    """Switch this namespace's loopback on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14x", b"lo", 0)
        current = struct.unpack("16sH14x", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", current | _IFF_UP))
