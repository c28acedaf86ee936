"""Settings and events, as hypothesis makes them and as tests write them."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
from hypothesis import strategies as st

from alcove.sessions import calls, settings
from alcove.sessions.settings import UpSettings

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
NUMBERS = st.integers(-(2**31), 2**31)
SECONDS = st.floats(0, 1e6, allow_nan=False)
TREES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(TEXTS, below, max_size=3),
    max_leaves=8,
)
st.register_type_strategy(float, SECONDS)

SETTINGS: st.SearchStrategy[UpSettings] = st.builds(
    UpSettings,
    project=st.builds(settings.Project, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS),
    configuration=TEXTS,
    config_file=TEXTS,
    build=st.builds(settings.BuildSettings, TEXTS, TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=3)),
    install=st.builds(
        settings.InstallSettings,
        TEXTS,
        st.lists(TEXTS, max_size=3).map(tuple),
        st.dictionaries(TEXTS, TREES, max_size=3),
    ),
    space=st.builds(settings.SpaceTokens, TEXTS, TEXTS, TEXTS),
    container=st.none() | st.builds(settings.ContainerSettings),
    command=st.builds(settings.CommandSettings),
    debug=st.sampled_from(["", "node"]),
)

TOLD: st.SearchStrategy[calls.Told] = st.one_of([st.from_type(kind) for kind in get_args(calls.Told)])
REQUESTS: st.SearchStrategy[calls.Request] = st.one_of(
    [
        st.builds(calls.Up, settings=SETTINGS) if kind is calls.Up else st.from_type(kind)
        for kind in get_args(calls.Request)
    ]
)
PUSHED: st.SearchStrategy[calls.FromWorkstation] = st.one_of(
    [st.from_type(kind) for kind in get_args(calls.FromWorkstation)]
)


def make_settings(**changes: Any) -> UpSettings:
    """Give the settings of a small project that syncs and restarts; with fields of it changed."""
    plain = UpSettings(
        project=settings.Project("0123456789ab", "web", "/home/amy/web", "amy@desk", ""),
        configuration="develop",
        config_file="azds.yaml",
        build=settings.BuildSettings("", "Dockerfile"),
        install=settings.InstallSettings("charts/web", (), {"image": {"tag": "$(tag)"}}),
        space=settings.SpaceTokens("", "dev.", ".apps.example"),
        container=settings.ContainerSettings(None, ("**/*",), (), settings.Iteration(("python",))),
    )
    return msgspec.structs.replace(plain, **changes)
