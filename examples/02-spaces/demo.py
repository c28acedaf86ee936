"""Spaces in one minute: one application, two developers, and who answers whose requests.

Everything happens on an embedded cluster of its own; ``--keep`` leaves it running and says what to try.
``--kubeconfig FILE --registry PREFIX`` takes another cluster, which can have the images PREFIX/example-web:1
and so on, and Alcove's own, already.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import views

HERE = Path(__file__).parent
SPACES = {"dev": "dev", "amy": "dev/amy", "joe": "dev/amy/joe"}
SETTLE_SECONDS = 20.0
FALL_BACK_SECONDS = 3.0
ADDRESS_SECONDS = 60.0


class DemoError(Exception):
    """Something is not as the demo has to show it."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The cluster that the demo runs on."""

    directory: Path
    """For what is written on this machine."""
    registry: str
    """What comes before ``/example-web:1``; empty on an embedded cluster of our own."""

    @property
    def data(self) -> list[str]:
        return ["--data-dir", str(self.directory / "cluster")]

    @property
    def embedded(self) -> bool:
        return not self.registry


def main() -> int:
    options = parse_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    stage = Stage(Path(tempfile.mkdtemp(prefix="alcove-spaces-")), options.registry)
    os.environ["KUBECONFIG"] = options.kubeconfig or str(stage.directory / "kubeconfig")
    if stage.embedded:  # which space is selected is remembered in there
        os.environ["XDG_CONFIG_HOME"] = str(stage.directory / "config")
    started = time.monotonic()
    undo: list[list[str]] = []
    try:
        uris = set_the_stage(stage, undo)
        show(uris, amy_has_reviews=True)
        if options.keep:
            say_what_to_try(uris)
        else:
            show_removal(uris)
        print(f"\nAll as it has to be, after {time.monotonic() - started:.0f} s.")
    except DemoError as error:
        print(f"\nFAILED: {error}", file=sys.stderr)
        show_pods(hint="" if options.keep else "\n--keep leaves the cluster running, to look at it")
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    finally:
        if options.keep:
            say_how_to_end(undo, stage)
        else:
            clean_up(undo, stage)
    return 0


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="leave it running, and say what to try")
    parser.add_argument("--kubeconfig", default="", metavar="FILE", help="of another cluster to run on")
    parser.add_argument("--registry", default="", metavar="PREFIX", help="what its images' names begin with")
    options = parser.parse_args()
    if bool(options.kubeconfig) != bool(options.registry):
        parser.error("--kubeconfig and --registry go together")
    return options


# ---------------------------------------------------------------------------------- the story


def set_the_stage(stage: Stage, undo: list[list[str]]) -> dict[str, str]:
    """Bring application and spaces up and give the addresses of ``web`` by space.

    ``undo`` gets the commands that take it all away again, the last first.
    """
    if stage.embedded:
        undo.insert(0, ["alcove", "cluster", "reset", "-y", *stage.data])
        run("alcove", "cluster", "start", *stage.data)
        with building_images(stage):
            run("alcove", "enable", "-y", "--space", "dev")
    else:
        enable_elsewhere(stage, undo)
    apply("dev", stage, suffix=host_suffix())
    for space in ("amy", "joe"):
        if not stage.embedded:
            undo.insert(0, ["alcove", "space", "remove", space, "-y"])
        run("alcove", "space", "create", SPACES[space], "-y")
        apply(space, stage)
    for space in SPACES:
        run(
            "kubectl",
            "wait",
            "-n",
            space,
            "--for=condition=Available",
            "deployment",
            "--all",
            "--timeout=60s",
        )
    return list_uris()


@contextmanager
def building_images(stage: Stage) -> Iterator[None]:
    """Build the images of all services, all at once and beside what is done meanwhile."""
    print()
    builds: dict[str, subprocess.Popen[str]] = {}
    try:
        for service in views.HOPS:
            argv = ["alcove", "cluster", "load-image", service, f"alcove/example-{service}:1", *stage.data]
            print(f"$ {shlex.join(argv)} &", flush=True)
            builds[service] = subprocess.Popen(
                argv, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        yield
        print("\n$ wait", flush=True)
        for service, build in builds.items():
            said = build.communicate()[0]
            if build.returncode:
                raise DemoError(f"the image of {service} cannot be made:\n{said}")
            print(said.splitlines()[-1])
    finally:
        for build in builds.values():
            with build:
                build.kill()


def enable_elsewhere(stage: Stage, undo: list[list[str]]) -> None:
    """Make a cluster ready that is not ours, unless it is; what is there already is not touched."""
    names = read("kubectl", "get", "namespaces", "-o", "name").split()
    there = [space for space in SPACES if f"namespace/{space}" in names]
    if there:
        raise DemoError(
            f"the demo makes the namespaces {', '.join(SPACES)}; there already: {', '.join(there)}"
        )
    if "namespace/azds" not in names:
        undo.insert(0, ["alcove", "disable", "-y"])
    undo.insert(0, ["alcove", "space", "remove", "dev", "-y"])
    run("alcove", "enable", "-y", "--space", "dev", "--image-registry", stage.registry)


def host_suffix() -> str:
    """Give what the hosts of all entries end with, as soon as the gateway has its address."""
    deadline = time.monotonic() + ADDRESS_SECONDS
    while time.monotonic() < deadline:
        suffix = json.loads(read("alcove", "show-context", "-o", "json")).get("hostSuffix")
        if suffix:
            return str(suffix).lstrip(".")
        Event().wait(0.2)
    raise DemoError("the gateway got no address: does this cluster give Services of type LoadBalancer one?")


def apply(space: str, stage: Stage, *, suffix: str = "") -> None:
    """Apply a manifest to a space, with the cluster's names put in."""
    changes = {"SUFFIX": suffix} if suffix else {}
    if stage.registry:
        changes["alcove/example-"] = f"{stage.registry}/example-"
    path = f"manifests/{space}.yaml"
    text = (HERE / path).read_text()
    for old, new in changes.items():
        text = text.replace(old, new)
    edits = "".join(f"-e 's|{old}|{new}|' " for old, new in changes.items())
    shown = f"sed {edits}{path} | " if changes else ""
    run("kubectl", "apply", "-n", space, "-f", "-" if changes else path, before=shown, text=text)


def list_uris() -> dict[str, str]:
    """Give the address of ``web`` in each space, as soon as there is one."""
    found: dict[str, str] = {}
    for space, path in SPACES.items():
        if found:  # enabling the cluster has selected the first
            run("alcove", "space", "select", path)
        found[space] = wait_for_uri()
    return found


def wait_for_uri() -> str:
    """Give the address of ``web`` in the selected space; ``--all``: an ancestor may be who answers there."""
    argv = ("alcove", "list-uris", "--all", "-o", "json")
    deadline = time.monotonic() + ADDRESS_SECONDS
    while True:
        text = read(*argv)
        web = [row for row in json.loads(text) if row["service"] == "web" and row["status"] == "Available"]
        if web or time.monotonic() > deadline:
            print(f"\n$ {shlex.join(argv)}\n{text.rstrip()}")
            break
        Event().wait(0.2)
    if not web:
        raise DemoError("the service web of this space has no address that can be used")
    return str(web[0]["uri"])


def show(uris: Mapping[str, str], *, amy_has_reviews: bool, patience: float = SETTLE_SECONDS) -> None:
    """Ask as everybody, as Amy and as Joe, and print who answered each hop."""
    print()
    seen = []
    for view in views.views(uris, amy_has_reviews=amy_has_reviews):
        print(f"$ {view.curl()}", flush=True)
        seen.append(views.look(view, patience))
    print(f"\nWho answered, version@space:\n\n{views.render_table(seen)}")
    complaints = [complaint for each in seen for complaint in each.complaints()]
    if complaints:
        raise DemoError("\n  ".join(["requests did not go where they have to:", *complaints]))


def show_removal(uris: Mapping[str, str]) -> None:
    """Take Amy's version away: she and Joe get that of dev again, at once."""
    run("kubectl", "delete", "-n", "amy", "-f", "manifests/amy.yaml")
    amy = views.views(uris, amy_has_reviews=False)[1]
    seen = views.look(amy, FALL_BACK_SECONDS)
    if not seen.complaints():
        earlier = ", ".join(views.who_or_why(answers, "reviews") for answers in seen.earlier)
        which = f"request {len(seen.earlier) + 1}, after {earlier}" if earlier else "the very next request"
        print(f"\nThe reviews of dev answer Amy again: {which}.")
    show(uris, amy_has_reviews=False, patience=FALL_BACK_SECONDS)


def say_what_to_try(uris: Mapping[str, str]) -> None:
    """Print how to go on by hand."""
    amy = HERE / "manifests/amy.yaml"
    print("\nIn a browser, or by curl:")
    for space, uri in uris.items():
        print(f"  {uri:50} {'as everybody sees it' if space == 'dev' else f'as {space} sees it'}")
    print(f"  curl -H 'azds-route-as: joe' {uris['dev']}")
    print("\nTry:")
    print("  alcove space list")
    print("  alcove routes explain http://reviews.dev:8080/ --header azds-route-as:joe")
    print(f"  kubectl delete -n amy -f {amy}   # amy and joe see the reviews of dev")
    print(f"  kubectl apply -n amy -f {amy}    # hers again, as soon as they run")
    print("  kubectl set env -n joe deployment/prices VERSION=v4")


def say_how_to_end(undo: list[list[str]], stage: Stage) -> None:
    """Print how a shell gets at what was left running, and how to take it away."""
    print("\nStill running. In a shell:")
    for name in ("KUBECONFIG", "XDG_CONFIG_HOME") if stage.embedded else ("KUBECONFIG",):
        print(f"  export {name}={os.environ[name]}")
    print(f"  export PATH={Path(sys.executable).parent}:$PATH")
    print("\nEnd it with:")
    for argv in undo:
        print(f"  {shlex.join(argv)}")
    print(f"  rm -r {stage.directory}")


# ---------------------------------------------------------------------------------- commands


def run(*argv: str, before: str = "", text: str | None = None) -> None:
    """Run a command as a user would, and show it; ``before`` shows where its input comes from."""
    print(f"\n$ {before}{shlex.join(argv)}", flush=True)
    try:
        subprocess.run(argv, check=True, cwd=HERE, input=text, text=True)
    except subprocess.CalledProcessError as error:
        raise DemoError(f"this command ended with {error.returncode}: {shlex.join(argv)}") from error
    except OSError as error:
        raise DemoError(f"cannot run {argv[0]}: {error}") from error


def read(*argv: str) -> str:
    """Run a command for what it prints."""
    try:
        return subprocess.run(argv, check=True, cwd=HERE, stdout=subprocess.PIPE, text=True).stdout
    except subprocess.CalledProcessError as error:
        raise DemoError(f"this command ended with {error.returncode}: {shlex.join(argv)}") from error
    except OSError as error:
        raise DemoError(f"cannot run {argv[0]}: {error}") from error


def show_pods(*, hint: str) -> None:
    """Show what runs, for whoever has to find out what went wrong."""
    subprocess.run(["kubectl", "get", "pods", "-A", "-o", "wide"], check=False, stdout=sys.stderr)
    if hint:
        print(hint, file=sys.stderr)


def clean_up(undo: list[list[str]], stage: Stage) -> None:
    """Take everything away; one step that fails does not keep the others from being done."""
    for argv in undo:
        print(f"\n$ {shlex.join(argv)}", flush=True)
        subprocess.run(argv, check=False)
    shutil.rmtree(stage.directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
