"""Services: their addresses, their ports with what they speak and where they lead, their instances."""

from __future__ import annotations

from collections.abc import Mapping

from alcove.admission.markers import Object, mapping
from alcove.app.observation.protocols import (
    EVERY_PORT,
    PROTOCOL_ANNOTATION,
    parse_protocols,
    resolve_protocol,
)
from alcove.app.observation.reports import (
    Complain,
    read_address,
    read_label,
    read_list,
    read_objects,
    read_port,
    text,
)
from alcove.app.observation.slices import Slice
from alcove.model import Port, Protocol, Service, ServiceName, SpaceName

_HEADLESS = "None"
_EXTERNAL = "ExternalName"


def observe_service(
    item: Object, slices: Mapping[tuple[str, str], Slice], complain: Complain
) -> Service | None:
    """Give the Service; None, with a complaint, for one that nobody could reach.

    Args:
        item: The object.
        slices: What the EndpointSlices say, by namespace and Service.
        complain: Is told what is left out.
    """
    meta, spec = mapping(item, "metadata"), dict(mapping(item, "spec"))
    namespace = read_label(meta.get("namespace"), "its namespace", complain)
    name = read_label(meta.get("name"), "its name", complain)
    if not namespace or not name:
        return None
    key = SpaceName(namespace), ServiceName(name)
    if spec.get("type") == _EXTERNAL:
        external = text(spec.get("externalName"))
        if not external:
            complain("externalName is missing")
        return Service(*key, external_name=external) if external else None
    addresses = _addresses(spec, complain)
    if addresses is None:
        return None
    known = slices.get((namespace, name), Slice())
    return Service(*key, addresses, _ports(item, spec, known, complain), known.endpoints)


def _addresses(spec: Object, complain: Complain) -> tuple[str, ...] | None:
    written = read_list(spec, "clusterIPs", complain) or [spec.get("clusterIP")]
    if _HEADLESS in written:
        return ()
    found = [read_address(each, "clusterIPs", complain) for each in written if each]
    addresses = tuple(dict.fromkeys(filter(None, found)))
    if not addresses:
        # Without this it would pass for headless, and its name for an override.
        complain("it has no cluster address and is not headless")
    return addresses or None


def _ports(item: Object, spec: Object, known: Slice, complain: Complain) -> tuple[Port, ...]:
    entries = [
        entry for entry in read_objects(spec, "ports", complain) if entry.get("protocol", "TCP") == "TCP"
    ]
    declared = _declared(item, entries, complain)
    found: list[Port] = []
    for entry in entries:
        number = read_port(entry.get("port"), "port", complain)
        if number is None:
            continue
        name = text(entry.get("name"))
        # The name comes last: one that looks like another port's number must not take its place.
        said = declared.get(str(number)) or (declared.get(name) if name else None) or declared.get(EVERY_PORT)
        protocol = resolve_protocol(said, text(entry.get("appProtocol")), name)
        differs = len(known.targets.get(name, ())) > 1
        found.append(Port(number, _target(entry, number, known, complain), name, protocol, differs))
    return tuple(sorted(found, key=lambda port: (port.number, port.name, port.target)))


def _declared(item: Object, entries: list[Object], complain: Complain) -> Mapping[str, Protocol]:
    written = mapping(item, "metadata", "annotations").get(PROTOCOL_ANNOTATION)
    if written is None:
        return {}
    if not isinstance(written, str):
        complain(f"{PROTOCOL_ANNOTATION} is no text")
        return {}
    known = {text(entry.get("name")) for entry in entries} - {""} | {
        str(entry.get("port")) for entry in entries
    }
    return parse_protocols(written, known, complain)


def _target(entry: Object, number: int, known: Slice, complain: Complain) -> int:
    told = known.targets.get(text(entry.get("name")))
    if told:
        if len(told) > 1:
            complain(f"instances differ in the target of port {number}: {sorted(told)}")
        return min(told)
    written = entry.get("targetPort")
    if written is None or isinstance(written, str):
        # A named port is known once there is an instance; before, nothing leads to it.
        return number
    return read_port(written, "targetPort", complain) or number
