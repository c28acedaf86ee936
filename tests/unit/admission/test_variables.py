"""Texts that go through Kubernetes' expansion and come out as they were meant."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alcove.admission.variables import POD_IP, POD_UID, literal, reference, render_variables
from alcove.embedded.kubelet.environment import expand

VALUES = {POD_IP: "10.1.2.3", POD_UID: "u-1"}


@given(st.lists(st.sampled_from(["$", "(", ")", POD_IP, "x"]), max_size=9).map("".join))
def test_a_literal_is_never_a_reference(text: str) -> None:
    assert expand(literal(text), VALUES) == text


def test_a_reference_is_replaced_beside_literals() -> None:
    assert expand(literal("$(ALCOVE_POD_IP)=") + reference(POD_IP), VALUES) == "$(ALCOVE_POD_IP)=10.1.2.3"


def test_values_come_after_the_facts_that_they_refer_to() -> None:
    rendered = render_variables(FIRST="1", SECOND="2")
    assert [one["name"] for one in rendered][-2:] == ["FIRST", "SECOND"]
    assert rendered[0] == {
        "name": POD_IP,
        "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}},
    }
