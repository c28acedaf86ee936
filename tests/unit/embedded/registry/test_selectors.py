"""Selectors: the grammar of Kubernetes, and nothing but ApiErrors for anything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.faults import ApiError
from alcove.embedded.objects import Object, ResourceType
from alcove.embedded.registry.selectors import parse_field_selector, parse_label_selector, parse_selectors


def resource(plural: str, group: str = "") -> ResourceType:
    return ResourceType(group, "v1", "Kind", plural, "kind", True, ())


PODS = resource("pods")


def selects(selector: str, **labels: str) -> bool:
    predicate = parse_label_selector(selector)
    assert predicate is not None
    return predicate({"metadata": {"labels": labels}})


@pytest.mark.parametrize(
    ("selector", "labels", "selected"),
    [
        ("a=x", {"a": "x"}, True),
        ("a==x", {"a": "x"}, True),
        ("a = x", {"a": "y"}, False),
        ("a=", {"a": ""}, True),
        ("a=", {}, False),
        ("a!=x", {"a": "y"}, True),
        ("a!=x", {}, True),
        ("a!=x", {"a": "x"}, False),
        ("a", {"a": ""}, True),
        ("a", {}, False),
        ("!a", {}, True),
        ("! a", {"a": "x"}, False),
        ("a in (x, y)", {"a": "y"}, True),
        ("a in (x,y)", {"a": "z"}, False),
        ("a in (x,y)", {}, False),
        ("a in (,x)", {"a": ""}, True),
        ("a notin (x,y)", {"a": "z"}, True),
        ("a notin (x,y)", {}, True),
        ("a notin(x)", {"a": "x"}, False),
        ("a>5", {"a": "6"}, True),
        ("a<5", {"a": "6"}, False),
        ("a>5", {}, False),
        ("a=x,b=y", {"a": "x", "b": "y"}, True),
        ("a=x,b=y", {"a": "x"}, False),
        ("example.com/a=x,!b,c notin (y)", {"example.com/a": "x"}, True),
        ("in=x", {"in": "x"}, True),
    ],
)
def test_labels_are_selected(selector: str, labels: dict[str, str], selected: bool) -> None:
    assert selects(selector, **labels) is selected


@pytest.mark.parametrize(
    "selector",
    ["=", "a=x,", ",", "a in", "a in x", "a in (x", "a in (x y)", "a~x", "a=x b", "!", "a>x", "-a", "a=b=c"],
)
def test_malformed_label_selectors_are_refused(selector: str) -> None:
    with pytest.raises(ApiError, match="unable to parse requirement") as raised:
        parse_label_selector(selector)
    assert raised.value.code == 400


def test_empty_selectors_select_everything() -> None:
    assert parse_label_selector("") is parse_label_selector("  ") is None
    assert parse_field_selector(PODS, "") is None
    assert parse_selectors(PODS, "", "") is None


def test_objects_without_labels_are_not_special() -> None:
    predicate = parse_label_selector("!a")
    assert predicate is not None and predicate({}) and predicate({"metadata": {}})


POD: Object = {
    "metadata": {"name": "web", "namespace": "prod", "labels": {"a": "x"}},
    "spec": {"nodeName": "n1", "restartPolicy": "Always"},
    "status": {"phase": "Running", "podIP": "10.0.0.7"},
}


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ("metadata.name=web", True),
        ("metadata.name==web", True),
        ("metadata.name!=web", False),
        ("metadata.namespace=prod,spec.nodeName=n1", True),
        ("spec.host=n1", True),
        ("status.phase!=Running", False),
        ("status.podIP=10.0.0.7", True),
        ("spec.serviceAccountName=", True),
        ("spec.hostNetwork=false", True),
        ("metadata.name=we\\,b", False),
    ],
)
def test_pods_are_selected_by_fields(selector: str, selected: bool) -> None:
    predicate = parse_field_selector(PODS, selector)
    assert predicate is not None and predicate(POD) is selected


@pytest.mark.parametrize(
    ("plural", "group", "selector", "item"),
    [
        ("nodes", "", "spec.unschedulable=false", {}),
        ("nodes", "", "spec.unschedulable=true", {"spec": {"unschedulable": True}}),
        ("secrets", "", "type=Opaque", {"type": "Opaque"}),
        ("namespaces", "", "status.phase=Active", {"status": {"phase": "Active"}}),
        ("events", "", "involvedObject.name=a", {"involvedObject": {"name": "a"}}),
        ("events", "", "source=kubelet", {"source": {"component": "kubelet"}}),
        ("replicasets", "apps", "status.replicas=0", {}),
        ("jobs", "batch", "status.successful=2", {"status": {"succeeded": 2}}),
    ],
)
def test_other_types_have_fields_of_their_own(plural: str, group: str, selector: str, item: Object) -> None:
    predicate = parse_field_selector(resource(plural, group), selector)
    assert predicate is not None and predicate(item)


def test_custom_types_may_name_fields() -> None:
    kind = resource("widgets", "example.com")
    predicate = parse_field_selector(kind, "spec.color=red", ["spec.color"])
    assert predicate is not None and predicate({"spec": {"color": "red"}})


@pytest.mark.parametrize(
    ("plural", "selector", "text"),
    [
        ("pods", "spec.foo=bar", "field label not supported: spec.foo"),
        ("configmaps", "spec.foo=bar", '"spec.foo" is not a known field selector: only "metadata.name"'),
        ("pods", "metadata.name", "invalid selector"),
    ],
)
def test_unknown_fields_are_told(plural: str, selector: str, text: str) -> None:
    with pytest.raises(ApiError, match=text) as raised:
        parse_field_selector(resource(plural), selector)
    assert raised.value.code == 400


_LETTERS = st.text(alphabet="ab!=<>(), \\\n\u00fcin.-/0", max_size=20)


@given(selector=st.one_of(st.text(), _LETTERS))
def test_any_label_selector_is_a_predicate_or_an_api_error(selector: str) -> None:
    try:
        predicate = parse_label_selector(selector)
    except ApiError as error:
        assert error.code == 400
    else:
        assert predicate is None or predicate(POD) in (True, False)


@given(selector=st.one_of(st.text(), _LETTERS.map(lambda text: f"metadata.name={text}")))
def test_any_field_selector_is_a_predicate_or_an_api_error(selector: str) -> None:
    try:
        predicate = parse_field_selector(PODS, selector)
    except ApiError as error:
        assert error.code == 400
    else:
        assert predicate is None or predicate(POD) in (True, False)
