from __future__ import annotations

import pytest

from alcove.embedded.identity import users


def test_a_certificate_gives_a_user_in_its_organizations() -> None:
    user = users.certificate_user("jane", ["system:masters"])
    assert (user.name, user.groups) == ("jane", ("system:masters", "system:authenticated"))


@pytest.mark.parametrize(
    ("name", "groups", "told"),
    [
        ("jane", [], ("system:authenticated",)),
        ("jane", ["devs"], ("devs", "system:authenticated")),
        (
            "system:serviceaccount:dev:ci",
            [],
            ("system:serviceaccounts", "system:serviceaccounts:dev", "system:authenticated"),
        ),
        ("system:anonymous", [], ("system:unauthenticated",)),
    ],
)
def test_impersonated_users_are_in_the_groups_of_their_names(
    name: str, groups: list[str], told: tuple[str, ...]
) -> None:
    assert users.impersonated_user(name, groups, "", {}).groups == told
