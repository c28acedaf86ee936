from __future__ import annotations

import pytest
from tests.feature.xds.certificates import Authority

from alcove.errors import ConflictError
from alcove.xds.credentials import Credentials

GOOD = Authority().of_server()


@pytest.mark.parametrize(
    ("certificate", "key", "client_ca", "reason"),
    [
        (b"nonsense", GOOD.key, GOOD.client_ca, "the server's certificate"),
        (GOOD.certificate, GOOD.key, b"", "the proxies' certificate authority"),
        (GOOD.certificate, b"hunter2", GOOD.client_ca, "not an unencrypted private key"),
        (GOOD.certificate, Authority().of_server().key, GOOD.client_ca, "not the key of its certificate"),
    ],
)
def test_unusable_credentials_are_refused(
    certificate: bytes, key: bytes, client_ca: bytes, reason: str
) -> None:
    with pytest.raises(ConflictError, match=reason) as caught:
        Credentials(certificate, key, client_ca)
    assert "hunter2" not in f"{caught.value!r}{caught.value.__context__}"


def test_a_key_is_never_shown() -> None:
    assert "PRIVATE" not in repr(GOOD)
