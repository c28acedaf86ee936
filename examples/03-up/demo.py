"""From a source folder to a running service, and every save after that, in half a minute.

A folder with one Python file becomes a service in the space ``dev``; Amy runs her own version of it in
``dev/amy``, edits it while it runs, and takes it away again. All on an embedded cluster of its own.
"""

from __future__ import annotations

import http.client
import json
import os
import queue
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

HERE = Path(__file__).parent
BOUND_SECONDS = 120.0


class DemoError(Exception):
    """Something is not as the demo has to show it."""


def main() -> int:
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    directory = Path(tempfile.mkdtemp(prefix="alcove-up-"))
    os.environ["KUBECONFIG"] = str(directory / "kubeconfig")
    os.environ["XDG_CONFIG_HOME"] = str(directory / "config")
    data = ["--data-dir", str(directory / "cluster")]
    started = time.monotonic()
    try:
        run("alcove", "cluster", "start", *data)
        run("alcove", "enable", "-y", "--space", "dev")
        tell_story(directory)
        print(f"\nAll as it has to be, after {time.monotonic() - started:.0f} s.")
    except DemoError as error:
        print(f"\nFAILED: {error}", file=sys.stderr)
        return 1
    finally:
        subprocess.run(["alcove", "cluster", "reset", "-y", *data], check=False, capture_output=True)
        shutil.rmtree(directory, ignore_errors=True)
    return 0


def tell_story(directory: Path) -> None:
    """Run the folder in two spaces, and save."""
    hello, changed = directory / "hello", directory / "amy" / "hello"
    shutil.copytree(HERE / "python", hello)
    run("alcove", "prep", "--public", cwd=hello)
    run("alcove", "up", "-d", cwd=hello)
    urls = {"dev": find_url("dev")}
    shutil.copytree(hello, changed)
    run("alcove", "space", "create", "dev/amy")
    run("alcove", "space", "select", "dev/amy")
    urls["dev/amy"] = find_url("amy.s.dev")
    compare(urls, {"dev": "v1", "dev/amy": "v1"}, "amy has no version of her own: dev's answers")
    edit(changed / "server.py", 'VERSION = "v1"', 'VERSION = "v2"')
    with Up(changed) as up:
        up.wait("running")
        compare(urls, {"dev": "v1", "dev/amy": "v2"}, "amy's own version answers her")
        before = ask(urls["dev/amy"])
        page = changed / "static" / "index.html"
        show_save(up, page, lambda: edit(page, "Hello", "Hello again"))
        after = ask(urls["dev/amy"])
        expect(before["pid"] == after["pid"], "a static file restarts nothing")
        source = changed / "server.py"
        show_save(up, source, lambda: edit(source, 'VERSION = "v2"', 'VERSION = "v3"'))
        compare(urls, {"dev": "v1", "dev/amy": "v3"}, "the process was restarted in its container")
        dockerfile = changed / "Dockerfile.develop"
        show_save(
            up, dockerfile, lambda: dockerfile.write_text(dockerfile.read_text() + "ENV NEW=1\n"), "running"
        )
        compare(urls, {"dev": "v1", "dev/amy": "v3"}, "a new image, a new pod")
    run("alcove", "down", cwd=changed)
    compare(urls, {"dev": "v1", "dev/amy": "v1"}, "hers is gone: dev's answers again")


class Up:
    """``alcove up`` in a folder, for as long as the block; Ctrl+C ends it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._events: queue.Queue[tuple[float, Mapping[str, Any]]] = queue.Queue()

    def __enter__(self) -> Up:
        print("\n$ alcove up &", flush=True)
        self._process = subprocess.Popen(
            ["alcove", "up", "-o", "json"], cwd=self._directory, stdout=subprocess.PIPE, text=True
        )
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(timeout=BOUND_SECONDS)

    def wait(self, kind: str) -> float:
        """Wait for an event; give when it came."""
        ends = time.monotonic() + BOUND_SECONDS
        while True:
            try:
                moment, event = self._events.get(timeout=max(0.0, ends - time.monotonic()))
            except queue.Empty:
                raise DemoError(
                    f"'alcove up' told nothing of {kind!r} within {BOUND_SECONDS:.0f} s"
                ) from None
            if event["event"] == kind:
                return moment
            if event["event"] == "problem":
                raise DemoError(f"{event['message']}: {event['cause']}")

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._events.put((time.monotonic(), json.loads(line)))


def show_save(up: Up, path: Path, save: Callable[[], object], kind: str = "updated") -> None:
    """Save, and print how long it takes until the container has it."""
    began = time.monotonic()
    save()
    took = up.wait(kind) - began
    print(f"saved {path.name}: in the container after {took * 1000:.0f} ms")


def compare(urls: Mapping[str, str], wanted: Mapping[str, str], why: str) -> None:
    """Print who answers in each space, once it is as it should be."""
    ends = time.monotonic() + BOUND_SECONDS
    found: dict[str, str] = {}
    while found != wanted and time.monotonic() < ends:
        found = {space: str(ask(url).get("version")) for space, url in urls.items()}
    expect(found == wanted, f"{why}: expected {wanted}, found {found}")
    print(f"\n{why}")
    for space, url in urls.items():
        print(f"  {url:<60} {found[space]}", flush=True)


def ask(url: str) -> dict[str, Any]:
    """Ask a service who it is; what does not answer is asked again by whoever needs it.

    Browsers take every name below ``localhost`` for this machine; not all C libraries do.
    """
    place = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", place.port or 80, timeout=70)
    try:
        connection.request("GET", place.path or "/", headers={"Host": place.netloc})
        return dict(json.load(connection.getresponse()))
    except (OSError, ValueError, http.client.HTTPException):
        return {}
    finally:
        connection.close()


def find_url(prefix: str) -> str:
    """Give the entry of the service whose host begins with ``prefix``."""
    ends = time.monotonic() + BOUND_SECONDS
    while time.monotonic() < ends:
        done = subprocess.run(
            ["alcove", "list-uris", "--all", "-o", "json"], capture_output=True, text=True, check=False
        )
        uris = [one["uri"] for one in json.loads(done.stdout or "[]")]
        for uri in uris:
            if re.match(rf"http://{re.escape(prefix)}\.hello\.", uri):
                return str(uri)
    raise DemoError(f"no URI begins with {prefix}.hello")


def edit(path: Path, old: str, new: str) -> None:
    """Change a file as an editor does: all at once."""
    text = path.read_text()
    expect(old in text, f"{path.name} has {old!r}")
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text.replace(old, new))
    fresh.replace(path)


def expect(holds: bool, what: str) -> None:
    if not holds:
        raise DemoError(what)


def run(*argv: str, cwd: Path | None = None) -> None:
    print(f"\n$ {shlex.join(argv)}", flush=True)
    if subprocess.run(argv, cwd=cwd, check=False).returncode:
        raise DemoError(f"{argv[0]} {argv[1]} failed")


if __name__ == "__main__":
    sys.exit(main())
