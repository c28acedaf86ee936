"""What ``container.sync`` selects."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.sync.errors import SyncError
from alcove.sync.patterns import SyncPatterns

DOTNET = ("**/Pages/**", "**/Views/**", "**/wwwroot/**", "!**/*.{sln,csproj}")

TABLE = [
    (DOTNET, "Pages/Index.cshtml", True),
    (DOTNET, "src/Pages/a/b.cs", True),
    (DOTNET, "wwwroot/css/site.css", True),
    (DOTNET, "Program.cs", False),
    (DOTNET, "Pages/x.csproj", False),
    (DOTNET, "Pages/x.csprojx", True),
    (("**/**",), "a/b/c", True),
    (("**",), "a", True),
    (("**/*",), "a/b", True),
    (("*",), "a", True),
    (("*",), "a/b", False),
    (("*.js",), "server.js", True),
    (("*.js",), "src/server.js", False),
    (("**/*.js",), "server.js", True),
    (("**/*.js",), "a/b/server.js", True),
    (("!**/package.json",), "server.js", True),
    (("!**/package.json",), "package.json", False),
    (("!**/package.json",), "a/package.json", False),
    (("!package.json",), "a/package.json", True),
    (("!**/*.{sln,csproj}",), "a/x.sln", False),
    (("html/*",), "html/index.html", True),
    (("html/*",), "html/a/index.html", False),
    (("html",), "html/a/index.html", True),
    (("html/",), "html/a/index.html", True),
    (("html",), "html", True),
    (("html",), "htmlx/a", False),
    (("./src/**",), "src/a.py", True),
    (("src\\**",), "src/a.py", True),
    (("/src/**",), "src/a.py", True),
    (("src/**",), "src", False),
    (("src/**/x",), "src/x", True),
    (("src/**/x",), "src/a/b/x", True),
    (("{src,lib}/**/*.{ts,js}",), "lib/a/b.ts", True),
    (("{src,lib}/**/*.{ts,js}",), "lib/a/b.css", False),
    (("a{b,{c,d}e}f",), "adef", True),
    (("a{b,{c,d}e}f",), "acf", False),
    (("{a}",), "{a}", True),
    (("a{b",), "a{b", True),
    (("a?c",), "abc", True),
    (("a?c",), "a/c", False),
    (("[ab].py",), "b.py", True),
    (("!b", "**"), "b", False),
    (("!vendor/",), "vendor/a/b", False),
    ((), "a", False),
    (("",), "a", False),
]


@pytest.mark.parametrize(("patterns", "path", "expected"), TABLE)
def test_what_is_selected(patterns: tuple[str, ...], path: str, expected: bool) -> None:
    assert SyncPatterns(patterns).selects(path) is expected


def test_the_pattern_that_decides_is_told() -> None:
    patterns = SyncPatterns(DOTNET)
    assert patterns.explain("Pages/a.csproj") == (False, "!**/*.{sln,csproj}")
    assert patterns.explain("Pages/a.cs") == (True, "**/Pages/**")
    assert patterns.explain("a.cs") == (False, "")


def test_a_pattern_of_thousands_is_refused() -> None:
    with pytest.raises(SyncError, match="sync"):
        SyncPatterns(["{a,b,c,d}" * 9])


@given(
    st.lists(st.text(alphabet="a*?[]{},!/\\.-^", max_size=10), max_size=4),
    st.text(alphabet="ab/.", max_size=8),
)
def test_any_pattern_is_read_or_refused(patterns: list[str], path: str) -> None:
    with contextlib.suppress(SyncError):
        SyncPatterns(patterns).selects(path)
