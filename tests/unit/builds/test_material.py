from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.admission import signing
from alcove.admission.certificates import Authority
from alcove.admission.issuing import PodIdentity, issue_certificate, render_trust
from alcove.builds import material
from alcove.builds.material import MaterialError

NOW, END = 1_700_000_000.0, 4_000_000_000.0
AUTHORITY = Authority(signing.make_authority(NOW, END), END, NOW)
POD = PodIdentity("u-1", "dev", "alcove-hub-a-b")


def encoded(document: Any) -> bytes:
    return json.dumps(document).encode()


def test_what_the_control_plane_gives_can_be_used() -> None:
    pair = material.parse_certificate(encoded(issue_certificate(POD, AUTHORITY, NOW).body))
    assert pair.certificate.startswith(b"-----BEGIN CERTIFICATE") and "PRIVATE" not in repr(pair)
    bundle = AUTHORITY.pair.certificate + signing.make_authority(NOW, END).certificate
    assert material.parse_trust(encoded(render_trust(bundle).body)).count(b"BEGIN CERTIFICATE") == 2


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"resources": []},
        {"resources": [{}, {}]},
        {"resources": [{"tls_certificate": {"certificate_chain": {"inline_string": "x"}}}]},
        render_trust(AUTHORITY.pair.certificate).body,
        {
            "resources": [
                {
                    "tls_certificate": {
                        "certificate_chain": {"inline_string": "x"},
                        "private_key": {"inline_string": "very secret"},
                    }
                }
            ]
        },
    ],
)
def test_what_is_no_certificate_is_refused_without_being_quoted(document: Any) -> None:
    with pytest.raises(MaterialError) as caught:
        material.parse_certificate(encoded(document))
    assert "very secret" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "nothing", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_what_names_no_authority_is_refused(text: str) -> None:
    document = {"resources": [{"validation_context": {"trusted_ca": {"inline_string": text}}}]}
    with pytest.raises(MaterialError):
        material.parse_trust(encoded(document))


@given(st.binary(max_size=300))
def test_random_answers_are_refused(content: bytes) -> None:
    for parse in (material.parse_certificate, material.parse_trust):
        with pytest.raises(MaterialError):
            parse(content)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("max-age=43200", 43200), ("private, max-age=60", 60), ("max-age=0", 1), ("", 60), ("max-age=-5", 60)],
)
def test_answers_say_how_long_they_are_good(header: str, seconds: float) -> None:
    assert material.parse_max_age(header) == seconds
