"""A pod that has nothing but a token gets its certificate, from nobody but the control plane."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from cryptography import x509
from tests.feature.admission.pods import Pod, make_certificates, open_control_plane, until_listening

CERTIFICATE, TRUST = "/identity/certificate", "/identity/trust"


async def test_both_files_are_fetched(tmp_path: Path) -> None:
    certificates = make_certificates()
    async with open_control_plane(certificates) as plane:
        pod = Pod(tmp_path, plane.settings)
        async with pod.exchange() as envoy:
            await until_listening(pod.places.exchange)
            certificate, trust = await pod.fetch(CERTIFICATE), await pod.fetch(TRUST)
            said = await envoy.end()
    assert certificate.headers["Cache-Control"] == "max-age=43200"
    (secret,) = json.loads(certificate.text)["resources"]
    pem = secret["tls_certificate"]["certificate_chain"]["inline_string"].encode()
    x509.load_pem_x509_certificate(pem).verify_directly_issued_by(
        x509.load_pem_x509_certificate(certificates.bundle)
    )
    (secret,) = json.loads(trust.text)["resources"]
    assert secret["validation_context"]["trusted_ca"]["inline_string"].encode() == certificates.bundle
    assert said == ""


async def test_a_refusal_reaches_the_agent_with_its_reason(tmp_path: Path) -> None:
    async with open_control_plane(make_certificates()) as plane:
        pod = Pod(tmp_path, plane.settings)
        async with pod.exchange():
            await until_listening(pod.places.exchange)
            answer = await pod.fetch(CERTIFICATE, token="header.of-nobody.signature")
    assert (answer.status, answer.text) == (
        401,
        "the token is not one that the cluster made for this audience",
    )


async def test_the_exchange_carries_nothing_else(tmp_path: Path) -> None:
    async with open_control_plane(make_certificates()) as plane:
        pod = Pod(tmp_path, plane.settings)
        async with pod.exchange():
            await until_listening(pod.places.exchange)
            assert (await pod.fetch("/inject")).status == 404
            assert (await pod.fetch("/identity/../inject")).status == 404


async def test_a_server_that_another_authority_signed_is_not_told_the_token(tmp_path: Path) -> None:
    async with open_control_plane(make_certificates()) as plane:
        trusting = replace(plane.settings, trust=make_certificates().bundle.decode())
        pod = Pod(tmp_path, trusting)
        async with pod.exchange():
            await until_listening(pod.places.exchange)
            answer = await pod.fetch(CERTIFICATE)
    assert answer.status == 503
    assert "CERTIFICATE_VERIFY_FAILED" in answer.text


async def test_a_server_of_another_name_is_not_told_the_token(tmp_path: Path) -> None:
    async with open_control_plane(make_certificates("alcove.other.svc")) as plane:
        pod = Pod(tmp_path, plane.settings)
        async with pod.exchange():
            await until_listening(pod.places.exchange)
            answer = await pod.fetch(CERTIFICATE)
    assert answer.status == 503
    assert "CERTIFICATE_VERIFY_FAILED" in answer.text
