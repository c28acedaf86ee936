import pytest

from alcove import errors
from alcove.app.controlplane.settings import ControlPlaneSettings


def test_the_environment_names_the_pod_and_the_image() -> None:
    found = ControlPlaneSettings.from_env({"ALCOVE_POD_NAME": "cp-1", "ALCOVE_PROXY_IMAGE": "r/proxy:1"})
    assert (found.pod, found.proxy_image, found.namespace, found.pull_policy) == (
        "cp-1",
        "r/proxy:1",
        "azds",
        "IfNotPresent",
    )


def test_without_an_image_there_are_no_builders() -> None:
    needed = {"ALCOVE_POD_NAME": "cp-1", "ALCOVE_PROXY_IMAGE": "r/proxy:1"}
    assert ControlPlaneSettings.from_env(needed).builder_image == ""
    told = ControlPlaneSettings.from_env(needed | {"ALCOVE_BUILDER_IMAGE": "r/builder:1"})
    assert told.builder_image == "r/builder:1"


def test_what_is_missing_is_named() -> None:
    with pytest.raises(errors.UsageError, match="ALCOVE_PROXY_IMAGE"):
        ControlPlaneSettings.from_env({"ALCOVE_POD_NAME": "cp-1"})
