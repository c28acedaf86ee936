"""The embedded cluster in one minute: start, build an image, deploy, ask, update, clean up.

Everything happens in a directory of its own; ``--keep`` leaves the cluster running and says what to try.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    """Run the demonstration."""
    keep = "--keep" in sys.argv
    directory = Path(tempfile.mkdtemp(prefix="alcove-demo-"))
    os.environ["KUBECONFIG"] = str(directory / "kubeconfig")
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    data = ["--data-dir", str(directory / "cluster")]
    try:
        run("alcove", "cluster", "start", *data)
        run("alcove", "cluster", "load-image", str(HERE / "hello"), "hello:v1", *data)
        run("kubectl", "apply", "-f", str(HERE / "hello.yaml"))
        run("kubectl", "rollout", "status", "deployment/hello", "--timeout=60s")
        run("kubectl", "get", "pods,services", "-o", "wide")
        ask()
        run("kubectl", "set", "env", "deployment/hello", "GREETING=good-day")
        run("kubectl", "rollout", "status", "deployment/hello", "--timeout=60s")
        ask()
    finally:
        if keep:
            print(f"\nStill running: export KUBECONFIG={os.environ['KUBECONFIG']}; kubectl get all -A")
            print(f"End it with: alcove cluster reset -y --data-dir {directory / 'cluster'}")
        else:
            run("alcove", "cluster", "reset", "-y", *data)
            shutil.rmtree(directory)


def run(*argv: str) -> None:
    """Run a command as a user would, and show it."""
    print(f"\n$ {' '.join(argv)}", flush=True)
    subprocess.run(argv, check=True)


def ask() -> None:
    """Ask the service from this machine, through its node port."""
    print("\n$ curl http://127.0.0.1:30080/", flush=True)
    with urllib.request.urlopen("http://127.0.0.1:30080/", timeout=10) as answer:
        print(answer.read().decode(), end="")


if __name__ == "__main__":
    main()
