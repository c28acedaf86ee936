"""Services as nftables rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.embedded.network.conftest import endpoints, service

from alcove.embedded.network import rules
from alcove.embedded.network.rules import RulePlan, plan_rules, render_change, render_ruleset
from alcove.embedded.network.services import resolve_service

WEB = resolve_service(service("web", "10.96.0.50"), [endpoints("web", "10.42.0.2")])


def test_one_endpoint_is_the_target_itself() -> None:
    plan = plan_rules([WEB])
    (chain,) = plan.chains
    assert plan.chains[chain] == "meta l4proto tcp dnat ip to 10.42.0.2:8080"
    assert plan.services == {"10.96.0.50 . tcp . 80": chain}
    assert plan.hairpins == {"10.42.0.2 . 10.42.0.2"}


@pytest.mark.parametrize(
    ("affinity", "chosen"), [("None", "numgen random mod 2"), ("ClientIP", "jhash ip saddr mod 2")]
)
def test_of_several_endpoints_one_is_chosen(affinity: str, chosen: str) -> None:
    route = resolve_service(
        service("web", "10.96.0.50", sessionAffinity=affinity), [endpoints("web", "10.42.0.3", "10.42.0.2")]
    )
    (rule,) = plan_rules([route]).chains.values()
    assert rule.endswith(f"{chosen} map {{ 0 : 10.42.0.2 . 8080, 1 : 10.42.0.3 . 8080 }}")


@pytest.mark.parametrize(
    "route",
    [
        resolve_service(service("web", "10.96.0.50"), []),
        resolve_service(service("web", "10.96.0.50"), [endpoints("web", "10.42.0.2", ready=False)]),
        resolve_service(service("web", "None"), [endpoints("web", "10.42.0.2")]),
        resolve_service(service("web", "", type="ExternalName", externalName="a.b"), []),
    ],
    ids=["no slice", "not ready", "headless", "external name"],
)
def test_what_has_no_endpoints_or_no_address_has_no_rules(route: object) -> None:
    assert plan_rules([route]) == RulePlan()  # type: ignore[list-item]


def test_a_node_port_leads_to_the_same_chain() -> None:
    spec = service("web", "10.96.0.50", ports=[{"port": 80, "nodePort": 30080}])
    plan = plan_rules([resolve_service(spec, [endpoints("web", "10.42.0.2")])])
    assert plan.node_ports == {"tcp . 30080": plan.services["10.96.0.50 . tcp . 80"]}


def test_other_endpoints_change_only_the_chain() -> None:
    other = resolve_service(service("web", "10.96.0.50"), [endpoints("web", "10.42.0.2", "10.42.0.3")])
    change = render_change(plan_rules([WEB]), plan_rules([other]))
    assert "flush chain" in change
    assert "element ip alcove services" not in change


def test_equal_plans_need_no_change() -> None:
    assert render_change(plan_rules([WEB]), plan_rules([WEB])) == ""


def test_the_whole_table_holds_every_service() -> None:
    text = render_ruleset([service("web", "10.96.0.50")], [endpoints("web", "10.42.0.2")])
    assert text.startswith("table ip alcove\ndelete table ip alcove\n")
    assert "10.96.0.50 . tcp . 80 : goto svc-" in text


_PLANS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.integers(50, 54), st.lists(st.integers(2, 6), max_size=3)),
    max_size=4,
    unique_by=lambda one: one[0],
).map(
    lambda found: plan_rules(
        resolve_service(service(name, f"10.96.0.{last}"), [endpoints(name, *(f"10.42.0.{n}" for n in ends))])
        for name, last, ends in found
    )
)


@given(before=_PLANS, after=_PLANS)
def test_no_chain_is_deleted_while_referred_to_nor_referred_to_before_it_is_there(
    before: RulePlan, after: RulePlan
) -> None:
    chains, elements = set(before.chains), dict(before.services)
    for line in rules.render_change(before, after).splitlines():
        verb, what, *_, rest = line.split(" ", 4)
        if what == "element" and rest.startswith("services"):
            for one in rest.partition("{")[2].rstrip("} ").split(", "):
                key, _, chain = one.strip().partition(" : goto ")
                if verb == "delete":
                    del elements[key]
                else:
                    assert key not in elements
                    assert chain in chains
                    elements[key] = chain
        elif what == "chain":
            name = rest
            if verb == "add":
                chains.add(name)
            elif verb == "delete":
                assert name not in elements.values()
                chains.remove(name)
    assert (chains, elements) == (set(after.chains), dict(after.services))
