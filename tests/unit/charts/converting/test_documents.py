from __future__ import annotations

import pytest

from alcove.charts import manifests
from alcove.charts.converting.documents import convert_definitions, convert_documents
from alcove.charts.errors import ChartError

OLD = """\
# a comment
apiVersion: apps/v1beta2
kind: Deployment
metadata: {name: web, annotations: {helm.sh/hook: pre-install}}
spec: {template: {metadata: {labels: {app: web}}}}
"""
CURRENT = "apiVersion: v1  # as it was written\nkind: Service\nmetadata: {name: web}\n"
GONE = "apiVersion: policy/v1beta1\nkind: PodSecurityPolicy\nmetadata: {name: p}\n"
DEFINITION = "apiVersion: apiextensions.k8s.io/v1beta1\nkind: CustomResourceDefinition\nmetadata: {name: g}\n"


def test_only_what_is_retired_is_written_anew() -> None:
    documents = manifests.parse_templates({"web/templates/all.yaml": f"{OLD}---\n{CURRENT}---\n{GONE}"})
    converted = convert_documents(documents)
    deployment, service = converted.documents
    assert service is documents[1]
    assert manifests.parse_yaml(deployment.text) == deployment.object
    assert deployment.hook
    assert deployment.template == "web/templates/all.yaml"
    assert converted.notes == (
        "Deployment web: apps/v1beta2 -> apps/v1",
        "PodSecurityPolicy p: policy/v1beta1 has no successor, left out",
    )


def test_definitions_stay_as_they_are_unless_one_is_retired() -> None:
    files, notes = convert_definitions([("a.yaml", f"{CURRENT}---\n{DEFINITION}"), ("b.yaml", "# nothing")])
    assert [name for name, _ in files] == ["a.yaml", "b.yaml"]
    assert files[1][1] == "# nothing"
    first, second = manifests.split_documents(files[0][1])
    assert first.strip() == CURRENT.strip()
    assert manifests.parse_yaml(second)["apiVersion"] == "apiextensions.k8s.io/v1"
    assert len(notes) == 1


def test_a_definition_that_is_not_yaml_is_named() -> None:
    with pytest.raises(ChartError, match=r"a\.yaml is not YAML"):
        convert_definitions([("a.yaml", "a: [")])
