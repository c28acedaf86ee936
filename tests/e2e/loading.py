"""Load for one URL, as a program of its own: it runs in a pod or on the workstation, with Python alone.

Its arguments are the URL, then headers as ``NAME=VALUE``. Some callers ask again and again, each over a
connection for each request, until the input ends. Then one line of JSON tells what came of it: how often each
version answered, and every request that failed.
"""

import http.client
import json
import sys
import threading
import time
import urllib.parse

CALLERS = 2
REST = 0.02
LONGEST = 70


def ask(url: urllib.parse.SplitResult, headers: dict[str, str]) -> tuple[str, str]:
    """Ask once; give the version that answered, or what went wrong."""
    connection = http.client.HTTPConnection(url.hostname or "", url.port or 80, timeout=LONGEST)
    try:
        connection.request("GET", url.path or "/", headers=headers)
        response = connection.getresponse()
        text = response.read().decode()
        if response.status != http.client.OK:
            return "", f"{response.status} {text}"
        return str(json.loads(text)["version"]), ""
    except (OSError, http.client.HTTPException, ValueError) as error:
        return "", f"{type(error).__name__}: {error}"
    finally:
        connection.close()


def main(url: str, *headers: str) -> None:
    ended, lock = threading.Event(), threading.Lock()
    answers: dict[str, int] = {}
    failures: list[dict[str, object]] = []
    slowest = [0.0]

    def call() -> None:
        named = dict(one.split("=", 1) for one in headers)
        while not ended.is_set():
            began = time.time()
            version, failure = ask(urllib.parse.urlsplit(url), named)
            took = time.time() - began
            with lock:
                slowest[0] = max(slowest[0], took)
                if failure:
                    failures.append({"error": failure, "began": began, "took": took})
                else:
                    answers[version] = answers.get(version, 0) + 1
            ended.wait(REST)

    callers = [threading.Thread(target=call) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    sys.stdin.read()
    ended.set()
    for caller in callers:
        caller.join()
    told = {"answers": answers, "failures": failures, "slowest": slowest[0]}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
