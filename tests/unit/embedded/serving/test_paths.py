from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.serving.paths import RequestInfo, parse_request


def parse(method: str, path: str, *, watch: bool = False) -> dict[str, str]:
    info = parse_request(method, path, watch=watch)
    names = ("verb", "group", "version", "resource", "namespace", "name", "subresource", "rest")
    return {name: getattr(info, name) for name in names if getattr(info, name)}


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/v1/pods", "list  v1 pods"),
        ("GET", "/api/v1/namespaces/a/pods", "list  v1 pods a"),
        ("GET", "/api/v1/namespaces/a/pods/p", "get  v1 pods a p"),
        ("HEAD", "/api/v1/namespaces/a/pods/p/log", "get  v1 pods a p log"),
        ("POST", "/apis/apps/v1/namespaces/a/deployments", "create apps v1 deployments a"),
        ("PUT", "/apis/apps/v1/namespaces/a/deployments/d/scale", "update apps v1 deployments a d scale"),
        ("PATCH", "/apis/example.com/v1/widgets/c", "patch example.com v1 widgets  c"),
        ("DELETE", "/api/v1/namespaces/a/pods", "deletecollection  v1 pods a"),
        ("DELETE", "/api/v1/namespaces/a/pods/p/", "delete  v1 pods a p"),
        ("GET", "/api/v1/namespaces", "list  v1 namespaces"),
        ("GET", "/api/v1/namespaces/a", "get  v1 namespaces a a"),
        ("PUT", "/api/v1/namespaces/a/finalize", "update  v1 namespaces a a finalize"),
        ("GET", "/api/v1/watch/namespaces/a/pods", "watch  v1 pods a"),
        ("GET", "/api/v1/watch/namespaces/a/pods/p", "watch  v1 pods a p"),
        ("GET", "/api/v1/nodes/n/proxy/metrics/x", "get  v1 nodes  n proxy metrics/x"),
        ("OPTIONS", "/api/v1/pods", "options  v1 pods"),
    ],
)  # fmt: skip
def test_a_resource_path_is_taken_apart(method: str, path: str, expected: str) -> None:
    names = ("verb", "group", "version", "resource", "namespace", "name", "subresource", "rest")
    wanted = {name: value for name, value in zip(names, expected.split(" "), strict=False) if value}
    assert parse(method, path) == wanted


def test_the_watch_parameter_makes_a_list_a_watch_and_nothing_else() -> None:
    assert parse("GET", "/api/v1/pods", watch=True)["verb"] == "watch"
    assert parse("GET", "/api/v1/namespaces/a/pods/p", watch=True)["verb"] == "get"


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/v1", "/apis/apps", "/apis/apps/v1", "/healthz", "/a/b/c/d/e"]
)
def test_everything_else_is_no_resource(path: str) -> None:
    assert parse_request("GET", path) == RequestInfo("get", path)


@given(st.text(), st.text())
def test_any_request_line_is_something(method: str, path: str) -> None:
    assert parse_request(method, path).path == path
