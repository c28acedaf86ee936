"""Manifests as bytes, and bytes that are none."""

from __future__ import annotations

import contextlib
import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.sync.worlds import MANIFESTS, file_of

from alcove.sync import encoding
from alcove.sync.errors import SyncError
from alcove.sync.manifest import Directory, Manifest, diff

ROW = st.tuples(
    st.text(max_size=4) | st.sampled_from(["a", "a/b", "..", "a/../b"]),
    st.binary(max_size=33) | st.just(b"d" * 32),
    st.text(max_size=3),
    st.integers(-1, 2**60),
    st.integers(-1, 2**13),
)


@given(MANIFESTS)
def test_a_manifest_comes_back(manifest: Manifest) -> None:
    made = encoding.decode_manifest(encoding.encode_manifest(manifest))
    assert made == manifest and made.id == manifest.id


@given(MANIFESTS, MANIFESTS)
def test_changes_come_back(before: Manifest, after: Manifest) -> None:
    changes = diff(before, after)
    assert encoding.decode_changes(encoding.encode_changes(changes)) == changes


@given(st.binary(max_size=60), st.sampled_from([b"", b"ALCm1", b"ALCc1"]), st.booleans())
def test_random_bytes_are_refused(content: bytes, start: bytes, squeezed: bool) -> None:
    encoded = start + (zlib.compress(content) if squeezed else content)
    for decode in (encoding.decode_manifest, encoding.decode_changes):
        with contextlib.suppress(SyncError):
            decode(encoded)


@given(st.lists(ROW, max_size=4), st.lists(st.text(max_size=3), max_size=2))
def test_what_is_accepted_is_a_tree(rows: list[object], removed: list[str]) -> None:
    with contextlib.suppress(SyncError):
        manifest = encoding.decode_manifest(b"ALCm1" + zlib.compress(msgspec.msgpack.encode(rows)))
        assert encoding.decode_manifest(encoding.encode_manifest(manifest)) == manifest
    with contextlib.suppress(SyncError):
        encoding.decode_changes(b"ALCc1" + zlib.compress(msgspec.msgpack.encode((rows, removed))))


@given(MANIFESTS, st.data())
def test_a_changed_byte_raises_nothing_else(manifest: Manifest, data: st.DataObject) -> None:
    encoded = bytearray(encoding.encode_manifest(manifest))
    encoded[data.draw(st.integers(0, len(encoded) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(SyncError):
        encoding.decode_manifest(bytes(encoded))


def test_a_bomb_is_refused_before_it_goes_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "LARGEST_ENCODED", 1 << 16)
    with pytest.raises(SyncError, match="more than"):
        encoding.decode_manifest(b"ALCm1" + zlib.compress(bytes(1 << 24)))
    with pytest.raises(SyncError, match="too large"):
        encoding.decode_manifest(b"ALCm1" + bytes(1 << 17))


@pytest.mark.parametrize("path", ["../a", "/etc/passwd", "a/./b", "a\\b", "a\0b", ""])
def test_no_path_leaves_the_tree(path: str) -> None:
    for kind, content in ((b"ALCm1", [(path, b"", "", 0, 0o755)]), (b"ALCc1", ([], [path]))):
        with pytest.raises(SyncError):
            decode = encoding.decode_manifest if kind == b"ALCm1" else encoding.decode_changes
            decode(kind + zlib.compress(msgspec.msgpack.encode(content)))


def test_bytes_after_the_end_and_paths_that_come_twice_are_refused() -> None:
    encoded = encoding.encode_manifest(Manifest({"a": Directory(), "a/b": file_of(b"x")}))
    with pytest.raises(SyncError):
        encoding.decode_manifest(encoded + b"x")
    rows = [("a", b"", "", 0, 0o755)] * 2
    with pytest.raises(SyncError, match="twice"):
        encoding.decode_manifest(b"ALCm1" + zlib.compress(msgspec.msgpack.encode(rows)))
