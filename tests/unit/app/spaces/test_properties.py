"""Whatever is done to a tree of spaces by commands, it stays a tree."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.app.spaces.worlds import BoundedClient, namespace, put, request, silent, use_cases_of

from alcove.app.spaces.creation import plan_creation
from alcove.app.spaces.paths import parse_path
from alcove.app.spaces.removal import plan_removal
from alcove.app.spaces.usecases import SpaceUseCases
from alcove.app.spaces.world import World, locate, make_world
from alcove.errors import ConflictError

NAMES = ["a", "b", "c", "d"]

paths = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True).map("/".join)
steps = st.lists(st.tuples(st.sampled_from(["create", "move", "remove", "keep"]), paths), max_size=12)
any_world = st.dictionaries(
    st.sampled_from(NAMES), st.tuples(st.booleans(), st.none() | st.sampled_from([*NAMES, "gone"]))
).map(lambda made: make_world(namespace(name, parent, space=space) for name, (space, parent) in made.items()))


async def step(use_cases: SpaceUseCases, verb: str, path: str) -> None:
    """Do one command, twice: the second time nothing is left to do."""
    for again in (False, True):
        if verb in ("create", "move"):
            plan = await use_cases.plan_creation(request(path, move=verb == "move"))
        else:
            plan = await use_cases.plan_removal(parse_path(path), keep=verb == "keep")
        assert not again or not plan.actions
        await use_cases.apply(plan, silent, seconds=10)


@given(steps)
async def test_commands_keep_the_tree_without_faults(chosen: list[tuple[str, str]]) -> None:
    client = BoundedClient()
    await put(client, namespace("d", space=False))
    with tempfile.TemporaryDirectory() as directory:
        use_cases = use_cases_of(client, Path(directory))
        for verb, path in chosen:
            before = await use_cases.observe()
            try:
                await step(use_cases, verb, path)
            except ConflictError:
                assert (await use_cases.observe()).tree == before.tree
                continue
            world = await use_cases.observe()
            assert not world.tree.faults
            if verb in ("create", "move"):
                assert locate(world, parse_path(path)) == path.split("/")[-1]
            else:
                assert not world.is_space(path.split("/")[-1])


@given(any_world, paths, st.booleans())
def test_a_plan_never_makes_a_space_whose_parent_does_not_count(world: World, path: str, move: bool) -> None:
    try:
        plan = plan_creation(world, request(path, move=move))
    except ConflictError as error:
        assert error.message and (error.cause or error.hint)
        return
    labels = [
        (action.body or {})["metadata"]["labels"]
        for action in plan.actions
        if action.resource.plural == "namespaces"
    ]
    parent = labels[0].get("azds.io/parent-space") if labels else None
    assert parent is None or world.is_space(parent)


@given(any_world, paths, st.booleans())
def test_a_plan_never_takes_a_parent_from_its_children(world: World, path: str, keep: bool) -> None:
    try:
        plan = plan_removal(world, parse_path(path), keep=keep)
    except ConflictError:
        return
    name = parse_path(path).name
    assert not plan.actions or not world.tree.children(name)


@given(any_world)
def test_every_space_is_found_by_each_end_of_its_path(world: World) -> None:
    for name in world.spaces:
        parts = world.tree.path(name).split("/")
        for start in range(len(parts)):
            assert locate(world, parse_path("/".join(parts[start:]))) == name
