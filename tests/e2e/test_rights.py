"""Who may what: users of one space, the roles that are installed, and pods that want to be others."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from envoy.service.discovery.v3 import discovery_pb2

from alcove.admission.issuing import AUDIENCE
from alcove.xds.identity import node_id
from tests.e2e.conftest import alcove
from tests.e2e.kubectl import Kubectl
from tests.e2e.rest import Answer, Rest
from tests.e2e.spaces import REGISTRY, Object, Spaces, canary, until

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

USER = "e2e-amy"
ALLOWED, FORBIDDEN, REFUSED = http.client.OK, http.client.FORBIDDEN, http.client.UNAUTHORIZED
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
KINDS = {
    "": "pods pods/log pods/exec pods/attach pods/portforward pods/proxy pods/eviction "
    "pods/ephemeralcontainers services services/proxy endpoints secrets configmaps events "
    "serviceaccounts serviceaccounts/token persistentvolumeclaims replicationcontrollers limitranges "
    "resourcequotas",
    "apps": "deployments deployments/scale statefulsets daemonsets replicasets",
    "batch": "jobs cronjobs",
    "autoscaling": "horizontalpodautoscalers",
    "networking.k8s.io": "ingresses networkpolicies",
    "discovery.k8s.io": "endpointslices",
    "rbac.authorization.k8s.io": "roles rolebindings",
    "coordination.k8s.io": "leases",
    "policy": "poddisruptionbudgets",
}
SERVICE = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
ROUTES = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
DANGEROUS = {"escalate", "bind", "impersonate"}


@dataclass(frozen=True)
class World:
    """A parent and two children, each with a pod; a user has the role admin in one of them."""

    spaces: Spaces
    user: Rest
    reviews: http.client.HTTPSConnection

    def may(self, verb: str, group: str, resource: str, *, namespace: str = "", name: str = "") -> bool:
        """Ask the API server whether the user may do something."""
        kind, _, part = resource.partition("/")
        asked = {"verb": verb, "group": group, "resource": kind, "subresource": part, "name": name}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {**asked, "namespace": namespace}},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        headers = {"Content-Type": "application/json", **self.user.headers}
        # Hundreds of questions go by one connection.
        self.reviews.request("POST", path, json.dumps(review), headers)
        with self.reviews.getresponse() as response:
            return bool(json.load(response)["status"]["allowed"])

    def of(self, user: str) -> World:
        """Give the same for another user."""
        return replace(self, user=self.spaces.rest.acting_as(user))


@pytest.fixture(scope="module")
def world(spaces: Spaces) -> Iterator[World]:
    spaces.make({"dev": "", "amy": "dev", "bob": "dev"})
    spaces.deploy("amy", "bob")
    spaces.add_service("bob", "web")
    inside = spaces.kubectl("amy")
    inside("create", "rolebinding", "developer", "--clusterrole=admin", f"--user={USER}")
    rest = spaces.rest
    reviews = http.client.HTTPSConnection(rest.host, rest.port, context=rest.tls, timeout=15)
    with contextlib.closing(reviews):
        yield World(spaces, rest.acting_as(USER), reviews)


def test_a_user_of_one_space_may_nothing_in_others(world: World) -> None:
    there = [world.spaces.namespace(name) for name in ("dev", "bob")]
    everything = [(group, name) for group, names in KINDS.items() for name in names.split()]
    for verb, (group, resource) in itertools.product(VERBS, everything):
        allowed = [one for one in (*there, "azds") if world.may(verb, group, resource, namespace=one)]
        assert not allowed, f"{verb} {resource}"
    own = world.spaces.namespace("amy")
    assert world.may("create", "", "pods/portforward", namespace=own)
    assert world.may("patch", "apps", "deployments", namespace=own)


def test_a_user_of_one_space_may_not_say_what_a_space_is(world: World) -> None:
    for name, verb in itertools.product(("amy", "bob", "dev"), ("update", "patch", "delete")):
        assert not world.may(verb, "", "namespaces", namespace=world.spaces.namespace(name)), (verb, name)
    for verb in VERBS:
        assert not world.may(verb, "admissionregistration.k8s.io", "mutatingwebhookconfigurations"), verb


def test_what_a_user_tries_in_another_space_is_refused(world: World) -> None:
    namespace = f"/api/v1/namespaces/{world.spaces.namespace('bob')}"
    pod, service = world.spaces.path("bob", "pods", "canary"), world.spaces.path("bob", "services", "web")
    before = [world.spaces.do("GET", path).body["metadata"]["uid"] for path in (pod, service)]
    tries: list[tuple[str, str, Any]] = [
        *(("GET", f"{namespace}/{kind}", None) for kind in ("pods", "services", "secrets", "configmaps")),
        ("GET", f"{namespace}/pods?watch=true&timeoutSeconds=1", None),
        ("GET", pod, None),
        ("GET", f"{pod}/log?container=canary", None),
        ("GET", f"{pod}/portforward?ports=8080", None),
        ("POST", f"{pod}/portforward?ports=8080", None),
        ("GET", f"{pod}/exec?command=id&stdout=true&container=canary", None),
        ("POST", f"{pod}/exec?command=id&stdout=true&container=canary", None),
        ("POST", f"{pod}/attach?container=canary&stdout=true", None),
        ("GET", f"{pod}/proxy/", None),
        ("GET", f"{service}/proxy/", None),
        ("POST", f"{namespace}/pods", canary("amy", "intruder")),
        ("PUT", service, {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}}),
        ("DELETE", pod, None),
        ("DELETE", f"{namespace}/services", None),
        ("DELETE", namespace, None),
        ("POST", f"{namespace}/serviceaccounts/default/token", token_request(world.spaces.pod("bob"))),
    ]
    for method, path, body in tries:
        assert world.user(method, path, body).code == FORBIDDEN, f"{method} {path}"
    for path in (namespace, pod, service):
        assert (
            world.user.patch(path, {"metadata": {"labels": {"azds.io/no-proxy": "true"}}}).code == FORBIDDEN
        )
    assert [world.spaces.do("GET", path).body["metadata"]["uid"] for path in (pod, service)] == before


def test_no_role_that_is_installed_holds_a_wildcard(enabled: Kubectl, kubeconfig: Path) -> None:
    printed = alcove("enable", "--dry-run", "-o", "json", "--image-registry", REGISTRY, kubeconfig=kubeconfig)
    roles = [item for item in json.loads(printed)["items"] if item["kind"] in ("Role", "ClusterRole")]
    assert len(roles) >= 3
    for role in roles:
        kind, name = role["kind"], role["metadata"]["name"]
        stored = enabled.within(role["metadata"].get("namespace", "azds")).read(kind.lower(), name)
        assert stored["rules"] == role["rules"], f"{kind} {name} is not what is printed"
        for rule in role["rules"]:
            words = {word for field in rule.values() for word in field}
            assert not [word for word in words if "*" in word], f"{kind} {name}: {rule}"
            assert not words & DANGEROUS, f"{kind} {name}: {rule}"
            assert "pods/exec" not in words and "pods/portforward" not in words


def test_the_control_plane_may_not_read_secrets_of_spaces(world: World) -> None:
    controlplane = world.of("system:serviceaccount:azds:alcove-controlplane")
    amy = world.spaces.namespace("amy")
    assert controlplane.may("list", "", "services", namespace=amy)
    for verb in VERBS:
        assert not controlplane.may(verb, "", "secrets", namespace=amy), verb
        assert verb in ("get", "list", "watch") or not controlplane.may(verb, "", "pods", namespace=amy), verb


# ------------------------------------------------------------------------------ pods that want to be others


def token_request(pod: Object | None, audience: str = AUDIENCE) -> Object:
    """Ask for a token for an audience, bound to a pod; without an audience for the API server's own."""
    meta = pod["metadata"] if pod else {}
    bound = {"kind": "Pod", "apiVersion": "v1", "name": meta.get("name"), "uid": meta.get("uid")}
    spec = ({"audiences": [audience]} if audience else {}) | ({"boundObjectRef": bound} if pod else {})
    return {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}


def make_token(spaces: Spaces, name: str, request: Object) -> str:
    path = f"{spaces.path(name, 'serviceaccounts', 'default')}/token"
    return str(spaces.do("POST", path, request).body["status"]["token"])


@contextlib.contextmanager
def forwarded(enabled: Kubectl, port: int) -> Iterator[int]:
    """Reach a port of the control plane from this machine."""
    with enabled.within("azds").running("port-forward", "service/alcove", f":{port}") as forward:
        assert forward.stdout is not None
        told = re.search(r"127\.0\.0\.1:(\d+)", forward.stdout.readline())
        assert told
        yield int(told[1])


@pytest.fixture(scope="module")
def identities(enabled: Kubectl) -> Iterator[Rest]:
    """The control plane as init containers speak with it."""
    with forwarded(enabled, 443) as port:
        tls = ssl.create_default_context()
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        yield Rest("127.0.0.1", port, tls)


def fetch(identities: Rest, token: str, path: str = "certificate", **headers: str) -> Answer:
    return identities.with_token(token)("POST", f"/identity/{path}", **headers)


def node_of(pod: Object) -> str:
    meta = pod["metadata"]
    return node_id(meta["uid"], meta["namespace"], meta["name"])


def secret_of(answer: Answer) -> Object:
    (resource,) = answer.body["resources"]
    return dict(resource)


def test_a_pods_token_gives_a_certificate_of_that_pod_whatever_is_asked(
    world: World, identities: Rest
) -> None:
    amy, bob = world.spaces.pod("amy"), world.spaces.pod("bob")
    token = make_token(world.spaces, "amy", token_request(amy))
    query = f"certificate?node={node_of(bob)}&pod={bob['metadata']['name']}&uid={bob['metadata']['uid']}"
    for asked in ("certificate", query):
        answer = fetch(identities, token, asked, X_Forwarded_For=bob["status"]["podIP"])
        assert answer.code == ALLOWED
        pair = secret_of(answer)["tls_certificate"]
        told = ssl_names(pair["certificate_chain"]["inline_string"])
        assert told == [f"spiffe://alcove/{node_of(amy)}"]


def ssl_names(pem: str) -> list[str]:
    """Give the URIs of a certificate."""
    names = x509.load_pem_x509_certificate(pem.encode()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    return names.value.get_values_for_type(x509.UniformResourceIdentifier)


def test_other_tokens_give_no_certificate(world: World, identities: Rest) -> None:
    amy = world.spaces.pod("amy")
    own = make_token(world.spaces, "amy", token_request(amy))
    assert fetch(identities, own).code == ALLOWED
    for_the_api = make_token(world.spaces, "amy", token_request(amy, audience=""))
    assert fetch(identities, for_the_api).code == REFUSED
    for_somebody = make_token(world.spaces, "amy", token_request(amy, audience="somebody"))
    assert fetch(identities, for_somebody).code == REFUSED
    of_no_pod = make_token(world.spaces, "amy", token_request(None))
    assert fetch(identities, of_no_pod).code == FORBIDDEN
    head, claims, signature = own.split(".")
    for forged in ("", "x.y.z", f"{head}.{claims}.{signature[::-1]}", f"{head}.{claims}."):
        assert fetch(identities, forged).code == REFUSED


def test_the_token_of_a_pod_that_is_gone_gives_no_certificate(world: World, identities: Rest) -> None:
    # A pod that no node takes goes as soon as it is deleted.
    pod = canary("amy", "brief")
    pod["spec"]["nodeSelector"] = {"e2e.example.com/none": "true"}
    world.spaces.add_pod("amy", pod)
    token = make_token(world.spaces, "amy", token_request(world.spaces.pod("amy", "brief")))
    assert fetch(identities, token).code == ALLOWED
    world.spaces.do("DELETE", world.spaces.path("amy", "pods", "brief"))
    until(lambda: fetch(identities, token).code == REFUSED)


def test_a_connection_may_claim_no_pod_but_its_certificates(
    world: World, enabled: Kubectl, identities: Rest
) -> None:
    amy, bob = world.spaces.pod("amy"), world.spaces.pod("bob")
    token = make_token(world.spaces, "amy", token_request(amy))
    pair = secret_of(fetch(identities, token))["tls_certificate"]
    trust = secret_of(fetch(identities, token, "trust"))["validation_context"]["trusted_ca"]["inline_string"]
    certificate, key = (pair[part]["inline_string"].encode() for part in ("certificate_chain", "private_key"))
    with forwarded(enabled, 15010) as port:
        own = grpc.ssl_channel_credentials(trust.encode(), key, certificate)
        assert say(port, own, node_of(amy)) == ROUTES
        for claim in (node_of(bob), "", f"{node_of(amy)}x"):
            assert "certificate" in say(port, own, claim)
        nobody = grpc.ssl_channel_credentials(trust.encode())
        assert say(port, nobody, node_of(amy)).startswith("UNAVAILABLE")


def say(port: int, credentials: grpc.ChannelCredentials, claim: str) -> str:
    """Ask for routes as a node; give the type of what came, or how it was refused."""
    options = [
        ("grpc.ssl_target_name_override", "alcove.azds.svc"),
        ("grpc.use_local_subchannel_pool", 1),
    ]
    request = discovery_pb2.DeltaDiscoveryRequest(type_url=ROUTES, resource_names_subscribe=["*"])
    request.node.id = claim
    with grpc.secure_channel(f"127.0.0.1:{port}", credentials, options=options) as channel:
        call = channel.stream_stream(SERVICE)(iter([request.SerializeToString()]), timeout=10)
        try:
            return str(discovery_pb2.DeltaDiscoveryResponse.FromString(next(call)).type_url)
        except grpc.RpcError as error:
            return f"{error.code().name}: {error.details()}"
