"""Which pods are of a session, and what becomes of them: a table of cases, and what holds for every one."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.admission.worlds import (
    CHILD,
    PODS,
    ROOT,
    SETTINGS,
    Object,
    app,
    injected,
    pod,
    warnings_of,
)

from alcove.admission.bounds import Bounds
from alcove.admission.facts import PodSecurity, SpaceFacts
from alcove.admission.inject import Injected, inject
from alcove.admission.patches import plan_patch
from alcove.admission.quantities import parse_quantity
from alcove.admission.sessions import agent_ports, find_session, image_tag
from alcove.admission.verdicts import Skipped, Verdict
from alcove.embedded.admission.pod_security import violations
from alcove.sessions.ids import Tag, new_session_id

SESSION = new_session_id("alice", "0badcafe")
TAG = Tag(SESSION, 3)
IMAGE = f"shop:{TAG}"
OTHERS = f"shop:{Tag(new_session_id('bob', '0badcafe'), 3)}"
WITHOUT_PROXY = {"labels": {"azds.io/no-proxy": "true"}}
SPACES = pytest.mark.parametrize("facts", [ROOT, CHILD])


def worked(name: str = "app", **fields: Any) -> Object:
    """Give a container whose image a session builds."""
    return app(name, image=IMAGE, **fields)


def only(item: Object) -> Object:
    (container,) = item["spec"]["containers"]
    assert isinstance(container, dict)
    return container


def told(container: Object) -> list[str]:
    """Give what the agent is told of the command that it is to run."""
    command = list(container["command"])
    return command[command.index(container["name"]) + 1 :]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (IMAGE, TAG),
        (f"registry.example.com:5000/team/shop:{TAG}", TAG),
        (f"registry.example.com:5000/{TAG}", None),
        (f"localhost:{TAG}/shop", None),
        (str(TAG), None),
        (f"shop:{TAG}@sha256:{'0' * 64}", None),
        (f"shop@sha256:{'0' * 64}", None),
        (f"shop:x{TAG}", None),
        ("shop:1", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_the_tag_is_found_in_every_spelling_of_a_name(image: object, expected: Tag | None) -> None:
    assert image_tag(image) == expected


def test_the_build_comes_after_the_proxy_and_before_what_needs_the_image() -> None:
    spec = injected(pod(worked(), initContainers=[worked("migrate"), app("warm")]))["spec"]
    names = [one["name"] for one in spec["initContainers"]]
    assert names == ["alcove-init", "alcove-proxy", "alcove-build", "migrate", "warm"]
    assert [one.get("imagePullPolicy") for one in spec["initContainers"][3:]] == ["Never", None]
    assert [one["name"] for one in spec["volumes"]].count("alcove-session") == 1


def test_the_pod_says_of_which_session_and_build_it_is() -> None:
    labels = injected(pod(worked(), metadata={"labels": {"app": "shop"}}))["metadata"]["labels"]
    assert labels == {
        "app": "shop",
        "alcove.dev/injected": "true",
        "alcove.dev/session": SESSION,
        "alcove.dev/build": "3",
    }


def test_the_agent_runs_the_command_and_is_told_where_it_listens() -> None:
    container = only(injected(pod(worked(command=["node"], args=["server.js"]))))
    assert container["command"] == [
        *("/.alcove/bin/alcove-agent", "run", "--port", "15090", "--session", SESSION),
        *("--directory", "/.alcove", "--container", "app", "--", "node", "server.js"),
    ]
    assert "args" not in container
    assert container["imagePullPolicy"] == "Never"
    assert {"name": "alcove-session", "mountPath": "/.alcove"} in container["volumeMounts"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ["--image-entrypoint", "--image-cmd", "--"]),
        ({"command": [], "args": []}, ["--image-entrypoint", "--image-cmd", "--"]),
        ({"args": ["-v"]}, ["--image-entrypoint", "--", "-v"]),
        ({"command": ["a"]}, ["--", "a"]),
        (
            {"command": ["a", "--"], "args": ["--image-cmd", "$(PORT)"]},
            ["--", "a", "--", "--image-cmd", "$(PORT)"],
        ),
    ],
)
def test_the_agent_learns_what_the_pods_author_said(fields: Object, expected: list[str]) -> None:
    once = injected(pod(worked(**fields)))
    assert told(only(once)) == expected
    once["metadata"]["labels"]["more"] = "by another webhook"
    once["spec"]["containers"].insert(0, worked("later"))
    again = injected(once)["spec"]["containers"]
    assert [told(one) for one in again] == [["--image-entrypoint", "--image-cmd", "--"], expected]
    assert agent_ports(injected(once)) == {"later": 15090, "app": 15091}


def test_each_container_of_the_session_has_an_agent_and_no_other() -> None:
    item = injected(pod(app("first"), worked("second"), worked("third")))
    assert agent_ports(item) == {"second": 15090, "third": 15091}
    assert item["spec"]["containers"][0] == app("first")


@pytest.mark.parametrize("policy", ["Never", "OnFailure"])
def test_a_job_ends_when_its_command_does(policy: str) -> None:
    probe = {"exec": {"command": ["true"]}}
    job = worked("job", command=["migrate"], livenessProbe=probe)
    spec = injected(pod(job, restartPolicy=policy))["spec"]
    assert spec["containers"] == [job | {"imagePullPolicy": "Never"}]
    assert [one["name"] for one in spec["initContainers"]][2] == "alcove-build"
    assert agent_ports(injected(pod(job, restartPolicy=policy))) == {}


def test_a_command_that_ended_is_not_killed_and_says_whether_it_is_ready() -> None:
    probe = {"httpGet": {"port": 80, "path": "/"}}
    probes: Object = dict.fromkeys(("livenessProbe", "startupProbe", "readinessProbe"), probe)
    hook = {"preStop": {"exec": {"command": ["bye"]}}}
    container = only(injected(pod(worked(**probes, lifecycle=hook))))
    assert {"readinessProbe", "lifecycle"} <= container.keys()
    assert not {"livenessProbe", "startupProbe"} & container.keys()


@pytest.mark.parametrize("level", [PodSecurity.BASELINE, PodSecurity.RESTRICTED])
def test_where_no_proxy_is_allowed_the_session_works_without(level: PodSecurity) -> None:
    held = {
        "allowPrivilegeEscalation": False,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    outcome = inject(
        pod(worked(securityContext=held)), dataclasses.replace(CHILD, pod_security=level), SETTINGS
    )
    assert isinstance(outcome, Injected)
    assert [one["name"] for one in outcome.pod["spec"]["initContainers"]] == ["alcove-build"]
    assert violations(level.value, outcome.pod["spec"]) == []
    assert "no proxy: the Pod Security level" in "".join(outcome.warnings)


def test_a_pod_that_wants_no_proxy_is_built_and_told_nothing() -> None:
    item = pod(worked(livenessProbe={"tcpSocket": {"port": 1}}), metadata=WITHOUT_PROXY)
    outcome = inject(item, CHILD, SETTINGS)
    assert isinstance(outcome, Injected) and outcome.warnings == ()
    spec, labels = outcome.pod["spec"], outcome.pod["metadata"]["labels"]
    assert [one["name"] for one in spec["initContainers"]] == ["alcove-build"]
    assert [one["name"] for one in spec["volumes"]] == ["alcove-session", "alcove-mask"]
    assert "alcove.dev/injected" not in labels and labels["alcove.dev/session"] == SESSION
    assert inject(outcome.pod, CHILD, SETTINGS) == Skipped(Verdict.NO_PROXY)


def test_the_build_has_no_right_no_token_and_its_amounts() -> None:
    build = injected(pod(worked()))["spec"]["initContainers"][2]
    assert build["command"] == [
        *("/opt/alcove/bin/alcove-agent", "await-build", "--port", "15080"),
        *("--session", SESSION, "--directory", "/.alcove"),
    ]
    assert build["image"] == SETTINGS.images.proxy
    assert build["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    mounts = {one["mountPath"]: one["name"] for one in build["volumeMounts"]}
    assert mounts == {
        "/.alcove": "alcove-session",
        "/var/run/secrets/kubernetes.io/serviceaccount": "alcove-mask",
    }
    for section in ("requests", "limits"):
        assert {"cpu", "memory"} <= build["resources"][section].keys()


def test_the_build_keeps_to_what_the_namespace_and_the_pod_allow() -> None:
    facts = dataclasses.replace(CHILD, bounds=Bounds(least={"memory": parse_quantity("32Mi")}))  # type: ignore[dict-item]
    item = pod(worked(), resources={"requests": {"cpu": "5m"}}, metadata=WITHOUT_PROXY)
    build = injected(item, facts)["spec"]["initContainers"][0]
    assert build["resources"]["requests"] == {"cpu": "5m", "memory": str(32 << 20)}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (pod(worked(), hostNetwork=True), "its node's network"),
        (pod(worked(), os={"name": "windows"}), "Windows"),
        (pod(app(image=OTHERS)), "a session of another space"),
        (pod(worked(), volumes=[{"name": "alcove-session", "emptyDir": {}}]), "reserves (alcove-session)"),
        (pod(worked(), initContainers=[app("alcove-build")]), "reserves (alcove-build)"),
        (pod(worked("alcove-build")), "reserves (alcove-build)"),
    ],
)
def test_a_pod_that_cannot_be_of_a_session_is_told_why(item: Object, expected: str) -> None:
    found = find_session(item, "alice")
    assert found.tag is None and expected in "".join(found.warnings)
    outcome = inject(item, CHILD, SETTINGS)
    assert expected in "".join(outcome.warnings)
    if isinstance(outcome, Injected):
        assert "alcove.dev/session" not in outcome.pod["metadata"]["labels"]
        assert "alcove-agent" not in str(outcome.pod["spec"]["containers"])


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (pod(worked(securityContext={"readOnlyRootFilesystem": True})), "its root is read-only"),
        (pod(worked(securityContext={"runAsNonRoot": True})), "does not run as root"),
        (pod(worked(), securityContext={"runAsUser": 1000}), "does not run as root"),
        (pod(worked(securityContext={"runAsUser": 0}), securityContext={"runAsUser": 1000}), ""),
        (pod(worked(ports=[{"containerPort": 15090}])), "port 15090 is our agent's"),
        (pod(worked(), app("b", image=f"shop:{Tag(SESSION, 4)}")), "container b: its image is another"),
        (pod(worked()), ""),
    ],
)
def test_what_will_not_work_is_said_when_the_pod_is_made(item: Object, expected: str) -> None:
    warned = warnings_of(item)
    assert expected in warned and bool(expected) == bool(warned)


_IMAGES = st.sampled_from([IMAGE, "shop:1", OTHERS])


@st.composite
def pods_of_sessions(draw: st.DrawFn) -> Object:
    """Give pods as users write them, with images of sessions among them."""
    item = draw(PODS)
    if draw(st.booleans()):
        item["metadata"]["labels"] = {"azds.io/no-proxy": "true"}
    for field in ("initContainers", "containers"):
        for container in item["spec"].get(field) or ():
            container["image"] = draw(_IMAGES)
            for words in draw(st.sets(st.sampled_from(["command", "args"]))):
                container[words] = draw(
                    st.lists(st.sampled_from(["--", "run", "a", "--image-cmd"]), max_size=3)
                )
    return item


@SPACES
@given(item=pods_of_sessions())
def test_doing_it_twice_is_doing_it_once(facts: SpaceFacts, item: Object) -> None:
    before = copy.deepcopy(item)
    facts = dataclasses.replace(facts, name=CHILD.name)
    first = inject(item, facts, SETTINGS)
    assert item == before
    if isinstance(first, Injected):
        assert jsonpatch.apply_patch(item, plan_patch(item, first.pod)) == first.pod
        assert isinstance(inject(first.pod, facts, SETTINGS), Skipped)


@given(item=pods_of_sessions())
def test_no_container_of_a_session_is_pulled_and_each_has_a_port_of_its_own(item: Object) -> None:
    outcome = inject(item, CHILD, SETTINGS)
    after = outcome.pod if isinstance(outcome, Injected) else item
    every = [*(after["spec"].get("initContainers") or ()), *after["spec"]["containers"]]
    assert all(one["imagePullPolicy"] == "Never" for one in every if one["image"] == IMAGE)
    ports = agent_ports(after)
    assert sorted(ports.values()) == list(range(15090, 15090 + len(ports)))
    assert len(ports) == sum(one["image"] == IMAGE for one in after["spec"]["containers"])
