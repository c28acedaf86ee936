"""The objects of an installation: valid on every Kubernetes, confined, and in an order that works."""

from __future__ import annotations

import kubernetes_validate
import pytest

from alcove.admission.containers import init_command, proxy_command
from alcove.admission.settings import Images, InjectionSettings
from alcove.app.install import kinds
from alcove.app.install.rendering import render_objects
from alcove.app.install.settings import Endpoint, InstallSettings, PodSettings
from alcove.embedded.admission.pod_security import violations
from alcove.kube.client import Object


def by_key(settings: InstallSettings) -> dict[str, Object]:
    return {f"{item['kind']} {item['metadata']['name']}": item for item in render_objects(settings)}


@pytest.mark.parametrize("version", ["1.29", "1.33", "1.37"])
@pytest.mark.parametrize("endpoint", Endpoint)
def test_every_object_is_valid_to_the_letter(endpoint: Endpoint, version: str) -> None:
    for item in render_objects(InstallSettings(endpoint=endpoint, host_suffix=".a.b")):
        kubernetes_validate.validate(item, version, strict=True)


def test_what_an_object_needs_comes_before_it() -> None:
    found = [item["kind"] for item in render_objects(InstallSettings())]
    assert found[0] == "Namespace" and found[-1] == "Deployment"
    assert found.index("ServiceAccount") < found.index("ClusterRole") < found.index("ClusterRoleBinding")
    assert found.index("ConfigMap") < found.index("MutatingWebhookConfiguration") < found.index("Deployment")


def test_every_object_is_marked_and_in_place() -> None:
    for item in render_objects(InstallSettings()):
        assert kinds.OURS.items() <= item["metadata"]["labels"].items()
        assert item["metadata"].get("namespace", "azds") in kinds.NAMESPACES
        assert ("namespace" in item["metadata"]) == kinds.resource_of(item).namespaced


def test_the_webhook_trusts_nobody_until_the_control_plane_says_whom() -> None:
    item = by_key(InstallSettings())["MutatingWebhookConfiguration alcove"]
    service = {"namespace": "azds", "name": "alcove", "port": 443, "path": "/inject"}
    assert [one["clientConfig"] for one in item["webhooks"]] == [{"service": service}] * 2


def test_without_an_endpoint_there_is_no_gateway() -> None:
    found = by_key(InstallSettings(endpoint=Endpoint.NONE))
    assert not [key for key in found if "gateway" in key or key.startswith("IngressClass")]


def test_a_private_endpoint_asks_each_cloud_for_an_internal_balancer() -> None:
    private = by_key(InstallSettings(endpoint=Endpoint.PRIVATE))["Service alcove-gateway"]
    asked = private["metadata"]["annotations"]
    assert all(any(cloud in key for key in asked) for cloud in ("azure", "aws", "gke"))
    assert "annotations" not in by_key(InstallSettings())["Service alcove-gateway"]["metadata"]


def test_what_a_user_says_of_the_balancer_counts_more() -> None:
    key = "networking.gke.io/load-balancer-type"
    settings = InstallSettings(endpoint=Endpoint.PRIVATE, service_annotations={key: "Else"})
    assert by_key(settings)["Service alcove-gateway"]["metadata"]["annotations"][key] == "Else"


@pytest.mark.parametrize("name", ["alcove-controlplane", "alcove-gateway"])
def test_pods_pass_the_level_restricted(name: str) -> None:
    spec = by_key(InstallSettings())[f"Deployment {name}"]["spec"]["template"]["spec"]
    for container in (*spec.get("initContainers", ()), *spec["containers"]):
        held = container["securityContext"]
        assert held["readOnlyRootFilesystem"] and held["runAsUser"] == 65532 and held["runAsNonRoot"]
        assert held["capabilities"] == {"drop": ["ALL"]} and not held["allowPrivilegeEscalation"]
        assert held["seccompProfile"] == {"type": "RuntimeDefault"}
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert "memory" in container["resources"]["limits"]
    assert violations("restricted", spec) == []


def test_one_replica_has_no_budget_that_would_block_a_drain() -> None:
    alone = PodSettings(InstallSettings().controlplane.resources, replicas=1)
    assert "PodDisruptionBudget alcove-controlplane" in by_key(InstallSettings())
    assert "PodDisruptionBudget alcove-controlplane" not in by_key(InstallSettings(controlplane=alone))


def test_the_record_tells_what_was_chosen() -> None:
    plain = by_key(InstallSettings())["ConfigMap alcove"]["data"]
    assert "hostSuffix" not in plain and plain["endpoint"] == "public"
    chosen = by_key(InstallSettings(host_suffix=".a.b"))["ConfigMap alcove"]["data"]
    assert (chosen["hostSuffix"], chosen["hostSuffixSource"]) == (".a.b", "option")


def test_the_gateway_runs_as_pods_proxies_do_but_for_the_redirect() -> None:
    told = InjectionSettings("1", Images("p", "p"), control_plane="10.0.0.1", concurrency=2)
    spec = by_key(InstallSettings())["Deployment alcove-gateway"]["spec"]["template"]["spec"]
    (first,), (proxy,) = spec["initContainers"], spec["containers"]
    node = "$(ALCOVE_POD_UID)/$(ALCOVE_SPACE)/$(ALCOVE_POD_NAME)"
    assert first["command"] == init_command(told, redirect=False, node=node)
    assert proxy["command"] == proxy_command(told, node=node)
    keys = {"ALCOVE_BOOTSTRAP": "bootstrap", "ALCOVE_EXCHANGE": "exchange"}
    for container, expected in ((first, {"ALCOVE_BOOTSTRAP": "exchange"}), (proxy, keys)):
        sources = {one["name"]: one["valueFrom"].get("configMapKeyRef") for one in container["env"]}
        told_by = {name: source for name, source in sources.items() if source}
        assert told_by == {name: {"name": "alcove-gateway", "key": key} for name, key in expected.items()}
        token = container["command"][container["command"].index("--token") + 1]
        assert token.rpartition("/")[0] in [one["mountPath"] for one in container["volumeMounts"]]


def test_the_gateway_serves_on_while_others_turn_away() -> None:
    spec = by_key(InstallSettings())["Deployment alcove-gateway"]["spec"]["template"]["spec"]
    (proxy,) = spec["containers"]
    draining = proxy["lifecycle"]["preStop"]["exec"]["command"]
    assert draining[1:] == ["drain", "--admin", "/var/run/alcove/admin.sock", "--seconds", "5"]
    assert int(draining[-1]) < spec["terminationGracePeriodSeconds"]
