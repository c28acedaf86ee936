""".NET: which project runs, and how."""

from __future__ import annotations

import pytest
from tests.unit.prep.folders import facts_of

from alcove.prep.languages.dotnet import detect

WEB = '<Project Sdk="Microsoft.NET.Sdk.Web">{}</Project>'
PLAIN = '<Project Sdk="Microsoft.NET.Sdk">{}</Project>'
EXE = "<OutputType>Exe</OutputType>"


@pytest.mark.parametrize(
    ("frameworks", "image"),
    [
        ("<TargetFramework>net8.0</TargetFramework>", "8.0"),
        ("<TargetFramework>netcoreapp3.1</TargetFramework>", "3.1"),
        ("<TargetFrameworks>net6.0;net10.0;net9.0</TargetFrameworks>", "10.0"),
        ("", "8.0"),
    ],
)
def test_the_image_is_of_its_framework(frameworks: str, image: str) -> None:
    app = detect(facts_of({"a.csproj": WEB.format(frameworks)}))
    assert app is not None and f"FROM mcr.microsoft.com/dotnet/aspnet:{image}\n" in app.dockerfile


@pytest.mark.parametrize(
    "project",
    [
        PLAIN.format(""),
        WEB.format("<TargetFramework>net48</TargetFramework>"),
        PLAIN.format(f"{EXE}<IsTestProject>true</IsTestProject>"),
        PLAIN.format(f"{EXE}<TargetFramework>net8.0-windows</TargetFramework>"),
    ],
)
def test_what_does_not_run_in_a_linux_container_is_none(project: str) -> None:
    assert detect(facts_of({"a.csproj": project})) is None


def test_a_web_application_comes_before_other_programs() -> None:
    files = {"a.sln": "", "tool/tool.csproj": PLAIN.format(EXE), "web/web.csproj": WEB.format("")}
    app = detect(facts_of(files))
    assert app is not None and app.because == "web/web.csproj" and not app.notes
    assert app.live.command[5:7] == ("--project", "web/web.csproj")
    assert app.live.build[0][:3] == ("dotnet", "build", "web/web.csproj")


def test_several_are_told_of() -> None:
    files = {"a.slnx": "", "a/a.csproj": WEB.format(""), "b/b.csproj": WEB.format("")}
    app = detect(facts_of(files))
    assert app is not None and app.notes == ("of its 2 programs, a/a.csproj is the one that runs",)


def test_a_program_that_is_no_web_application_has_the_smaller_image() -> None:
    app = detect(facts_of({"a.csproj": PLAIN.format(f"{EXE}<AssemblyName>tool</AssemblyName>")}))
    assert app is not None and "dotnet/runtime:8.0" in app.dockerfile and not app.variables
    assert app.dockerfile.endswith('ENTRYPOINT ["dotnet", "tool.dll"]\n')


def test_older_frameworks_are_told_their_port_in_the_older_way() -> None:
    app = detect(facts_of({"a.csproj": WEB.format("<TargetFramework>net6.0</TargetFramework>")}))
    assert app is not None and app.variables == (("ASPNETCORE_URLS", "http://+:%"),)
