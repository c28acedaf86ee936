"""What is forgotten when nobody uses it any longer."""

from __future__ import annotations

from alcove.embedded.images.retention import InUse, Retention, SpareLayer, obsolete_layers, obsolete_names

ONE, TWO = "s0123456789abcdef00000001", "s0123456789abcdef00000002"
FEW = Retention(builds=1, cache_seconds=100, cache_bytes=10)


def name(session: str, build: int, repository: str = "docker.io/shop/web") -> str:
    return f"{repository}:{session}-{build}"


def test_a_newer_build_of_a_session_makes_the_ones_before_it_obsolete() -> None:
    named = {name(ONE, 9): 1.0, name(ONE, 10): 3.0, name(ONE, 8): 2.0}
    assert obsolete_names(named, InUse(), FEW) == [name(ONE, 9), name(ONE, 8)]


def test_what_pods_use_stays_and_does_not_count() -> None:
    named = {name(ONE, 1): 1.0, name(ONE, 2): 2.0, name(TWO, 1): 3.0}
    assert obsolete_names(named, InUse({name(ONE, 1)}), FEW) == [name(ONE, 2)]
    assert obsolete_names(named, InUse({name(TWO, 1)}), FEW) == [name(ONE, 1)]


def test_repositories_of_a_session_are_apart() -> None:
    named = {name(ONE, 1, "a/api"): 1.0, name(ONE, 2, "a/web"): 2.0}
    assert obsolete_names(named, InUse(), Retention(builds=2)) == []


def test_the_sessions_that_were_built_longest_ago_are_forgotten_first() -> None:
    named = {name(ONE, 1): 2.0, name(TWO, 7): 1.0}
    assert obsolete_names(named, InUse(), FEW) == [name(TWO, 7)]


def test_what_somebody_loaded_is_never_forgotten() -> None:
    named = {f"docker.io/library/app:{number}": 0.0 for number in range(100)}
    assert obsolete_names(named, InUse(), FEW) == []


def test_layers_go_when_they_are_old_and_the_oldest_when_they_are_too_much() -> None:
    layers = [SpareLayer("a", 150, 6), SpareLayer("b", 160, 6), SpareLayer("c", 100, 1)]
    assert obsolete_layers(layers, 200, FEW) == ["a", "c"]
    assert obsolete_layers(layers[:2], 200, Retention(cache_seconds=100, cache_bytes=12)) == []


def test_layers_of_a_build_that_began_meanwhile_stay() -> None:
    assert obsolete_layers([SpareLayer("a", 201, 99)], 200, FEW) == []
