"""The kind of sessions: what hubs write is valid, and is shown to people."""

from __future__ import annotations

from alcove.app.install.rendering import render_objects
from alcove.app.install.settings import InstallSettings
from alcove.kube.client import Object
from alcove.sessions.objects import SESSIONS


def found(name: str) -> Object:
    return next(item for item in render_objects(InstallSettings()) if item["metadata"]["name"] == name)


def test_the_kind_is_the_one_that_hubs_write() -> None:
    item = found("sessions.alcove.dev")
    names, (version,) = item["spec"]["names"], item["spec"]["versions"]
    assert (names["plural"], names["kind"]) == (SESSIONS.plural, SESSIONS.kind)
    assert (item["spec"]["group"], version["name"]) == (SESSIONS.group, SESSIONS.version)
    assert version["subresources"] == {"status": {}} and item["spec"]["scope"] == "Namespaced"


def test_people_see_the_phase_the_tag_and_the_age() -> None:
    (version,) = found("sessions.alcove.dev")["spec"]["versions"]
    columns = [one["name"] for one in version["additionalPrinterColumns"]]
    assert columns == ["Project", "Phase", "Tag", "Message", "Age"]


def test_what_a_newer_hub_keeps_there_is_kept() -> None:
    (version,) = found("sessions.alcove.dev")["spec"]["versions"]
    for part in version["schema"]["openAPIV3Schema"]["properties"].values():
        assert part["x-kubernetes-preserve-unknown-fields"]


def test_who_may_edit_may_work_and_who_may_view_may_look() -> None:
    edit, view = (found(name) for name in ("alcove-sessions", "alcove-sessions-view"))
    joined = "rbac.authorization.k8s.io/aggregate-to-"
    assert [key for key in edit["metadata"]["labels"] if key.startswith(joined)] == [
        f"{joined}admin",
        f"{joined}edit",
    ]
    assert [key for key in view["metadata"]["labels"] if key.startswith(joined)] == [f"{joined}view"]
    assert view["rules"][0]["verbs"] == ["get", "list", "watch"]
