"""Writes the vendored protobuf field table of ``alcove.embedded.serving``; run once per Kubernetes release.

The numbers are read from the Go type descriptions inside the shared library of the development dependency
``helm-python-sdk``, which is linked with Kubernetes' API types: every struct is described there with its
fields, their types and their tags (``protobuf:"varint,1,opt,name=replicas"``, ``json:"replicas,omitempty"``).
A descriptor file would not do: only the Go types tell pointers from values, that is, whether a zero on the
wire was meant or only is there because Go writes every value.

    python scripts/generate_protobuf.py
"""

from __future__ import annotations

import gzip
import importlib.metadata
import json
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TARGET = Path(__file__).parent.parent / "src/alcove/embedded/serving/vendored/protobuf.json.gz"

META = "k8s.io/apimachinery/pkg/apis/meta/v1"
PACKAGES = {
    "k8s.io/api/core/v1": "v1",
    "k8s.io/api/admissionregistration/v1": "admissionregistration.k8s.io/v1",
    "k8s.io/api/apps/v1": "apps/v1",
    "k8s.io/api/authentication/v1": "authentication.k8s.io/v1",
    "k8s.io/api/authorization/v1": "authorization.k8s.io/v1",
    "k8s.io/api/autoscaling/v1": "autoscaling/v1",
    "k8s.io/api/autoscaling/v2": "autoscaling/v2",
    "k8s.io/api/batch/v1": "batch/v1",
    "k8s.io/api/certificates/v1": "certificates.k8s.io/v1",
    "k8s.io/api/coordination/v1": "coordination.k8s.io/v1",
    "k8s.io/api/discovery/v1": "discovery.k8s.io/v1",
    "k8s.io/api/events/v1": "events.k8s.io/v1",
    "k8s.io/api/networking/v1": "networking.k8s.io/v1",
    "k8s.io/api/node/v1": "node.k8s.io/v1",
    "k8s.io/api/policy/v1": "policy/v1",
    "k8s.io/api/rbac/v1": "rbac.authorization.k8s.io/v1",
    "k8s.io/api/scheduling/v1": "scheduling.k8s.io/v1",
    "k8s.io/api/storage/v1": "storage.k8s.io/v1",
    "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1": "apiextensions.k8s.io/v1",
    META: "meta.k8s.io/v1",
}
SPECIAL = {
    "resource.Quantity": "quantity",
    "v1.Time": "time",
    "v1.MicroTime": "micro-time",
    "v1.FieldsV1": "raw",
    "v1.JSON": "raw",
    "runtime.RawExtension": "raw",
    "intstr.IntOrString": "int-or-string",
    "v1.ExtraValue": "strings",
    "v1.Verbs": "strings",
    "v1.JSONSchemaPropsOrBool": "schema-or-bool",
    "v1.JSONSchemaPropsOrArray": "schema-or-array",
    "v1.JSONSchemaPropsOrStringArray": "schema-or-strings",
}
KINDS = {1: "bool", 5: "int", 6: "int", 9: "int", 10: "int", 2: "int", 13: "float", 14: "float", 24: "string"}
INTERFACE, MAP, POINTER, SLICE, STRUCT, BYTE = 20, 21, 22, 23, 25, 8


class Image:
    """A linked ELF file as it lies in memory, relocated to its own addresses."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._sections = [section for section in self._read_sections() if section[1]]
        self._words: dict[int, int] = {
            place: addend
            for offset, size, kind in self._tables(4)
            for place, info, addend in struct.iter_unpack("<QQq", content[offset : offset + size])
            if info & 0xFFFFFFFF == 8
        }

    def _read_sections(self) -> list[tuple[int, int, int, int]]:
        (start,) = struct.unpack_from("<Q", self._content, 40)
        size, count = struct.unpack_from("<HH", self._content, 58)
        sections = []
        for number in range(count):
            _, kind, _, address, offset, length = struct.unpack_from(
                "<IIQQQQ", self._content, start + number * size
            )
            sections.append((kind, address, offset, length))
        return sections

    def _tables(self, wanted: int) -> Iterator[tuple[int, int, int]]:
        return ((offset, length, kind) for kind, _, offset, length in self._sections if kind == wanted)

    def read(self, address: int, size: int) -> bytes:
        """Give the bytes at an address."""
        for kind, start, offset, length in self._sections:
            if kind != 8 and start <= address < start + length:
                return self._content[offset + address - start : offset + address - start + size]
        raise ValueError(f"nothing lies at {address:#x}")

    def find(self, wanted: bytes) -> Iterator[int]:
        """Give the addresses where these bytes lie."""
        for kind, start, offset, length in self._sections:
            if kind == 8 or not start:
                continue
            place = self._content.find(wanted, offset, offset + length)
            while place >= 0:
                yield start + place - offset
                place = self._content.find(wanted, place + 1, offset + length)

    def pointer(self, address: int) -> int:
        """Give the word at an address, which may be an address itself."""
        if address in self._words:
            return self._words[address]
        return int.from_bytes(self.read(address, 8), "little")

    def symbols(self, prefix: bytes) -> Iterator[int]:
        """Give the addresses of the dynamic symbols whose name begins with ``prefix``."""
        names = next(offset for kind, _, offset, _ in self._sections if kind == 3)
        for offset, size, _ in self._tables(11):
            for name, _, _, _, address, _ in struct.iter_unpack(
                "<IBBHQQ", self._content[offset : offset + size]
            ):
                if self._content.startswith(prefix, names + name):
                    yield address


@dataclass(frozen=True)
class Field:
    """One field of a struct."""

    name: str
    tag: str
    type: int


class GoTypes:
    """The type descriptions of a Go program."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self._names = 0
        """The address to which the offsets of names are relative; found by a struct that is known."""

    def kind(self, address: int) -> int:
        """Give the number of a type's kind, as in Go's ``reflect.Kind``."""
        return self._image.read(address + 23, 1)[0] & 0x1F

    def element(self, address: int) -> int:
        """Give the type of what a pointer, list or map holds."""
        return self._image.pointer(address + (56 if self.kind(address) == MAP else 48))

    def fields(self, address: int) -> list[Field]:
        """Give the fields of a struct."""
        array = self._image.pointer(address + 56)
        count = self._image.pointer(address + 64)
        if count > 500:
            return []
        return [self._field(array + 24 * number) for number in range(count)]

    def _field(self, address: int) -> Field:
        name, tag = self._text(self._image.pointer(address))
        return Field(name, tag, self._image.pointer(address + 8))

    def _text(self, address: int) -> tuple[str, str]:
        flags = self._image.read(address, 1)[0]
        name, after = self._string(address + 1)
        return name, self._string(after)[0] if flags & 2 else ""

    def _string(self, address: int) -> tuple[str, int]:
        length, shift = 0, 0
        while True:
            (byte,) = self._image.read(address, 1)
            address += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if shift > 21:
                raise ValueError("no string begins here")
            if byte < 0x80:
                return self._image.read(address, length).decode(errors="replace"), address + length

    def name(self, address: int) -> str:
        """Give the type's name as ``v1.PodSpec``."""
        text, _ = self._text(self._names + self._name_offset(address))
        return text.removeprefix("*") if self._image.read(address + 20, 1)[0] & 2 else text

    def _name_offset(self, address: int) -> int:
        return int.from_bytes(self._image.read(address + 40, 4), "little")

    def package(self, address: int) -> str:
        """Give the import path of a named struct's package."""
        if not self._image.read(address + 20, 1)[0] & 1:
            return ""
        offset = int.from_bytes(self._image.read(address + 80, 4), "little")
        return self._text(self._names + offset)[0] if offset else ""

    def calibrate(self, known: int, package: str, name: str) -> None:
        """Find what name offsets are relative to: a struct at ``known`` is called ``name``."""
        for address in self._image.find(bytes([len(name)]) + name.encode()):
            self._names = address - 1 - self._name_offset(known)
            try:
                if self.package(known) == package:
                    return
            except ValueError:
                continue
        raise LookupError(name)


def find_messages(types: GoTypes, addresses: list[int]) -> dict[tuple[str, str], int]:
    """Give the structs of the packages above by package and name."""
    structs = [address for address in addresses if types.kind(address) == STRUCT]
    tagged = {address: types.fields(address) for address in structs}
    pod = next(
        address
        for address, fields in tagged.items()
        if [field.name for field in fields[:2]] == ["Volumes", "InitContainers"]
        and 'protobuf:"bytes,1,rep,name=volumes"' in fields[0].tag
    )
    types.calibrate(pod, "k8s.io/api/core/v1", "*v1.PodSpec")
    found = {}
    for address, fields in tagged.items():
        if not any("protobuf:" in field.tag for field in fields):
            continue
        package = types.package(address)
        if package in PACKAGES:
            found[package, types.name(address).rpartition(".")[2]] = address
    return found


class Table:
    """The table as it grows: messages in the order in which they are met, and where each kind begins."""

    def __init__(self, types: GoTypes, messages: dict[tuple[str, str], int]) -> None:
        self._types = types
        self._numbers: dict[int, int] = {}
        self._open: list[int] = []
        self.messages: list[dict[str, list[object]]] = []
        self.kinds: dict[str, int] = {}
        for (package, name), address in sorted(messages.items()):
            if any(field.name == "TypeMeta" for field in types.fields(address)):
                self.kinds[f"{PACKAGES[package]}/{name}"] = self._number(address)
        schemas = next(address for (_, name), address in messages.items() if name == "JSONSchemaProps")
        self.schemas = self._number(schemas)
        while self._open:
            address = self._open.pop(0)
            self.messages[self._numbers[address]] = self._fields(address)

    def _number(self, address: int) -> int:
        if address not in self._numbers:
            self._numbers[address] = len(self._numbers)
            self.messages.append({})
            self._open.append(address)
        return self._numbers[address]

    def _fields(self, address: int) -> dict[str, list[object]]:
        described = {}
        for field in self._types.fields(address):
            tag = re.search(r'protobuf:"(\w+),(\d+),', field.tag)
            json_tag = re.search(r'json:"([^"]*)"', field.tag)
            if tag and json_tag:
                name, *flags = json_tag.group(1).split(",")
                described[tag.group(2)] = [name, *self._describe(field.type, flags)]
        return described

    def _describe(self, address: int, flags: list[str]) -> tuple[str | int, str]:
        kind = self._types.kind(address)
        special = SPECIAL.get(self._types.name(address))
        if special:
            return special, "value" if "omitempty" in flags or special.endswith("time") else "always"
        if kind == POINTER:
            return self._describe(self._types.element(address), [])[0], "always"
        if kind == SLICE and self._types.kind(self._types.element(address)) == BYTE:
            return "bytes", "value"
        if kind in (SLICE, MAP):
            element = self._describe(self._types.element(address), [])[0]
            return element, "list" if kind == SLICE else "map"
        if kind == STRUCT:
            return self._number(address), "inline" if "inline" in flags else "always"
        return KINDS[kind], "value" if "omitempty" in flags else "always"


def main() -> None:
    """Write the table."""
    files = importlib.metadata.files("helm-python-sdk") or []
    library = next(file for file in files if file.name.endswith(".so"))
    image = Image(Path(str(library.locate())).read_bytes())
    types = GoTypes(image)
    addresses = [address for address in image.symbols(b"type:") if address]
    plain = [address for address in addresses if address % 8 == 0]
    table = Table(types, find_messages(types, plain))
    content = json.dumps(
        {"kinds": table.kinds, "messages": table.messages, "schemas": table.schemas},
        separators=(",", ":"),
        sort_keys=True,
    )
    TARGET.write_bytes(gzip.compress(content.encode(), 9, mtime=0))
    print(f"{len(table.messages)} messages, {len(table.kinds)} kinds, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
