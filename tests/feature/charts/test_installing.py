"""Charts of many shapes, installed, upgraded and uninstalled by Helm's own code."""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.feature.charts import samples
from tests.feature.charts.samples import TAG, write_chart

from alcove.charts.conflicts import conflict_error, find_conflicts, references
from alcove.charts.errors import ChartError, HelmError, ReleaseNotFoundError
from alcove.charts.helm import Helm
from alcove.charts.model import Release
from alcove.charts.sessions import find_endpoints, find_hosts, find_session_containers
from alcove.kube import errors, resources
from alcove.kube.client import KubeClient, Selection
from alcove.kube.resources import Resource

BUDGETS = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
SCALERS = Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
GADGETS = Resource("example.com", "v1", "gadgets", "Gadget")


def release(
    chart: Path, values: Mapping[str, Any] | None = None, *, tag: str = TAG, name: str = "r"
) -> Release:
    return Release(
        name, "default", chart, (values or {},), {"image": {"tag": tag}}, {"alcove.dev/project": "p"}
    )


async def install(helm: Helm, wanted: Release) -> Any:
    return await helm.install(await helm.inspect(wanted))


async def test_a_modern_chart_is_installed_as_it_is_and_upgraded(
    helm: Helm, client: KubeClient, tmp_path: Path
) -> None:
    chart = write_chart(tmp_path / "web", samples.MODERN)
    rendered = await helm.inspect(release(chart, {"replicas": 2}))
    assert (rendered.converted, rendered.revision, rendered.chart.name) == ((), 1, "web")
    installed = await helm.install(rendered)
    assert (installed.status, installed.revision, installed.notes) == ("deployed", 1, "r is there")
    assert (installed.chart, installed.version, installed.labels) == (
        "web",
        "0.1.0",
        {"alcove.dev/project": "p"},
    )
    again = await helm.inspect(release(chart, tag="other"))
    assert again.revision == 2
    assert (await helm.install(again)).revision == 2
    stored = await client.get(resources.DEPLOYMENTS, "web", namespace="default")
    assert stored["spec"]["template"]["spec"]["containers"][0]["image"] == "web:other"
    assert stored["metadata"]["labels"] == {
        "revision": "2",
        "upgrade": "true",
        "app.kubernetes.io/managed-by": "Helm",
    }
    assert {entry["manager"] for entry in stored["metadata"]["managedFields"]} == {"helm"}


async def test_inspecting_changes_nothing(helm: Helm, client: KubeClient, tmp_path: Path) -> None:
    chart = write_chart(tmp_path / "web", samples.HOOKED)
    rendered = await helm.inspect(release(chart))
    assert [item["kind"] for item in rendered.hooks] == ["ConfigMap"]
    assert sorted(item["kind"] for item in rendered.objects) == [
        "Deployment",
        "HorizontalPodAutoscaler",
        "Service",
    ]
    assert await helm.list("default") == ()
    assert not (await client.list(resources.DEPLOYMENTS)).items


async def test_a_chart_of_the_old_days_is_converted(helm: Helm, client: KubeClient, tmp_path: Path) -> None:
    chart = write_chart(tmp_path / "web", samples.OLD)
    values = {"secrets": {"mongo": {"connectionstring": "eA=="}}, "buildID": "7"}
    rendered = await helm.inspect(release(chart, values))
    assert rendered.converted == (
        "Deployment web: apps/v1beta2 -> apps/v1",
        "Ingress web: extensions/v1beta1 -> networking.k8s.io/v1",
    )
    installed = await helm.install(rendered)
    assert (installed.status, installed.notes) == ("deployed", "found at web.example.com, {{")
    assert (installed.chart, installed.version) == ("web", "0.1.0")
    stored = await client.get(resources.DEPLOYMENTS, "web", namespace="default")
    assert stored["spec"]["selector"] == {"matchLabels": {"app": "web", "draft": "draft-app"}}
    assert stored["spec"]["template"]["metadata"]["annotations"]["template"] == "{{ .Values.kept }}"
    ingress = await client.get(resources.INGRESSES, "web", namespace="default")
    assert ingress["spec"]["rules"][0]["http"]["paths"] == [
        {
            "path": "/",
            "pathType": "ImplementationSpecific",
            "backend": {"service": {"name": "web", "port": {"name": "http"}}},
        }
    ]
    assert ingress["metadata"]["annotations"]["kubernetes.io/ingress.class"] == "traefik-azds"
    assert await client.get(resources.SECRETS, "web-mongo", namespace="default")
    assert await helm.values("r", "default") == {**values, "image": {"tag": TAG}}


async def test_a_converted_chart_is_upgraded_and_uninstalled(
    helm: Helm, client: KubeClient, tmp_path: Path
) -> None:
    chart = write_chart(tmp_path / "web", samples.OLD)
    await install(helm, release(chart, {"buildID": "1"}))
    write_chart(chart, {"Chart.yaml": samples.V1.replace("0.1.0", "0.2.0")})
    upgraded = await install(helm, release(chart, {"buildID": "2", "ingress": {"enabled": False}}))
    assert (upgraded.revision, upgraded.version) == (2, "0.2.0")
    assert not (await client.list(resources.INGRESSES)).items
    stored = await client.get(resources.DEPLOYMENTS, "web", namespace="default")
    assert stored["spec"]["template"]["metadata"]["annotations"]["buildID"] == "2"
    assert await helm.uninstall("r", "default") is True
    assert not (await client.list(resources.DEPLOYMENTS)).items
    assert await helm.list("default") == ()
    assert await helm.uninstall("r", "default") is False


async def test_a_session_is_found_in_what_is_rendered(helm: Helm, tmp_path: Path) -> None:
    rendered = await helm.inspect(release(write_chart(tmp_path / "web", samples.OLD)))
    assert [found.container for found in find_session_containers(rendered.objects, TAG)] == ["web"]
    assert [(end.service, end.service_port, end.port) for end in find_endpoints(rendered.objects, TAG)] == [
        ("web", 8080, 80)
    ]
    assert [host.url for host in find_hosts(rendered.objects)] == ["http://web.example.com/"]


async def test_subcharts_are_rendered_by_their_conditions(
    helm: Helm, client: KubeClient, tmp_path: Path
) -> None:
    chart = write_chart(tmp_path / "web", samples.PARENT)
    rendered = await helm.inspect(release(chart, {"db": {"size": 4}}))
    assert rendered.converted == ("PodDisruptionBudget db: policy/v1beta1 -> policy/v1",)
    assert rendered.notes == "r is there"
    await helm.install(rendered)
    assert (await client.get(BUDGETS, "db", namespace="default"))["metadata"]["labels"]["size"] == "4"
    with pytest.raises(errors.NotFoundError):
        await client.get(resources.CONFIG_MAPS, "cache", namespace="default")


async def test_hooks_run_and_stay_hooks_when_others_are_converted(
    helm: Helm, client: KubeClient, tmp_path: Path
) -> None:
    chart = write_chart(tmp_path / "web", samples.HOOKED)
    await install(helm, release(chart))
    await install(helm, release(chart))
    hook = await client.get(resources.CONFIG_MAPS, "before", namespace="default")
    assert hook["data"] == {"revision": "2"}
    scaler = await client.get(SCALERS, "web", namespace="default")
    assert scaler["spec"]["scaleTargetRef"]["apiVersion"] == "apps/v1"
    assert scaler["spec"]["metrics"][0]["resource"]["target"] == {
        "type": "Utilization",
        "averageUtilization": 80,
    }
    await helm.uninstall("r", "default")
    assert await client.get(resources.CONFIG_MAPS, "before", namespace="default")


async def test_definitions_of_the_old_days_are_converted(
    helm: Helm, client: KubeClient, tmp_path: Path
) -> None:
    chart = write_chart(tmp_path / "web", samples.DEFINING)
    rendered = await helm.inspect(release(chart))
    group = "apiextensions.k8s.io"
    note = f"CustomResourceDefinition gadgets.example.com: {group}/v1beta1 -> {group}/v1"
    assert rendered.converted == (note,)
    await helm.install(rendered)
    gadget = {"apiVersion": "example.com/v1", "kind": "Gadget", "spec": {"any": 1}}
    created = await client.create(GADGETS, {**gadget, "metadata": {"name": "g", "namespace": "default"}})
    assert created["spec"] == {"any": 1}


async def test_a_packed_chart_is_installed_and_converted(
    helm: Helm, client: KubeClient, tmp_path: Path
) -> None:
    write_chart(tmp_path / "web", samples.OLD)
    with tarfile.open(tmp_path / "web-0.1.0.tgz", "w:gz") as archive:
        archive.add(tmp_path / "web", "web")
    installed = await install(helm, release(tmp_path / "web-0.1.0.tgz", {"buildID": "1"}))
    assert (installed.status, installed.chart) == ("deployed", "web")
    assert await client.get(resources.DEPLOYMENTS, "web", namespace="default")


async def test_history_is_bounded(helm: Helm, client: KubeClient, tmp_path: Path) -> None:
    chart = write_chart(tmp_path / "web", samples.MODERN)
    for number in range(7):
        await install(helm, release(chart, tag=f"t{number}"))
    kept = (await client.list(resources.SECRETS, Selection("default", labels="owner=helm"))).items
    assert sorted(secret["metadata"]["labels"]["version"] for secret in kept) == list("34567")


async def test_a_refused_object_is_named_with_its_reason_and_the_next_try_goes_on(
    helm: Helm, tmp_path: Path
) -> None:
    chart = write_chart(tmp_path / "web", samples.MODERN)
    with pytest.raises(HelmError) as caught:
        await install(helm, release(chart, {"replicas": -1}))
    assert 'Deployment.apps "web" is invalid' in caught.value.cause
    assert "spec.replicas" in caught.value.cause
    status = await helm.status("r", "default")
    assert status is not None
    assert (status.status, status.revision) == ("failed", 1)
    assert (await install(helm, release(chart))).status == "deployed"


async def test_a_kind_that_the_cluster_does_not_serve_is_named(helm: Helm, tmp_path: Path) -> None:
    item = "apiVersion: example.com/v1\nkind: Unknown\nmetadata: {name: u}\n"
    chart = write_chart(tmp_path / "web", {**samples.MODERN, "templates/u.yaml": item})
    with pytest.raises(HelmError, match=r"does not serve Unknown of example\.com/v1"):
        await install(helm, release(chart))
    assert await helm.status("r", "default") is None


async def test_what_another_release_holds_is_not_taken(helm: Helm, tmp_path: Path) -> None:
    chart = write_chart(tmp_path / "web", samples.MODERN)
    await install(helm, release(chart))
    with pytest.raises(HelmError, match="cannot be imported into the current release"):
        await install(helm, release(chart, name="other"))


async def test_a_template_error_is_helms_own_with_file_and_line(helm: Helm, tmp_path: Path) -> None:
    files = {**samples.MODERN, "templates/bad.yaml": "a: 1\nb: {{ .Values.image.tag.more }}\n"}
    with pytest.raises(ChartError) as caught:
        await helm.inspect(release(write_chart(tmp_path / "web", files)))
    assert "web/templates/bad.yaml:2" in caught.value.cause


async def test_values_that_the_schema_refuses_are_named(helm: Helm, tmp_path: Path) -> None:
    schema = '{"properties": {"replicas": {"type": "integer"}}}'
    chart = write_chart(tmp_path / "web", {**samples.MODERN, "values.schema.json": schema})
    with pytest.raises(ChartError, match="replicas"):
        await helm.inspect(release(chart, {"replicas": "many"}))


async def test_ignored_files_are_no_templates(helm: Helm, tmp_path: Path) -> None:
    files = {**samples.MODERN, ".helmignore": "*.bak\n", "templates/x.yaml.bak": "{{ broken"}
    assert len((await helm.inspect(release(write_chart(tmp_path / "web", files)))).objects) == 2


async def test_a_chart_may_render_nothing(helm: Helm, tmp_path: Path) -> None:
    files = {"Chart.yaml": samples.V2, "templates/x.yaml": "{{ if .Values.on }}a: b{{ end }}\n# nothing\n"}
    rendered = await helm.inspect(release(write_chart(tmp_path / "web", files)))
    assert rendered.documents == ()
    assert (await helm.install(rendered)).status == "deployed"


async def test_lookup_sees_the_cluster(helm: Helm, tmp_path: Path) -> None:
    looked = '{{ (lookup "v1" "Namespace" "" "default").kind }}'
    item = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\ndata: {{d: '{looked}'}}\n"
    files = {"Chart.yaml": samples.V2, "templates/c.yaml": item}
    rendered = await helm.inspect(release(write_chart(tmp_path / "web", files)))
    assert rendered.objects[0]["data"] == {"d": "Namespace"}


async def test_values_of_no_release_cannot_be_read(helm: Helm) -> None:
    with pytest.raises(ReleaseNotFoundError):
        await helm.values("none", "default")
    assert await helm.status("none", "default") is None


async def test_what_was_changed_by_hand_is_taken_back_and_told(
    helm: Helm, client: KubeClient, tmp_path: Path
) -> None:
    chart = write_chart(tmp_path / "web", samples.MODERN)
    assert (await install(helm, release(chart))).taken == ()
    scaled = {"spec": {"replicas": 5}}
    await client.patch(resources.DEPLOYMENTS, "web", scaled, namespace="default", field_manager="kubectl")
    port = {"spec": {"ports": [{"name": "http", "port": 8080, "targetPort": 81}]}}
    await client.patch(resources.SERVICES, "web", port, namespace="default", field_manager="edit")
    installed = await install(helm, release(chart, tag="new"))
    assert installed.status == "deployed"
    assert sorted(installed.taken) == [
        "Deployment web: .spec.replicas was changed by kubectl",
        'Service web: .spec.ports[port=8080,protocol="TCP"].targetPort was changed by edit',
    ]
    stored = await client.get(resources.DEPLOYMENTS, "web", namespace="default")
    assert stored["spec"]["replicas"] == 1
    assert stored["metadata"]["annotations"]["meta.helm.sh/release-name"] == "r"
    assert (await install(helm, release(chart, tag="newer"))).taken == ()


async def test_conflicts_are_found_before_anything_is_changed(
    helm: Helm, client: KubeClient, tmp_path: Path
) -> None:
    chart = write_chart(tmp_path / "web", samples.MODERN)
    await install(helm, release(chart, name="azds-000000-default-web"))
    by_hand = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine", "namespace": "default"}}
    await client.create(resources.CONFIG_MAPS, by_hand)
    item = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: mine}\n"
    other = write_chart(tmp_path / "other", {**samples.MODERN, "templates/c.yaml": item})
    wanted = release(other, name="azds-111111-default-web")
    rendered = await helm.inspect(wanted)
    live = []
    for reference in references(rendered.objects, "default"):
        resource = await client.find_resource(reference.api_version, reference.kind)
        live.append(await client.get(resource, reference.name, namespace=reference.namespace))
    found = find_conflicts(rendered.objects, live, wanted)
    owners = {conflict.name: (conflict.owner.release, conflict.owner.manager) for conflict in found}
    assert owners["web"] == ("azds-000000-default-web", "")
    assert owners["mine"][0] == ""
    projects = {each.name: each.labels["alcove.dev/project"] for each in await helm.list("default")}
    assert "the project p" in conflict_error(found[1:], wanted, projects).hint
