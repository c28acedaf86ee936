"""What runs of a folder in Python: Django, FastAPI, Flask or a plain program."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from alcove.prep.app import shell_command
from alcove.prep.facts import Facts
from alcove.prep.languages.python_packages import PIP

_KNOWN = ("main.py", "app.py", "server.py", "run.py", "__main__.py", "wsgi.py", "asgi.py", "api.py")
_NOT_PROGRAMS = re.compile(r"(setup|conftest|noxfile|fabfile|tasks|test_.*|.*_test)\.py")
_LISTENING = re.compile(r"HTTPServer|socketserver|\.listen\(|serve_forever|web\.run_app|uvicorn\.run|\.run\(")


@dataclass(frozen=True, slots=True)
class Program:
    """What runs."""

    file: str = ""
    command: tuple[str, ...] = ()
    develop: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    """What it needs besides."""
    takes_port: bool = False
    """The command says where it listens."""
    notes: tuple[str, ...] = ()


def find_program(facts: Facts, needs: str) -> Program:
    """Find what runs; ``needs`` is all that names packages, in lower case."""
    if facts.has("manage.py"):
        return _django(facts, needs)
    files = [path for path in facts.below(r".*\.py", deep=2) if not _is_test(path)]
    for path, found in facts.search(r"^(?P<name>\w+)\s*(?::[^=\n]+)?=\s*(?:\w+\.)?FastAPI\(", files):
        return _fastapi(path, found["name"], needs)
    for path, found in facts.search(r"^(?P<name>\w+)\s*(?::[^=\n]+)?=\s*(?:\w+\.)?Flask\(", files):
        return _flask(path, found["name"], needs)
    file = _plain(facts)
    if file:
        return Program(file, ("python3", file))
    package = next(iter(path for path in facts.below(r"__main__\.py", deep=2) if "/" in path), "")
    if package:
        name = _module(posixpath.dirname(package))
        return Program(package, ("python3", "-m", name))
    note = "no program was found: CMD in the Dockerfiles is a guess"
    return Program("", ("python3", "main.py"), notes=(note,))


def _is_test(path: str) -> bool:
    *directories, name = path.split("/")
    return _NOT_PROGRAMS.fullmatch(name) is not None or not {"test", "tests"}.isdisjoint(directories)


def _plain(facts: Facts) -> str:
    known = facts.first(*_KNOWN, *(f"src/{name}" for name in _KNOWN))
    others = [path for path in facts.below(r".*\.py") if not _is_test(path)]
    serving = [path for path in others if _LISTENING.search(facts.text(path))]
    started = [path for path in serving or others if "__main__" in facts.text(path)]
    return known or next(iter(started or serving), "") or (others[0] if len(others) == 1 else "")


def _module(path: str) -> str:
    return path.removesuffix(".py").removeprefix("src/").removesuffix("/__init__").replace("/", ".")


def _directory(path: str) -> str:
    """Give the option that has modules found below ``src``."""
    return " --app-dir src" if path.startswith("src/") else ""


def _django(facts: Facts, needs: str) -> Program:
    found = re.search(r"DJANGO_SETTINGS_MODULE['\"]\s*,\s*['\"](\w+(?:\.\w+)*)['\"]", facts.text("manage.py"))
    package = found[1].partition(".")[0] if found else ""
    develop = shell_command("python3 manage.py runserver --noreload 0.0.0.0:${PORT}")
    served = package and "gunicorn" in needs
    production = shell_command(f"gunicorn --bind 0.0.0.0:${{PORT}} {package}.wsgi") if served else develop
    note = () if served else ("add gunicorn to its packages: Django's own server is for developing",)
    return Program("manage.py", production, develop, takes_port=True, notes=note)


def _fastapi(path: str, name: str, needs: str) -> Program:
    server = "" if re.search(r"uvicorn|fastapi\[(standard|all)\]", needs) else f"{PIP} uvicorn"
    line = f"uvicorn {_module(path)}:{name}{_directory(path)} --host 0.0.0.0 --port ${{PORT}}"
    return Program(path, shell_command(line), steps=(server,) if server else (), takes_port=True)


def _flask(path: str, name: str, needs: str) -> Program:
    module = f"{_module(path)}:{name}"
    application = f"flask --app {path if path.startswith('src/') else module}"
    develop = shell_command(f"{application} --debug run --no-reload --host 0.0.0.0 --port ${{PORT}}")
    chdir = " --pythonpath src" if path.startswith("src/") else ""
    if "gunicorn" in needs:
        return Program(
            path,
            shell_command(f"gunicorn --bind 0.0.0.0:${{PORT}}{chdir} {module}"),
            develop,
            takes_port=True,
        )
    production = shell_command(f"{application} run --host 0.0.0.0 --port ${{PORT}}")
    note = "add gunicorn to its packages: Flask's own server is for developing"
    return Program(path, production, develop, takes_port=True, notes=(note,))
