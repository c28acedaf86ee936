"""The rules of the API, request by request: the same on any cluster of Kubernetes 1.36.

Most rules are recorded series (see ``tests.e2e.recorded``); here are those that need more than one answer:
watches, collections that controllers change, webhooks, tokens. What a cluster cannot do is skipped aloud.
"""

from __future__ import annotations

import base64
import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import recorded
from tests.e2e.rest import APPLY, JSON_PATCH, MERGE, STRATEGIC, Answer, Rest
from tests.e2e.webhook import Webhook

pytestmark = [pytest.mark.root, pytest.mark.timeout(60)]

PATIENCE = 10.0
_LATER = threading.Event()
MAPS = "/api/v1/namespaces/{ns}/configmaps"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"


@pytest.fixture(scope="module")
def cluster_rest(kubeconfig: Path) -> Rest:
    return Rest.of(kubeconfig)


@pytest.fixture
def namespace(cluster_rest: Rest) -> Iterator[str]:
    """A namespace of the test's own, with its service account."""
    name = f"rules-{uuid.uuid4().hex[:8]}"
    cluster_rest("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    until(lambda: cluster_rest("GET", account).code == 200)
    yield name
    cluster_rest("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
def api(cluster_rest: Rest, namespace: str) -> Callable[..., Answer]:
    """Ask with ``{ns}`` in paths."""

    def ask(method: str, path: str, body: Any = None, **headers: str) -> Answer:
        return cluster_rest(method, path.replace("{ns}", namespace), body, **headers)

    return ask


Api = Callable[..., Answer]


def until(done: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Wait for a condition; give what it gave."""
    end = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < end, "it did not happen"
        _LATER.wait(0.05)
    return found


@contextlib.contextmanager
def kept(api: Api, path: str, item: dict[str, Any]) -> Iterator[Answer]:
    """Hold a cluster-scoped object for the block."""
    yield api("POST", path, item)
    api("DELETE", f"{path}/{item['metadata']['name']}")


# --------------------------------------------------------------------------------------- recorded series


@pytest.mark.parametrize("series", recorded.names())
def test_a_cluster_answers_as_recorded(series: str, cluster_rest: Rest, namespace: str) -> None:
    wrong = list(recorded.replay(series, cluster_rest, namespace))
    assert not wrong, f"{len(wrong)} answers differ:\n" + "\n".join(wrong)


# ------------------------------------------------------------------------------------------------ watches


def make(api: Api, *names: str, **labels: str) -> str:
    """Create ConfigMaps; give the revision of the last."""
    for name in names:
        answer = api("POST", MAPS, {"metadata": {"name": name, "labels": {"of": "test"} | labels}})
    return str(answer.body["metadata"]["resourceVersion"])


def seen(cluster: Rest, namespace: str, query: str, seconds: int = 1) -> list[tuple[str, str]]:
    """Give type and name of each event of a watch on the test's ConfigMaps."""
    path = f"/api/v1/namespaces/{namespace}/configmaps?watch=1&timeoutSeconds={seconds}&{query}"
    return [(each["type"], each["object"]["metadata"].get("name", "")) for each in cluster.events(path)]


def test_a_watch_from_a_revision_shows_what_came_after_it(
    api: Api, cluster_rest: Rest, namespace: str
) -> None:
    revision = make(api, "a")
    make(api, "b")
    api("PATCH", f"{MAPS}/a", {"data": {"k": "v"}}, Content_Type=MERGE)
    api("DELETE", f"{MAPS}/b")
    found = seen(cluster_rest, namespace, f"resourceVersion={revision}&labelSelector=of%3Dtest")
    assert found == [("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b")]


def test_a_selecting_watch_sees_objects_enter_and_leave(api: Api, cluster_rest: Rest, namespace: str) -> None:
    revision = make(api, "a", side="left")
    make(api, "b", side="right")
    for name, side in (("a", "right"), ("b", "left"), ("b", "right")):
        api("PATCH", f"{MAPS}/{name}", {"metadata": {"labels": {"side": side}}}, Content_Type=MERGE)
    found = seen(cluster_rest, namespace, f"resourceVersion={revision}&labelSelector=side%3Dleft")
    assert found == [("DELETED", "a"), ("ADDED", "b"), ("DELETED", "b")]


def test_a_watch_of_one_name_shows_that_only(api: Api, cluster_rest: Rest, namespace: str) -> None:
    revision = make(api, "a")
    make(api, "b", "c")
    query = f"resourceVersion={revision}&fieldSelector=metadata.name%3Dc"
    assert seen(cluster_rest, namespace, query) == [("ADDED", "c")]


def test_a_watch_that_ends_leaves_a_bookmark(api: Api, cluster_rest: Rest, namespace: str) -> None:
    revision = make(api, "a")
    path = f"/api/v1/namespaces/{namespace}/configmaps?watch=1&timeoutSeconds=1&allowWatchBookmarks=true"
    events = list(cluster_rest.events(f"{path}&resourceVersion={revision}"))
    assert all(each["type"] == "BOOKMARK" for each in events)
    assert all(int(each["object"]["metadata"]["resourceVersion"]) >= int(revision) for each in events)


def test_a_revision_that_is_forgotten_ends_the_watch_with_410(cluster_rest: Rest, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps?watch=1&timeoutSeconds=2&resourceVersion=1"
    event = next(cluster_rest.events(path))
    if event["type"] == "ADDED":
        pytest.skip("this cluster is too young to have forgotten anything")
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("labelSelector=a%20b", 400),
        ("fieldSelector=spec.x%3Da", 400),
        ("resourceVersionMatch=NotOlderThan", 422),
        ("sendInitialEvents=true", 422),
        ("timeoutSeconds=x", 400),
    ],
)
def test_options_without_sense_are_refused_before_a_watch(
    cluster_rest: Rest, namespace: str, query: str, code: int
) -> None:
    [event] = cluster_rest.events(f"/api/v1/namespaces/{namespace}/configmaps?watch=1&{query}")
    assert (event["type"], event["object"]["code"]) == ("REFUSED", code)


def test_a_streamed_list_ends_with_a_marked_bookmark(api: Api, cluster_rest: Rest, namespace: str) -> None:
    make(api, "a", "b")
    path = (
        f"/api/v1/namespaces/{namespace}/configmaps?watch=1&timeoutSeconds=1&labelSelector=of%3Dtest"
        "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    )
    events = list(cluster_rest.events(path))
    if events[0]["type"] in ("REFUSED", "ERROR") and "RequestWatchProgress" in str(events[0]):
        pytest.skip("this cluster's etcd is too old for streamed lists")
    assert [(each["type"], each["object"]["metadata"].get("name")) for each in events[:2]] == [
        ("ADDED", "a"),
        ("ADDED", "b"),
    ]
    assert events[2]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_pages_are_of_one_revision(api: Api) -> None:
    make(api, *(f"m{index}" for index in range(5)))
    first = api("GET", f"{MAPS}?limit=2&labelSelector=of%3Dtest").body
    make(api, "m0a")
    second = api(
        "GET", f"{MAPS}?limit=9&labelSelector=of%3Dtest&continue={first['metadata']['continue']}"
    ).body
    names = [each["metadata"]["name"] for page in (first, second) for each in page["items"]]
    assert names == ["m0", "m1", "m2", "m3", "m4"]
    assert first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]
    assert not second["metadata"].get("continue")


def test_an_informer_lists_in_pages_from_any_revision(api: Api) -> None:
    make(api, "a", "b")
    page = api("GET", f"{MAPS}?limit=500&resourceVersion=0&labelSelector=of%3Dtest")
    assert [each["metadata"]["name"] for each in page.body["items"]] == ["a", "b"]


# ------------------------------------------------------------------------------------------- other shapes


def test_a_table_has_the_columns_that_kubectl_prints(api: Api) -> None:
    make(api, "a")
    table = api("GET", f"{MAPS}/a", Accept=TABLE).body
    assert [each["name"] for each in table["columnDefinitions"]] == ["Name", "Data", "Age"]
    [row] = table["rows"]
    assert (row["cells"][:2], row["object"]["kind"]) == (["a", 0], "PartialObjectMetadata")


def test_metadata_alone_can_be_had(api: Api) -> None:
    make(api, "a")
    item = api("GET", f"{MAPS}/a", Accept=PARTIAL).body
    assert set(item) == {"kind", "apiVersion", "metadata"}
    assert item["kind"] == "PartialObjectMetadata"


@pytest.mark.parametrize("path", ["/api", "/apis", "/api/v1", "/apis/apps/v1", "/openapi/v3", "/version"])
def test_documents_for_clients_are_there(cluster_rest: Rest, path: str) -> None:
    assert cluster_rest("GET", path).code == 200


def test_every_listed_group_version_lists_its_resources(cluster_rest: Rest) -> None:
    groups = cluster_rest("GET", "/apis").body["groups"]
    built_in = [each for each in groups if each["name"].endswith(".k8s.io") or "." not in each["name"]]
    for version in (each for group in built_in for each in group["versions"]):
        found = cluster_rest("GET", f"/apis/{version['groupVersion']}").body
        assert found["groupVersion"] == version["groupVersion"]
        assert all(each["verbs"] for each in found["resources"])


@pytest.mark.parametrize("group", ["api/v1", "apis/apps/v1", "apis/batch/v1"])
def test_schemas_of_a_group_are_there(cluster_rest: Rest, group: str) -> None:
    document = cluster_rest("GET", f"/openapi/v3/{group}").body
    assert document["openapi"].startswith("3.")
    assert document["components"]["schemas"]


# ------------------------------------------------------------------------- what controllers do afterwards


def owned(name: str, owner: dict[str, Any], *, blocks: bool = False) -> dict[str, Any]:
    """Give a ConfigMap with an owner."""
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": owner["name"], "uid": owner["uid"]}
    references = [reference | {"blockOwnerDeletion": blocks}]
    return {"metadata": {"name": name, "ownerReferences": references}}


def test_what_an_object_owns_goes_after_it(api: Api) -> None:
    owner = api("POST", MAPS, {"metadata": {"name": "owner"}}).body["metadata"]
    api("POST", MAPS, owned("child", owner))
    api("DELETE", f"{MAPS}/owner")
    until(lambda: api("GET", f"{MAPS}/child").code == 404)


def test_orphans_stay_without_their_owner(api: Api) -> None:
    owner = api("POST", MAPS, {"metadata": {"name": "owner"}}).body["metadata"]
    api("POST", MAPS, owned("child", owner))
    api("DELETE", f"{MAPS}/owner", {"propagationPolicy": "Orphan"})
    until(lambda: api("GET", f"{MAPS}/owner").code == 404)
    assert "ownerReferences" not in api("GET", f"{MAPS}/child").body["metadata"]


def test_an_owner_deleted_in_the_foreground_waits_for_those_that_block(api: Api) -> None:
    owner = api("POST", MAPS, {"metadata": {"name": "owner"}}).body["metadata"]
    blocking = owned("child", owner, blocks=True)
    blocking["metadata"]["finalizers"] = ["example.com/hold"]
    api("POST", MAPS, blocking)
    api("DELETE", f"{MAPS}/owner", {"propagationPolicy": "Foreground"})
    until(lambda: api("GET", f"{MAPS}/child").body["metadata"].get("deletionTimestamp"))
    assert api("GET", f"{MAPS}/owner").body["metadata"]["finalizers"] == ["foregroundDeletion"]
    api("PATCH", f"{MAPS}/child", {"metadata": {"finalizers": None}}, Content_Type=MERGE)
    until(lambda: api("GET", f"{MAPS}/owner").code == 404)


def test_a_deployment_makes_a_replica_set_and_tells_its_revision(api: Api) -> None:
    path = "/apis/apps/v1/namespaces/{ns}/deployments"
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    api("POST", path, {"metadata": {"name": "d"}, "spec": spec})
    sets = "/apis/apps/v1/namespaces/{ns}/replicasets"
    [made] = until(lambda: api("GET", sets).body["items"])
    assert made["metadata"]["labels"]["pod-template-hash"] in made["metadata"]["name"]
    assert made["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"
    assert made["metadata"]["ownerReferences"][0]["controller"]


def test_a_namespace_takes_all_in_it_along(cluster_rest: Rest) -> None:
    name = f"rules-{uuid.uuid4().hex[:8]}"
    cluster_rest("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    maps = f"/api/v1/namespaces/{name}/configmaps"
    cluster_rest("POST", maps, {"metadata": {"name": "a", "finalizers": ["example.com/hold"]}})
    cluster_rest("DELETE", f"/api/v1/namespaces/{name}")
    held = f"{maps}/a"
    until(lambda: cluster_rest("GET", held).body["metadata"].get("deletionTimestamp"), seconds=45)
    refused = cluster_rest("POST", maps, {"metadata": {"name": "b"}})
    assert (refused.code, refused.body["details"]["causes"][0]["reason"]) == (403, "NamespaceTerminating")
    cluster_rest("PATCH", f"{maps}/a", {"metadata": {"finalizers": None}}, Content_Type=MERGE)
    until(lambda: cluster_rest("GET", f"/api/v1/namespaces/{name}").code == 404, seconds=45)


# ------------------------------------------------------------------------------------------------- access


def test_a_requested_token_is_its_accounts(api: Api, cluster_rest: Rest, namespace: str) -> None:
    path = "/api/v1/namespaces/{ns}/serviceaccounts/default/token"
    token = api("POST", path, {"spec": {"expirationSeconds": 600}}).body["status"]["token"]
    as_account = cluster_rest.with_token(token)
    denied = as_account("GET", f"/api/v1/namespaces/{namespace}/secrets")
    assert denied.code == 403
    assert f'User "system:serviceaccount:{namespace}:default" cannot list' in denied.body["message"]
    review = {"spec": {"token": token}}
    found = cluster_rest("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review).body["status"]
    assert found["authenticated"]
    assert f"system:serviceaccounts:{namespace}" in found["user"]["groups"]
    assert cluster_rest.with_token(token[:-6] + "AAAAAA")("GET", "/api").code == 401


def test_a_role_for_one_name_allows_to_list_and_watch_that_name(
    api: Api, cluster_rest: Rest, namespace: str
) -> None:
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"], "resourceNames": ["a"]}]
    rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}"
    api("POST", f"{rbac}/roles", {"metadata": {"name": "r"}, "rules": rules})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"}
    subject = {"kind": "User", "name": f"jane-{namespace}"}
    api(
        "POST",
        f"{rbac}/rolebindings",
        {"metadata": {"name": "r"}, "roleRef": reference, "subjects": [subject]},
    )
    jane, maps = cluster_rest.acting_as(subject["name"]), MAPS.replace("{ns}", namespace)
    until(lambda: jane("GET", f"{maps}?fieldSelector=metadata.name%3Da").code == 200)
    assert jane("GET", maps).code == 403
    assert jane("GET", f"{maps}?fieldSelector=metadata.name%3Db").code == 403


# ----------------------------------------------------------------------------------------------- webhooks


def hook(webhook: Webhook, namespace: str, **more: Any) -> dict[str, Any]:
    """Give a webhook for the ConfigMaps of one namespace."""
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "resources": ["configmaps"],
        "operations": ["CREATE", "UPDATE"],
    }
    return {
        "name": "rules.example.com",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {"url": webhook.url, "caBundle": base64.b64encode(webhook.certificate).decode()},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "rules": [rule],
    } | more


WEBHOOKS = "/apis/admissionregistration.k8s.io/v1"


@pytest.fixture
def webhook(tmp_path: Path) -> Iterator[Webhook]:
    with Webhook.serving(tmp_path) as running:
        yield running


def test_a_mutating_webhook_changes_what_is_stored(api: Api, namespace: str, webhook: Webhook) -> None:
    webhook.patch = [{"op": "add", "path": "/data", "value": {"from": "webhook"}}]
    item = {"metadata": {"name": namespace}, "webhooks": [hook(webhook, namespace)]}
    with kept(api, f"{WEBHOOKS}/mutatingwebhookconfigurations", item):
        body = {"metadata": {"name": "probe"}}
        changed = until(lambda: api("POST", f"{MAPS}?dryRun=All", body).body.get("data"))
        assert changed == {"from": "webhook"}
        asked = webhook.requests[-1]
        assert (asked["operation"], asked["dryRun"], asked["namespace"]) == ("CREATE", True, namespace)
        assert asked["object"]["metadata"]["name"] == "probe"
        assert asked["userInfo"]["username"]


def test_a_validating_webhook_refuses_with_its_own_words(api: Api, namespace: str, webhook: Webhook) -> None:
    webhook.refusal = {"code": 418, "message": "not today", "reason": "Teapot"}
    item = {"metadata": {"name": namespace}, "webhooks": [hook(webhook, namespace)]}
    with kept(api, f"{WEBHOOKS}/validatingwebhookconfigurations", item):
        body = {"metadata": {"name": "probe"}}
        refused = until(lambda: (a := api("POST", f"{MAPS}?dryRun=All", body)).code != 201 and a)
        message = 'admission webhook "rules.example.com" denied the request: not today'
        assert (refused.code, refused.body["message"]) == (418, message)


def test_a_webhook_that_cannot_be_reached_fails_writes_or_is_ignored(
    api: Api, namespace: str, webhook: Webhook
) -> None:
    webhook.close()
    path = f"{WEBHOOKS}/validatingwebhookconfigurations"
    item = {"metadata": {"name": namespace}, "webhooks": [hook(webhook, namespace, timeoutSeconds=1)]}
    with kept(api, path, item):
        body = {"metadata": {"name": "probe"}}
        failed = until(lambda: (a := api("POST", f"{MAPS}?dryRun=All", body)).code != 201 and a)
        assert (failed.code, failed.body["reason"]) == (500, "InternalError")
        assert 'failed calling webhook "rules.example.com"' in failed.body["message"]
        ignoring = [{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}]
        api("PATCH", f"{path}/{namespace}", ignoring, Content_Type=JSON_PATCH)
        until(lambda: api("POST", f"{MAPS}?dryRun=All", body).code == 201)


# ---------------------------------------------------------------------------------------- bodies and patches


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"x"', b"\x00\xff\xfe", b"{" * 5000, b"[" * 100_000, b'{"metadata":' * 3000],
)
@pytest.mark.parametrize(
    "kind", ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"]
)
def test_bodies_that_are_none_are_refused(api: Api, kind: str, body: bytes) -> None:
    answer = api("POST", MAPS, body, Content_Type=kind)
    assert answer.code in (400, 422)
    assert answer.body["kind"] == "Status"


@pytest.mark.parametrize("kind", [MERGE, JSON_PATCH, STRATEGIC, APPLY])
@pytest.mark.parametrize("body", [b"", b"{", b"7", b'"x"', b"\xff", b"[" * 50_000, b'{"a":' * 20_000])
def test_patches_that_are_none_are_refused(api: Api, kind: str, body: bytes) -> None:
    make(api, "a")
    answer = api("PATCH", f"{MAPS}/a?fieldManager=m", body, Content_Type=kind)
    assert answer.code in (400, 422, 500)
    assert answer.body["kind"] == "Status"


def test_a_body_over_the_limit_is_refused_and_the_server_goes_on(api: Api) -> None:
    huge = b'{"metadata":{"name":"a"},"data":{"k":"' + b"x" * (3 << 20) + b'"}}'
    with contextlib.suppress(ConnectionError, TimeoutError):
        assert api("POST", MAPS, huge).code == 413
    assert api("GET", MAPS).code == 200


def test_data_over_one_mebibyte_is_told_as_invalid(api: Api) -> None:
    answer = api("POST", MAPS, {"metadata": {"name": "a"}, "data": {"k": "x" * ((1 << 20) + 1)}})
    assert (answer.code, answer.body["details"]["causes"][0]["reason"]) == (422, "FieldValueTooLong")
