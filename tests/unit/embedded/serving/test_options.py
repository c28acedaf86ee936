from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict

from alcove.embedded.faults import ApiError
from alcove.embedded.ports import DeleteOptions, ListOptions, LogQuery, UserInfo, WatchOptions
from alcove.embedded.serving import options

JANE = UserInfo("jane")


def query(**parameters: str | list[str]) -> MultiDict[str]:
    made: MultiDict[str] = MultiDict()
    for name, value in parameters.items():
        for one in [value] if isinstance(value, str) else value:
            made.add(name, one)
    return made


@pytest.mark.parametrize(
    ("text", "expected"), [("", True), ("1", True), ("yes", True), ("0", False), ("False", False)]
)
def test_a_parameter_is_true_unless_it_says_otherwise(text: str, expected: bool) -> None:
    assert options.truth(query(force=text), "force") is expected
    assert options.truth(query(), "force") is False


def test_a_list_takes_its_selection_and_page() -> None:
    asked = query(
        labelSelector="a=b", fieldSelector="x=y", limit="5", **{"continue": "t"}, resourceVersion="7"
    )
    expected = ListOptions("a=b", "x=y", limit=5, continue_token="t", resource_version="7")
    assert options.parse_list(asked) == expected


def test_a_watch_takes_its_start_and_end() -> None:
    asked = query(
        allowWatchBookmarks="true", sendInitialEvents="true", timeoutSeconds="9", resourceVersion="3"
    )
    expected = WatchOptions(resource_version="3", allow_bookmarks=True, send_initial_events=True, seconds=9)
    assert options.parse_watch(asked) == expected


def test_the_deprecated_watch_of_one_object_is_a_selection() -> None:
    assert options.parse_watch(query(fieldSelector="a=b"), name="n").field_selector == "metadata.name=n,a=b"


@pytest.mark.parametrize("text", ["x", "1.5", "9" * 30, "\u0663x", str(1 << 63)])
def test_a_number_that_is_none_is_400(text: str) -> None:
    with pytest.raises(ApiError) as refused:
        options.parse_list(query(limit=text))
    assert refused.value.code == 400


@pytest.mark.parametrize(
    ("agent", "manager"),
    [("kubectl/v1.32 (linux)", "kubectl"), ("", "unknown"), ("\udcff/1", "unknown"), ("a" * 200, "a" * 128)],
)
def test_the_field_manager_defaults_to_the_program(agent: str, manager: str) -> None:
    assert options.parse_write(query(), JANE, agent).field_manager == manager


def test_a_write_takes_its_options() -> None:
    asked = query(dryRun="All", fieldManager="me", fieldValidation="Strict", force="true")
    write = options.parse_write(asked, JANE, "x", kind="PatchOptions")
    told = (write.dry_run, write.field_manager, write.field_validation, write.force, write.user)
    assert told == (True, "me", "Strict", True, JANE)
    assert not options.parse_write(asked, JANE, "x").force


@pytest.mark.parametrize(
    "wrong", [{"dryRun": "Some"}, {"fieldValidation": "Loud"}, {"fieldManager": "a" * 129}]
)
def test_values_outside_of_the_known_are_422(wrong: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as refused:
        options.parse_write(query(**wrong), JANE, "x")
    assert refused.value.code == 422


def test_the_body_of_a_delete_wins_over_its_query() -> None:
    body = {
        "gracePeriodSeconds": 0,
        "propagationPolicy": "Orphan",
        "preconditions": {"uid": "u"},
        "dryRun": ["All"],
    }
    found = options.parse_delete(query(gracePeriodSeconds="5", propagationPolicy="Foreground"), body)
    assert found == (DeleteOptions(0, "Orphan", "u"), True)
    asked = query(gracePeriodSeconds="5", propagationPolicy="Foreground")
    assert options.parse_delete(asked, {}) == (DeleteOptions(5, "Foreground"), False)


@pytest.mark.parametrize(("orphan", "policy"), [(True, "Orphan"), (False, "Background")])
def test_the_older_orphan_option_is_understood(orphan: bool, policy: str) -> None:
    assert options.parse_delete(query(), {"orphanDependents": orphan})[0].propagation == policy


@pytest.mark.parametrize(
    ("body", "code"),
    [({"gracePeriodSeconds": "5"}, 400), ({"gracePeriodSeconds": True}, 400), ({"preconditions": 1}, 400),
     ({"propagationPolicy": "Maybe"}, 422), ({"dryRun": "All"}, 400), ({"dryRun": ["Some"]}, 422)],
)  # fmt: skip
def test_a_malformed_delete_is_refused(body: dict[str, Any], code: int) -> None:
    with pytest.raises(ApiError) as refused:
        options.parse_delete(query(), body)
    assert refused.value.code == code


def test_a_log_takes_its_options() -> None:
    asked = query(
        container="c", follow="true", tailLines="0", limitBytes="9", sinceSeconds="3", timestamps="1"
    )
    assert options.parse_log(asked) == LogQuery(
        "c", follow=True, since_seconds=3, timestamps=True, tail_lines=0, limit_bytes=9
    )


@pytest.mark.parametrize("wrong", [{"tailLines": "-1"}, {"limitBytes": "0"}, {"sinceSeconds": "0"}])
def test_a_log_that_cannot_be_is_422(wrong: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as refused:
        options.parse_log(query(**wrong))
    assert refused.value.code == 422


def test_a_command_needs_words_and_a_stream() -> None:
    found = options.parse_exec(query(command=["ls", "-l"], stdout="true", tty="true"), "n", "p")
    assert (found.command, found.stdout, found.stderr, found.tty) == (("ls", "-l"), True, False, True)
    for wrong in (query(stdout="true"), query(command="ls")):
        with pytest.raises(ApiError):
            options.parse_exec(wrong, "n", "p")


def test_ports_are_numbers_of_a_port() -> None:
    assert options.parse_ports(query(ports=["80,81", "82"])) == [80, 81, 82]
    for wrong in ([], ["0"], ["65536"], ["x"], ["80", ""], ["1"] * 101):
        with pytest.raises(ApiError):
            options.parse_ports(query(ports=wrong))


NAMES = [
    "dryRun",
    "gracePeriodSeconds",
    "fieldManager",
    "limit",
    "tailLines",
    "ports",
    "command",
    "timeoutSeconds",
]
TEXTS = st.lists(st.text()) | st.dictionaries(st.text(), st.text())
VALUES = st.none() | st.booleans() | st.integers() | st.text() | TEXTS
DELETE = ["gracePeriodSeconds", "preconditions", "propagationPolicy", "orphanDependents", "dryRun"]


@given(st.dictionaries(st.sampled_from(NAMES), st.text()), st.dictionaries(st.sampled_from(DELETE), VALUES))
def test_random_options_are_read_or_refused(parameters: dict[str, str], body: dict[str, Any]) -> None:
    asked = query(**parameters)
    for parse in (
        lambda: options.parse_list(asked),
        lambda: options.parse_watch(asked),
        lambda: options.parse_write(asked, JANE, "x"),
        lambda: options.parse_delete(asked, body),
        lambda: options.parse_log(asked),
        lambda: options.parse_exec(asked, "n", "p"),
        lambda: options.parse_ports(asked),
    ):
        with contextlib.suppress(ApiError):
            parse()


@pytest.mark.parametrize(
    ("selector", "name"),
    [
        ("metadata.name=a", "a"),
        ("metadata.name==a", "a"),
        ("type=x,metadata.name=a", "a"),
        ("metadata.name!=a", ""),
        ("", ""),
    ],
)
def test_a_selector_may_ask_for_one_name(selector: str, name: str) -> None:
    assert options.selected_name(query(fieldSelector=selector)) == name


def test_a_list_does_not_stream() -> None:
    with pytest.raises(ApiError) as raised:
        options.parse_list(query(sendInitialEvents="true"))
    assert raised.value.code == 422
