from __future__ import annotations

import pytest

from alcove.app.builder.settings import BuilderProcessSettings
from alcove.builds.pods import BuilderSettings, render_builder
from alcove.builds.runtimes import Runtime
from alcove.errors import UsageError


def environment(runtime: Runtime) -> dict[str, str]:
    settings = BuilderSettings("alcove/builder:1", "Never", "10.96.0.9:443", "PEM")
    (container,) = render_builder("node-1", runtime, settings)["spec"]["containers"]
    return {one["name"]: one["value"] for one in container["env"]}


def test_the_process_understands_what_its_pod_says() -> None:
    settings = BuilderProcessSettings.from_env(environment(Runtime("containerd", "/run/c.sock")))
    assert (settings.runtime, settings.refusal) == ("containerd", "")
    assert (settings.identity.control_plane, settings.identity.trust) == ("10.96.0.9:443", b"PEM")
    assert "cri-o" in BuilderProcessSettings.from_env(environment(Runtime("cri-o"))).refusal
    assert "PEM" not in repr(settings)


@pytest.mark.parametrize("missing", ["ALCOVE_RUNTIME", "ALCOVE_CONTROL_PLANE", "ALCOVE_TRUST"])
def test_what_is_missing_is_named(missing: str) -> None:
    known = {**environment(Runtime("containerd", "/run/c.sock")), missing: ""}
    with pytest.raises(UsageError, match=missing):
        BuilderProcessSettings.from_env(known)
