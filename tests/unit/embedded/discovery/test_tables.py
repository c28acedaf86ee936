from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.discovery.columns import BUILT_IN
from alcove.embedded.discovery.tables import render_table
from alcove.embedded.objects import GroupResource, Object, ResourceType
from alcove.embedded.schema import Catalog

NOW = 1704067200.0  # 2024-01-01T00:00:00Z
META = {"name": "web", "namespace": "default", "creationTimestamp": "2023-12-31T23:00:00Z"}
TYPES = Catalog.load()


def typed(resource: str) -> ResourceType:
    found = TYPES.preferred(GroupResource(resource))
    assert found is not None
    return found


def shown(resource_type: ResourceType, **fields: Any) -> dict[str, Any]:
    """Give the cells of one object's row by column."""
    table = render_table(resource_type, [{"metadata": META, **fields}], now=NOW)
    names = [column["name"] for column in table["columnDefinitions"]]
    return dict(zip(names, table["rows"][0]["cells"], strict=True))


def custom(*columns: Object) -> ResourceType:
    extra = {"printerColumns": list(columns)}
    return ResourceType("example.com", "v1", "Boat", "boats", "boat", True, (), custom=True, extra=extra)


@pytest.mark.parametrize(
    ("resource", "fields", "cells"),
    [
        (
            "services",
            {
                "spec": {
                    "type": "NodePort",
                    "clusterIP": "10.0.0.1",
                    "ports": [{"port": 80, "nodePort": 30080}],
                }
            },
            {
                "Type": "NodePort",
                "Cluster-IP": "10.0.0.1",
                "External-IP": "<none>",
                "Port(s)": "80:30080/TCP",
            },
        ),
        ("services", {"spec": {"type": "LoadBalancer"}}, {"External-IP": "<pending>", "Port(s)": "<none>"}),
        ("services", {"spec": {"type": "ExternalName", "externalName": "a.b"}}, {"External-IP": "a.b"}),
        (
            "deployments.apps",
            {
                "spec": {"replicas": 3, "selector": {"matchLabels": {"a": "b"}}},
                "status": {"readyReplicas": 2, "updatedReplicas": 3},
            },
            {"Ready": "2/3", "Up-to-date": 3, "Available": 0, "Selector": "a=b"},
        ),
        (
            "replicasets.apps",
            {"spec": {"replicas": 2}, "status": {"replicas": 1}},
            {"Desired": 2, "Current": 1},
        ),
        ("statefulsets.apps", {"spec": {"replicas": 2}}, {"Ready": "0/2"}),
        (
            "jobs.batch",
            {
                "spec": {"completions": 2},
                "status": {
                    "succeeded": 2,
                    "startTime": "2023-12-31T23:00:00Z",
                    "completionTime": "2023-12-31T23:00:09Z",
                    "conditions": [{"type": "Complete", "status": "True"}],
                },
            },
            {"Status": "Complete", "Completions": "2/2", "Duration": "9s"},
        ),
        ("namespaces", {"status": {"phase": "Active"}}, {"Status": "Active", "Age": "60m"}),
        (
            "nodes",
            {
                "status": {"conditions": [{"type": "Ready", "status": "False"}]},
                "spec": {"unschedulable": True},
            },
            {"Status": "NotReady,SchedulingDisabled", "Roles": "<none>", "Internal-IP": "<none>"},
        ),
        ("configmaps", {"data": {"a": "b"}, "binaryData": {"c": ""}}, {"Data": 2}),
        ("secrets", {"type": "Opaque"}, {"Type": "Opaque", "Data": 0}),
        (
            "endpoints",
            {"subsets": [{"addresses": [{"ip": f"10.0.0.{n}"} for n in range(4)], "ports": [{"port": 80}]}]},
            {"Endpoints": "10.0.0.0:80,10.0.0.1:80,10.0.0.2:80 + 1 more..."},
        ),
        (
            "endpointslices.discovery.k8s.io",
            {"addressType": "IPv4", "ports": [{"port": 80}], "endpoints": [{"addresses": ["10.0.0.1"]}]},
            {"AddressType": "IPv4", "Ports": "80", "Endpoints": "10.0.0.1"},
        ),
        (
            "events",
            {
                "involvedObject": {"kind": "Pod", "name": "p"},
                "message": " hi\n",
                "lastTimestamp": "2023-12-31T23:59:00Z",
            },
            {"Last Seen": "60s", "Object": "pod/p", "Message": "hi", "Count": 1},
        ),
        (
            "ingresses.networking.k8s.io",
            {"spec": {"rules": [{"host": "a.b"}], "tls": [{}]}},
            {"Class": "<none>", "Hosts": "a.b", "Ports": "80, 443"},
        ),
        (
            "persistentvolumeclaims",
            {"status": {"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}}},
            {"Status": "Bound", "Access Modes": "RWO", "Capacity": "1Gi"},
        ),
        (
            "rolebindings.rbac.authorization.k8s.io",
            {"roleRef": {"kind": "Role", "name": "r"}, "subjects": [{"kind": "User", "name": "u"}]},
            {"Role": "Role/r", "Users": "u", "Groups": ""},
        ),
        ("leases.coordination.k8s.io", {"spec": {"holderIdentity": "h"}}, {"Holder": "h"}),
        (
            "customresourcedefinitions.apiextensions.k8s.io",
            {},
            {"Name": "web", "Created At": "2023-12-31T23:00:00Z"},
        ),
        ("serviceaccounts", {}, {"Name": "web", "Age": "60m"}),
    ],
)
def test_built_in_kinds_show_what_kubectl_shows(resource: str, fields: Object, cells: dict[str, Any]) -> None:
    row = shown(typed(resource), **fields)
    assert {name: row[name] for name in cells} == cells


@pytest.mark.parametrize("resource", BUILT_IN)
def test_an_object_without_anything_has_a_row(resource: str) -> None:
    table = render_table(typed(resource), [{}], now=NOW)
    assert len(table["rows"][0]["cells"]) == len(table["columnDefinitions"])


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ({"type": "string", "jsonPath": ".spec.text"}, "x"),
        ({"type": "string", "jsonPath": ".spec.count"}, "3"),
        ({"type": "string", "jsonPath": ".spec"}, '{"text":"x","count":3,"on":true}'),
        ({"type": "integer", "jsonPath": ".spec.count"}, 3),
        ({"type": "integer", "jsonPath": ".spec.text"}, None),
        ({"type": "boolean", "jsonPath": ".spec.on"}, True),
        ({"type": "date", "jsonPath": ".metadata.creationTimestamp"}, "60m"),
        ({"type": "string", "jsonPath": ".spec.missing"}, None),
        ({"type": "string", "jsonPath": "..not supported"}, None),
    ],
)
def test_custom_columns_show_what_their_path_leads_to(column: Object, cell: Any) -> None:
    row = shown(custom({"name": "C", **column}), spec={"text": "x", "count": 3, "on": True})
    assert row == {"Name": "web", "C": cell}


def test_custom_kinds_without_columns_show_name_and_age() -> None:
    assert shown(custom()) == {"Name": "web", "Age": "60m"}


@pytest.mark.parametrize(
    ("include", "carried"),
    [
        ("None", None),
        ("Metadata", {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": META}),
        ("Object", {"metadata": META, "data": {}}),
    ],
)
def test_rows_carry_as_much_of_the_object_as_is_asked_for(include: str, carried: Object | None) -> None:
    table = render_table(typed("configmaps"), [{"metadata": META, "data": {}}], now=NOW, include=include)
    assert table["rows"][0].get("object") == carried


def test_ended_pods_are_marked() -> None:
    table = render_table(typed("pods"), [{"metadata": META, "status": {"phase": "Succeeded"}}], now=NOW)
    [condition] = table["rows"][0]["conditions"]
    assert (condition["type"], condition["reason"]) == ("Completed", "Succeeded")


def test_a_table_has_the_lists_metadata_and_wide_columns_have_low_priority() -> None:
    table = render_table(typed("pods"), [], now=NOW, list_metadata={"resourceVersion": "7"})
    assert table["metadata"] == {"resourceVersion": "7"}
    priorities = {column["name"]: column["priority"] for column in table["columnDefinitions"]}
    assert (priorities["Status"], priorities["Node"]) == (0, 1)


@given(
    content=st.fixed_dictionaries(
        {},
        optional={
            "spec": st.dictionaries(
                st.sampled_from(["type", "ports", "rules", "selector"]), st.none() | st.just({})
            ),
            "status": st.dictionaries(st.sampled_from(["conditions", "loadBalancer"]), st.none()),
        },
    )
)
def test_gaps_in_objects_leave_cells_empty(content: Object) -> None:
    for resource in BUILT_IN:
        render_table(typed(resource), [content], now=NOW)
