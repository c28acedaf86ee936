from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.faults import ApiError
from alcove.embedded.serving.accept import choose_shape, wants_aggregated

METADATA = "as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


@pytest.mark.parametrize(
    ("header", "shape"),
    [
        ("", "object"),
        ("*/*", "object"),
        ("application/json, */*", "object"),
        ("application/vnd.kubernetes.protobuf,application/json", "object"),
        ("application/json;stream=watch", "object"),
        (f"{TABLE},application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", "table"),
        (f"application/json;q=0.5,{TABLE};q=0.9", "table"),
        ("application/json;as=Table;v=v9;g=meta.k8s.io,application/json", "object"),
        ("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", "metadata"),
        (f"application/vnd.kubernetes.protobuf;{METADATA},application/json;{METADATA}", "metadata"),
        ("application/json;q=x, */*", "object"),
    ],
)  # fmt: skip
def test_the_first_form_that_is_spoken_here_is_chosen(header: str, shape: str) -> None:
    assert choose_shape(header) == shape


@pytest.mark.parametrize(
    "header", ["application/vnd.kubernetes.protobuf", "text/html", "application/json;q=0", ";"]
)
def test_a_client_that_takes_no_json_is_told(header: str) -> None:
    with pytest.raises(ApiError) as refused:
        choose_shape(header)
    assert (refused.value.code, refused.value.reason) == (406, "NotAcceptable")


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("", False),
        ("application/json", False),
        (f"{AGGREGATED},application/json", True),
        (f"application/json,{AGGREGATED}", False),
        ("application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json", False),
    ],
)
def test_aggregated_discovery_is_for_those_who_prefer_it(header: str, wanted: bool) -> None:
    assert wants_aggregated(header) is wanted


@given(st.text())
def test_any_header_is_chosen_from_or_refused(header: str) -> None:
    for choose in (choose_shape, wants_aggregated):
        try:
            choose(header)
        except ApiError as error:
            assert error.code == 406
