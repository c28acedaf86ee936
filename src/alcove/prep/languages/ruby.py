"""Ruby: Rails, Rack, Sinatra or a plain program."""

from __future__ import annotations

import re

from alcove.prep.app import App, Language, Live, exec_form, fill_dockerfiles, shell_command
from alcove.prep.facts import Facts
from alcove.prep.ports import USUAL, Hint, Port, find_port

_MANIFEST = "Gemfile"
_VERSION = "3.3"
_HINTS = (
    Hint(
        r"ENV(?:\.fetch\(|\[)\s*['\"]PORT['\"]\s*[,\]]\s*\)?\s*(?:\|\|)?\s*['\"]?(?P<port>\d{2,5})\b",
        yielding=True,
    ),
    Hint(r"(?:^\s*set\s+:port\s*,|\bPort:|:Port\s*=>|TCPServer\.new\([^)]*?)\s*(?P<port>\d{2,5})\b"),
)
_PROGRAMS = ("app.rb", "main.rb", "server.rb", "web.rb")


def detect(facts: Facts) -> App | None:
    """Understand a folder with a ``Gemfile``."""
    if not facts.has(_MANIFEST):
        return None
    gems = set(re.findall(r"^\s*gem\s*\(?\s*['\"]([\w-]+)", facts.text(_MANIFEST), re.MULTILINE))
    command, takes_port, notes = _command(facts, gems)
    port = Port(USUAL) if takes_port else find_port(facts, _HINTS, facts.below(r".*\.rb", deep=1))
    needed = gems or _MANIFEST not in facts.texts
    locked = facts.has("Gemfile.lock")
    dockerfile, develop = fill_dockerfiles(
        "ruby",
        {
            "version": _version(facts),
            "manifests": f"{_MANIFEST} Gemfile.lock" if locked else _MANIFEST,
            "install": "RUN bundle install" if needed else "",
            "port": str(port.number),
            "command": exec_form(command),
        },
    )
    return App(
        Language.RUBY,
        _MANIFEST,
        port,
        dockerfile,
        develop,
        Live(sync=("!**/Gemfile", "!**/Gemfile.lock"), kill=("ruby",)),
        interpreted=True,
        ignored=("log", "tmp", "vendor/bundle"),
        notes=notes,
    )


def _command(facts: Facts, gems: set[str]) -> tuple[tuple[str, ...], bool, tuple[str, ...]]:
    """Give the command, whether it says where to listen, and what there is to say."""
    if facts.has("bin/rails") or "rails" in gems:
        rails = "bundle exec rails server --binding 0.0.0.0 --port ${PORT} --pid /tmp/server.pid"
        return shell_command(rails), True, ()
    if facts.has("config.ru"):
        served = (
            "puma --bind tcp://0.0.0.0:${PORT}" if "puma" in gems else "rackup --host 0.0.0.0 --port ${PORT}"
        )
        return shell_command(f"bundle exec {served}"), True, ()
    others = facts.below(r".*\.rb")
    program = facts.first(*_PROGRAMS) or (others[0] if len(others) == 1 else "")
    if program and "sinatra" in gems:
        return shell_command(f"bundle exec ruby {program} -o 0.0.0.0 -p ${{PORT}}"), True, ()
    if program:
        return ("bundle", "exec", "ruby", program), False, ()
    return (
        ("bundle", "exec", "ruby", "app.rb"),
        False,
        ("no program was found: CMD in the Dockerfiles is a guess",),
    )


def _version(facts: Facts) -> str:
    text = facts.text(".ruby-version")
    found = re.search(r"(\d+\.\d+)", text) or re.search(
        r"^\s*ruby\s+\D*?(\d+\.\d+)", facts.text(_MANIFEST), re.MULTILINE
    )
    return found[1] if found else _VERSION
