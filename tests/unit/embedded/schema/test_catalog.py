from __future__ import annotations

import pytest
from tests.unit.embedded.schema.samples import boat, crd, pod, thing, told, type_of

from alcove.embedded.faults import ApiError
from alcove.embedded.objects import GroupResource, Object
from alcove.embedded.schema import Catalog


@pytest.mark.parametrize(
    ("group", "version", "plural", "kind"),
    [
        ("", "v1", "pods", "Pod"),
        ("apps", "v1", "deployments", "Deployment"),
        ("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole"),
        ("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition"),
    ],
)
def test_a_type_is_found_by_path_and_by_kind(
    builtin: Catalog, group: str, version: str, plural: str, kind: str
) -> None:
    found = builtin.find(group, version, plural)
    assert found is not None
    assert found.kind == kind
    assert builtin.for_kind(group, version, kind) is found


@pytest.mark.parametrize("plural", ["daemonsets", "cronjobs", "apiservices", "replicationcontrollers"])
def test_what_is_left_for_later_is_known_but_not_implemented(builtin: Catalog, plural: str) -> None:
    assert [each.implemented for each in builtin.types() if each.plural == plural] == [False]


def test_subresources_left_for_later_stand_apart(builtin: Catalog) -> None:
    pods = builtin.find("", "v1", "pods")
    assert pods is not None
    assert set(pods.subresources) == {"binding", "eviction", "exec", "log", "portforward", "status"}
    assert "attach" in pods.extra["refused"]


def test_the_preferred_version_is_one_that_is_implemented(builtin: Catalog) -> None:
    found = builtin.preferred(GroupResource("horizontalpodautoscalers.autoscaling"))
    assert found is not None
    assert found.version == "v2"


def test_every_implemented_type_has_a_schema_with_metadata(builtin: Catalog) -> None:
    for each in builtin.types():
        if each.implemented:
            assert builtin.schema(each).field("metadata") is not None, each


def test_a_crd_serves_its_type_until_it_is_removed(catalog: Catalog) -> None:
    before = catalog.generation
    catalog.install_crd(crd())
    installed = catalog.generation
    assert catalog.find("example.com", "v1", "boats") is not None
    catalog.remove_crd("boats.example.com")
    assert catalog.find("example.com", "v1", "boats") is None
    assert before < installed < catalog.generation


def test_removing_what_is_not_there_changes_nothing(catalog: Catalog) -> None:
    before = catalog.generation
    catalog.remove_crd("nothing.example.com")
    assert catalog.generation == before


def test_installing_a_crd_again_serves_its_new_schema(catalog: Catalog) -> None:
    catalog.install_crd(crd())
    catalog.install_crd(crd({"type": "object", "properties": {"mast": {"type": "string"}}}))
    item = boat(mast="tall")
    assert catalog.unknown_fields(type_of(catalog, item), item) == []


def test_unknown_fields_are_named_and_dropped(builtin: Catalog) -> None:
    item = pod(nodename="a", containers=[{"name": "a", "image": "b", "imagee": "c"}])
    kind = type_of(builtin, item)
    assert sorted(builtin.unknown_fields(kind, item)) == ["spec.containers[0].imagee", "spec.nodename"]
    pruned = builtin.prune(kind, item)
    assert builtin.unknown_fields(kind, pruned) == []
    assert "nodename" in item["spec"], "the given object is not changed"


def test_an_object_in_order_is_pruned_to_itself(builtin: Catalog) -> None:
    item = pod()
    assert builtin.prune(type_of(builtin, item), item) is item


def test_nulls_of_built_in_fields_mean_absence(builtin: Catalog) -> None:
    item = thing("ConfigMap", data={"a": "b"})
    item["metadata"]["creationTimestamp"] = None
    assert "creationTimestamp" not in builtin.prune(type_of(builtin, item), item)["metadata"]


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (
            thing("Deployment", "apps/v1", spec={"replicas": "3"}),
            (
                'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string '
                "into Go struct field Deployment.spec.replicas of type int32"
            ),
        ),
        (thing("ConfigMap", data={"a": 1}), "cannot unmarshal number into Go struct field ConfigMap.data.a"),
        (thing("Pod", spec=[]), "cannot unmarshal array into Go struct field Pod.spec of type struct"),
    ],
)
def test_another_type_is_refused_as_a_decoder_does(builtin: Catalog, item: Object, said: str) -> None:
    with pytest.raises(ApiError, match="cannot be handled as a") as caught:
        builtin.default(type_of(builtin, item), item)
    assert caught.value.code == 400
    assert said in caught.value.message


def test_metadata_of_custom_resources_is_checked_as_that_of_others(catalog: Catalog) -> None:
    catalog.install_crd(crd())
    item = boat() | {"metadata": {"name": "Bad_Name"}}
    [complaint] = told(catalog.validate(type_of(catalog, item), item, None))
    assert complaint.startswith('metadata.name: Invalid value: "Bad_Name": a lowercase RFC 1123 subdomain')


def test_reviews_need_no_name(builtin: Catalog) -> None:
    item = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": "x"}}
    assert builtin.validate(type_of(builtin, item), item, None) == []


def test_what_an_update_leaves_alone_is_not_complained_about_again(builtin: Catalog) -> None:
    old = thing("Service", spec={"ports": []})
    new = old | {"status": {"loadBalancer": {}}}
    assert builtin.validate(type_of(builtin, old), new, old) == []


def test_objects_nested_too_deeply_are_refused(builtin: Catalog) -> None:
    schema: Object = {"type": "object"}
    for _ in range(300):
        schema = {"type": "object", "properties": {"a": schema}}
    item = crd(schema)
    with pytest.raises(ApiError, match="nested deeper") as caught:
        builtin.prune(type_of(builtin, item), item)
    assert caught.value.code == 400
