from __future__ import annotations

import ssl
from pathlib import Path

import aiohttp
import pytest
from tests.unit.embedded.serving.fakes import Client, Cluster

from alcove.embedded.identity import authority as authorities

WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
GOOD = {"Authorization": "Bearer good"}


async def who(client: Client, **headers: str) -> dict[str, object]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    _, body = await client.ask("POST", WHO, json={}, headers=named)
    return dict(body["status"]["userInfo"])


async def test_a_token_names_its_user(client: Client) -> None:
    assert await who(client, Authorization="Bearer good") == {
        "username": "jane",
        "groups": ["system:authenticated"],
    }


@pytest.mark.parametrize("header", ["", "Basic Z29vZA==", "Bearer", "Bearer  "])
async def test_who_shows_nothing_is_anonymous(client: Client, header: str) -> None:
    assert (await who(client, Authorization=header))["username"] == "system:anonymous"


async def test_a_bad_token_is_401(client: Client) -> None:
    answer, _ = await client.answer("GET", "/version", headers={"Authorization": "Bearer bad"})
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="kubernetes"'


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("GET", "/api/v1/namespaces/y/pods",
         'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "y"'),
        ("GET", "/api/v1/pods?watch=1",
         'pods is forbidden: User "jane" cannot watch resource "pods" in API group "" at the cluster scope'),
        ("PATCH", "/apis/apps/v1/namespaces/y/deployments/d/scale",
         ('deployments.apps "d" is forbidden: User "jane" cannot patch resource "deployments/scale"'
          ' in API group "apps" in the namespace "y"')),
        ("GET", "/nope", 'forbidden: User "jane" cannot get path "/nope"'),
    ],
)  # fmt: skip
async def test_what_is_not_allowed_is_told_as_kubernetes_does(
    client: Client, cluster: Cluster, method: str, path: str, message: str
) -> None:
    cluster.identity.denied = lambda _asked: True
    status, body = await client.ask(method, path, headers=GOOD)
    assert (status, body["reason"], body["message"]) == (403, "Forbidden", message)


async def test_impersonation_asks_for_every_part(client: Client, cluster: Cluster) -> None:
    user = await who(
        client,
        Authorization="Bearer good",
        Impersonate_User="bob",
        Impersonate_Group="devs",
        Impersonate_Uid="7",
        Impersonate_Extra_Some_2fkey="v",
    )
    assert user == {"username": "bob", "groups": ["devs", "system:authenticated"]}
    asked = [(one.verb, one.resource, one.subresource, one.name) for one in cluster.identity.asked[:4]]
    assert asked == [
        ("impersonate", "users", "", "bob"),
        ("impersonate", "groups", "", "devs"),
        ("impersonate", "uids", "", "7"),
        ("impersonate", "userextras", "some-2fkey", "v"),
    ]


async def test_a_service_account_is_impersonated_as_one(client: Client, cluster: Cluster) -> None:
    await who(client, Impersonate_User="system:serviceaccount:n:a")
    first = cluster.identity.asked[0]
    assert (first.resource, first.namespace, first.name) == ("serviceaccounts", "n", "a")


async def test_impersonation_that_is_not_allowed_is_403(client: Client, cluster: Cluster) -> None:
    cluster.identity.denied = lambda asked: asked.verb == "impersonate"
    status, body = await client.ask("GET", "/version", headers=GOOD | {"Impersonate-User": "bob"})
    assert status == 403
    assert body["message"].startswith('users "bob" is forbidden: User "jane" cannot impersonate')


@pytest.mark.parametrize("headers", [{"Impersonate-Group": "x"}, {"Impersonate-Uid": "x"}])
async def test_a_group_alone_cannot_be_impersonated(client: Client, headers: dict[str, str]) -> None:
    assert (await client.ask("GET", "/version", headers=headers))[0] == 400


async def test_a_client_certificate_names_its_user(tmp_path: Path) -> None:
    authority = authorities.load_authority(tmp_path)
    pair = authority.client_certificate("admin", ["system:masters"])
    (tmp_path / "client.pem").write_bytes(pair.certificate + pair.key)
    context = ssl.create_default_context(cadata=authority.certificate_pem.decode())
    context.load_cert_chain(tmp_path / "client.pem")
    cluster = Cluster()
    async with cluster.serve(authority.server_context()), aiohttp.ClientSession() as session:
        client = Client(cluster, session, ssl=context)
        for _ in range(2):
            _, body = await client.ask("POST", WHO, json={}, headers=GOOD)
    assert body["status"]["userInfo"] == {"username": "admin", "groups": ["system:masters"]}
