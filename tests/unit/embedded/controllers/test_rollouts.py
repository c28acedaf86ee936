"""The arithmetic of rollouts by tables, and its promises under random changes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.embedded.controllers.test_deployments import deployment, image_patch
from tests.unit.embedded.controllers.worlds import World, play

from alcove.embedded.controllers import rollouts
from alcove.embedded.objects import Object, metadata


def replica_set(name: str, size: int, available: int, *, annotations: Object | None = None) -> Object:
    created = f"2024-01-0{len(name)}T00:00:00Z"
    return {
        "metadata": {"name": name, "creationTimestamp": created, "annotations": annotations or {}},
        "spec": {"replicas": size},
        "status": {"availableReplicas": available},
    }


def limits(replicas: int, surge: int, unavailable: int) -> rollouts.Limits:
    return rollouts.Limits(replicas, surge, unavailable, rolling=True)


def named(sizes: rollouts.Sizes) -> dict[str, int]:
    return {metadata(one)["name"]: size for one, size in sizes}


@pytest.mark.parametrize(
    ("strategy", "surge", "unavailable"),
    [
        ({}, 3, 2),
        ({"rollingUpdate": {"maxSurge": "30%", "maxUnavailable": "30%"}}, 3, 3),
        ({"rollingUpdate": {"maxSurge": "1%", "maxUnavailable": "1%"}}, 1, 0),
        ({"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}, 0, 1),
        ({"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "1%"}}, 0, 1),
        ({"rollingUpdate": {"maxSurge": 2, "maxUnavailable": 99}}, 2, 10),
        ({"type": "Recreate"}, 0, 0),
    ],
)
def test_limits_are_numbers_or_shares(strategy: Object, surge: int, unavailable: int) -> None:
    found = rollouts.limits_of({"spec": {"replicas": 10, "strategy": strategy}})
    assert (found.surge, found.unavailable) == (surge, unavailable)


# (replicas, surge, unavailable), new (size, available), old (size, available)... -> sizes that change
@pytest.mark.parametrize(
    ("most", "new", "old", "expected"),
    [
        ((3, 1, 0), (0, 0), [(3, 3)], {"n": 1}),
        ((3, 1, 0), (1, 0), [(3, 3)], {}),
        ((3, 1, 0), (1, 1), [(3, 3)], {"oo": 2}),
        ((3, 0, 1), (0, 0), [(3, 3)], {"oo": 2}),
        ((3, 0, 1), (0, 0), [(3, 2)], {"oo": 2}),
        ((10, 2, 2), (2, 0), [(10, 10)], {"oo": 8}),
        ((10, 2, 2), (4, 0), [(8, 8)], {}),
        ((4, 1, 1), (2, 0), [(3, 3)], {}),
        ((4, 1, 0), (1, 0), [(4, 3)], {}),
        ((4, 1, 1), (1, 0), [(4, 0)], {"oo": 3}),
        ((3, 1, 0), (5, 5), [(1, 1)], {"n": 3}),
        ((4, 2, 2), (2, 2), [(2, 2), (2, 0)], {"oo": 0, "ooo": 0}),
    ],
)
def test_each_step_of_a_rolling_update(
    most: tuple[int, int, int],
    new: tuple[int, int],
    old: list[tuple[int, int]],
    expected: dict[str, int],
) -> None:
    olds = [replica_set("o" * (n + 2), *each) for n, each in enumerate(old)]
    assert named(rollouts.rolling_sizes(limits(*most), replica_set("n", *new), olds)) == expected


@pytest.mark.parametrize(
    ("most", "new", "old", "expected"),
    [
        ((5, 1, 0), (3, 3), [], {"n": 5}),
        ((5, 1, 0), (0, 0), [(3, 3)], {"oo": 5}),
        ((20, 2, 0), (5, 5), [(7, 7)], {"n": 9, "oo": 13}),
        ((0, 1, 0), (2, 2), [(3, 3)], {"n": 0, "oo": 0}),
        ((5, 1, 0), (5, 5), [(2, 2)], {"oo": 0}),
    ],
)
def test_scaling_in_the_middle_of_a_rollout_is_proportional(
    most: tuple[int, int, int],
    new: tuple[int, int],
    old: list[tuple[int, int]],
    expected: dict[str, int],
) -> None:
    annotations = {rollouts.DESIRED: "5" if most[0] == 5 else "10", rollouts.MAXIMUM: "12"}
    olds = [replica_set("o" * (n + 2), *each, annotations=annotations) for n, each in enumerate(old)]
    newest = replica_set("n", *new, annotations=annotations)
    assert named(rollouts.scaled_sizes(limits(*most), newest, olds)) == expected


PAIRS = st.tuples(st.integers(0, 8), st.integers(0, 8))


@given(
    st.integers(0, 8), st.integers(0, 3), st.integers(0, 3), PAIRS, st.lists(PAIRS, min_size=1, max_size=3)
)
def test_a_step_never_takes_what_must_stay_and_never_asks_for_too_much(
    replicas: int, surge: int, unavailable: int, new: tuple[int, int], old: list[tuple[int, int]]
) -> None:
    most = limits(replicas, surge, min(unavailable, replicas))
    newest = replica_set("n", new[0], min(new))
    olds = [replica_set("o" * (n + 2), size, min(size, up)) for n, (size, up) in enumerate(old)]
    sizes = {metadata(one)["name"]: rollouts.size_of(one) for one in (newest, *olds)}
    after = sizes | named(rollouts.rolling_sizes(most, newest, olds))
    assert all(size >= 0 for size in after.values())
    assert sum(after.values()) <= max(most.replicas + most.surge, sum(sizes.values()))
    if after["n"] >= sizes["n"]:
        up = sum(min(after[metadata(one)["name"]], rollouts.available_in(one)) for one in (newest, *olds))
        before = sum(rollouts.available_in(one) for one in (newest, *olds))
        assert up >= min(before, most.least_available)


CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("update"), st.sampled_from("abc")),
        st.tuples(st.just("scale"), st.integers(0, 5)),
        st.tuples(st.just("pause"), st.booleans()),
        st.tuples(st.just("wait"), st.sampled_from([0.01, 0.15, 1.0])),
    ),
    max_size=8,
)


@settings(max_examples=25)
@given(CHANGES, st.sampled_from([(1, 0), (0, 1), (2, 1), ("50%", "50%")]))
def test_any_changes_end_in_what_was_asked_for(
    changes: list[tuple[str, Any]], bounds: tuple[Any, Any]
) -> None:
    async def scenario(world: World) -> None:
        strategy = {"rollingUpdate": {"maxSurge": bounds[0], "maxUnavailable": bounds[1]}}
        await world.create("deployments.apps", deployment(strategy=strategy))
        await world.settle(2)
        wanted: dict[str, Any] = {"scale": 3, "update": "a"}
        for kind, value in changes:
            wanted[kind] = value
            if kind == "wait":
                await world.settle(value)
                continue
            merge = {
                "update": image_patch(str(value)),
                "scale": {"spec": {"replicas": value}},
                "pause": {"spec": {"paused": value}},
            }[kind]
            await world.patch("deployments.apps", "web", merge)
        await world.patch("deployments.apps", "web", {"spec": {"paused": False}})
        await world.settle(20)
        images = [pod["spec"]["containers"][0]["image"] for pod in world.pods()]
        assert images == [wanted["update"]] * wanted["scale"]
        status = world.get("deployments.apps", "web")["status"]
        assert status.get("availableReplicas", 0) == wanted["scale"]

    play(scenario)


@settings(max_examples=15)
@given(st.lists(st.sampled_from("abc"), max_size=6), st.sampled_from([0.01, 0.12, 0.4]))
def test_however_templates_change_enough_pods_stay_available(images: list[str], pace: float) -> None:
    async def scenario(world: World) -> None:
        strategy = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}
        await world.create("deployments.apps", deployment(replicas=4, strategy=strategy))
        await world.settle(2)
        seen = []
        for image in [*images, "a"]:
            await world.patch("deployments.apps", "web", image_patch(image))
            for _ in range(10):
                await world.settle(pace / 10)
                live = [pod for pod in world.pods() if "deletionTimestamp" not in metadata(pod)]
                seen.append(sum("podIP" in pod["status"] for pod in live))
        assert min(seen) >= 3

    play(scenario)
