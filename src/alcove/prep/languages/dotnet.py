""".NET: the project of a solution that is a program, a web application before others."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from alcove.prep.app import App, Debugging, Language, Live, exec_form, fill_dockerfiles
from alcove.prep.facts import Facts
from alcove.prep.ports import Hint, find_port

_VERSION = "8.0"
_PROJECTS = r".*\.(csproj|fsproj|vbproj)"
_HINTS = (
    Hint(r"GetEnvironmentVariable\(\"PORT\"\)\s*\?\?\s*\"(?P<port>\d{2,5})\"", yielding=True),
    Hint(r"(?:UseUrls|Urls\.Add|\.Run|app\.RunAsync)\(\s*\"https?://[^\":/]*:(?P<port>\d{2,5})"),
    Hint(r"Listen(?:AnyIP|Localhost)\(\s*(?P<port>\d{2,5})"),
    Hint(r"\"Url\"\s*:\s*\"http://[^\":/]*:(?P<port>\d{2,5})"),
)
_CONFIGURATION = "${BUILD_CONFIGURATION:-Debug}"


@dataclass(frozen=True, slots=True)
class _Project:
    path: str
    text: str

    @property
    def is_web(self) -> bool:
        return "Microsoft.NET.Sdk.Web" in self.text or "Microsoft.AspNetCore.App" in self.text

    @property
    def is_program(self) -> bool:
        worker = "Microsoft.NET.Sdk.Worker" in self.text
        return self.is_web or worker or re.search(r"<OutputType>\s*(Win)?Exe\s*<", self.text) is not None

    @property
    def is_test(self) -> bool:
        return re.search(r"Microsoft\.NET\.Test\.Sdk|<IsTestProject>\s*true", self.text) is not None

    @property
    def version(self) -> str:
        """Give the framework's version; empty when it is none that runs in Linux containers."""
        found = re.search(r"<TargetFrameworks?>\s*([^<]+?)\s*<", self.text)
        if found is None:
            return _VERSION
        numbers = re.findall(r"(?:netcoreapp|net)(\d+\.\d+)(?![\w.-])", found[1])
        return max(numbers, key=lambda text: tuple(map(int, text.split("."))), default="")

    @property
    def assembly(self) -> str:
        found = re.search(r"<AssemblyName>\s*([^<$]+?)\s*<", self.text)
        return found[1] if found else posixpath.splitext(posixpath.basename(self.path))[0]


def detect(facts: Facts) -> App | None:
    """Understand a folder with a solution or a project at its top."""
    solutions = facts.below(r".*\.slnx?")
    paths = facts.below(_PROJECTS, deep=3 if solutions else 0)
    project, count = _choose([_Project(path, facts.text(path)) for path in paths])
    if project is None:
        return None
    port = find_port(
        facts, _HINTS, [*facts.below(r".*\.cs", deep=2), *facts.below(r"appsettings\.json", deep=2)]
    )
    dockerfile, develop = _dockerfiles(project, str(port.number))
    choice = () if posixpath.dirname(project.path) == "" else ("--project", project.path)
    note = f"of its {count} programs, {project.path} is the one that runs" if count > 1 else ""
    return App(
        Language.DOTNET,
        project.path,
        port,
        dockerfile,
        develop,
        _live(choice, project.path if choice else ""),
        arguments={"BUILD_CONFIGURATION": _CONFIGURATION},
        ignored=("**/bin", "**/obj"),
        variables=_variables(project),
        debugging=_debugging(project.assembly),
        notes=(note,) if note else (),
    )


def _choose(projects: list[_Project]) -> tuple[_Project | None, int]:
    """Give the project that runs, and of how many."""
    programs = [each for each in projects if each.is_program and not each.is_test and each.version]
    web = [each for each in programs if each.is_web]
    return next(iter(web or programs), None), len(web or programs)


def _live(choice: tuple[str, ...], project: str) -> Live:
    run = ("dotnet", "run", "--no-restore", "--no-build", "--no-launch-profile")
    build = ("dotnet", "build", *((project,) if project else ()), "--no-restore")
    return Live(
        sync=("!**/*.{sln,slnx,csproj,fsproj,vbproj}",),
        command=(*run, *choice, "-c", _CONFIGURATION),
        kill=("dotnet", "vsdbg"),
        build=((*build, "-c", _CONFIGURATION),),
    )


def _variables(project: _Project) -> tuple[tuple[str, str], ...]:
    if not project.is_web:
        return ()
    modern = int(project.version.partition(".")[0]) >= 8
    return (("ASPNETCORE_HTTP_PORTS", "%") if modern else ("ASPNETCORE_URLS", "http://+:%"),)


def _dockerfiles(project: _Project, port: str) -> tuple[str, str]:
    alone = "ProjectReference" not in project.text and "/" not in project.path
    listening = " ".join(f"{name}={value.replace('%', port)}" for name, value in _variables(project))
    quoted = '"' + project.path + '"'
    run = ["dotnet", "run", "--no-restore", "--no-build", "--no-launch-profile"]
    run += ["--project", project.path] if "/" in project.path else []
    values = {
        "version": project.version,
        "runtime": "aspnet" if project.is_web else "runtime",
        "project": quoted,
        "manifests": f'COPY ["{project.path}", "./"]\nRUN dotnet restore {quoted}' if alone else "",
        "develop_manifests": (
            f'COPY --chown=1000:1000 ["{project.path}", "/src/"]\nWORKDIR /src\nUSER 1000:1000\n'
            f"RUN dotnet restore {quoted}"
            if alone
            else ""
        ),
        "sources": "COPY . ." if alone else f"COPY . .\nRUN dotnet restore {quoted}",
        "develop_sources": (
            "COPY --chown=1000:1000 . ."
            if alone
            else f"COPY --chown=1000:1000 . /src/\nWORKDIR /src\nUSER 1000:1000\nRUN dotnet restore {quoted}"
        ),
        "listening": f"ENV PORT={port} {listening}".rstrip(),
        "port": port,
        "entrypoint": exec_form(["dotnet", f"{project.assembly}.dll"]),
        "command": exec_form([*run, "-c", "Debug"]),
    }
    return fill_dockerfiles("dotnet", values)


def _debugging(assembly: str) -> Debugging:
    return Debugging(
        {
            "type": "coreclr",
            "request": "attach",
            "processName": assembly,
            "sourceFileMap": {"/src": "${workspaceFolder}"},
            "pipeTransport": {
                "pipeCwd": "${workspaceFolder}",
                "pipeProgram": "alcove",
                "pipeArgs": ["exec", "--"],
                "quoteArgs": False,
                "debuggerPath": "/vsdbg/vsdbg",
            },
        }
    )
