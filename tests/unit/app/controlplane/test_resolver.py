from alcove.admission.settings import ClusterDns
from alcove.app.controlplane.resolver import parse_resolver


def test_a_pods_file_tells_servers_domain_and_the_nodes_list() -> None:
    searches = "search azds.svc.k8s.corp svc.k8s.corp k8s.corp corp.example lan"
    text = f"{searches}\nnameserver 10.96.0.10\noptions ndots:5\n"
    assert parse_resolver(text, "azds") == ClusterDns(("10.96.0.10",), "k8s.corp", ("corp.example", "lan"))


def test_the_last_search_line_counts_and_servers_are_listed_once() -> None:
    text = "search old\nnameserver ::1\nnameserver ::1\nnameserver 10.0.0.1\nsearch azds.svc.c svc.c c\n"
    assert parse_resolver(text, "azds") == ClusterDns(("::1", "10.0.0.1"), "c", ())


def test_a_file_of_another_shape_tells_nothing() -> None:
    for text in (
        "",
        "nameserver 10.0.0.1\n",
        "search lan\nnameserver 1.1.1.1\n",
        "search other.svc.c svc.c c\n",
    ):
        assert parse_resolver(text, "azds") == ClusterDns()
