from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.sessions.samples import SETTINGS, TREES, make_settings

from alcove.kube.client import Object
from alcove.sessions.calls import Port
from alcove.sessions.ids import belongs_to, new_session_id
from alcove.sessions.objects import Session, SessionStatus, parse_session
from alcove.sessions.settings import UpSettings

ID = new_session_id("dev", "01234567")
STATUSES = st.builds(SessionStatus, synchronized_at=st.floats(0, 1e10))


def stored(session: Session) -> Object:
    return {**session.render("dev"), **session.render_status()}


@given(SETTINGS, STATUSES)
def test_an_object_reads_back(settings: UpSettings, status: SessionStatus) -> None:
    session = Session(ID, settings, status)
    item = msgspec.json.decode(msgspec.json.encode(stored(session)))
    assert parse_session(item) == session


def test_an_object_without_a_status_begins_anew() -> None:
    session = Session(ID, make_settings())
    assert parse_session(session.render("dev")) == session
    assert session.status.phase == "Pending"


def test_what_others_may_read_of_it() -> None:
    item = Session(ID, make_settings()).render("dev")
    assert item["metadata"]["namespace"] == "dev" and belongs_to(item["metadata"]["name"], "dev")
    assert item["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "alcove",
        "alcove.dev/session": ID,
        "alcove.dev/project": "0123456789ab",
    }
    told = {key: value for key, value in item["spec"].items() if key != "settings"}
    assert told == {
        "project": "web",
        "directory": "/home/amy/web",
        "client": "amy@desk",
        "configuration": "develop",
    }


def test_a_view_of_it() -> None:
    status = SessionStatus(
        "Running", "m", 3, f"{ID}-3", "r", updated="then", ports=(Port("web", "http", 80, 1),)
    )
    view = Session(ID, make_settings(), status).view(("web-1",))
    assert (view.id, view.project, view.phase, view.tag, view.release) == (
        ID,
        "web",
        "Running",
        f"{ID}-3",
        "r",
    )
    assert (view.instances, view.message, view.updated) == (("web-1",), "m", "then")


def damaged(item: Object, *path: str, value: Any = None) -> Object:
    """Give an object with something in it replaced, or left out."""
    found = copy.deepcopy(item)
    place = found
    for step in path[:-1]:
        place = place[step]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return found


SOUND = stored(Session(ID, make_settings()))


@pytest.mark.parametrize(
    "item",
    [
        {},
        damaged(SOUND, "spec"),
        damaged(SOUND, "spec", value=[]),
        damaged(SOUND, "spec", value="x"),
        damaged(SOUND, "spec", "settings"),
        damaged(SOUND, "spec", "settings", value=7),
        damaged(SOUND, "spec", "settings", "project"),
        damaged(SOUND, "spec", "settings", "build", value={}),
        damaged(SOUND, "status", value="x"),
        damaged(SOUND, "status", "build", value="one"),
        damaged(SOUND, "metadata"),
        damaged(SOUND, "metadata", "name"),
        damaged(SOUND, "metadata", "name", value=3),
    ],
)
def test_damage_is_a_value_error(item: Object) -> None:
    with pytest.raises(ValueError, match="not a session"):
        parse_session(item)


@given(st.dictionaries(st.sampled_from(["spec", "status", "metadata"]), TREES))
def test_any_tree_is_a_session_or_a_value_error(item: Object) -> None:
    with pytest.raises(ValueError, match="not a session"):
        parse_session(item)
