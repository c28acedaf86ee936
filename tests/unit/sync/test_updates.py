"""What a save leads to."""

from __future__ import annotations

import pytest

from alcove.sync.patterns import SyncPatterns
from alcove.sync.updates import Kind, Update, UpdateRules, choose_update, combine, is_static

SHAPING = {
    "azds.yaml": "azds.yaml",
    "Dockerfile.develop": "the Dockerfile",
    "charts/web": "the chart",
    "charts/web/values.yaml": "a values file",
    "values.dev.yaml": "a values file",
}
NODE = UpdateRules(SHAPING, SyncPatterns(["!**/package.json"]), iterates=True)
STATIC_SITE = UpdateRules(SHAPING, SyncPatterns(["html/*"]))
GO = UpdateRules(SHAPING)
LIBRARY = UpdateRules(
    {"web/azds.yaml": "azds.yaml"}, SyncPatterns(["**/*.cs"]), iterates=True, directory="web"
)


@pytest.mark.parametrize(
    ("rules", "path", "kind", "said"),
    [
        (NODE, "Dockerfile.develop", Kind.REBUILD, "the Dockerfile"),
        (NODE, "charts/web/templates/service.yaml", Kind.REBUILD, "part of the chart"),
        (NODE, "charts/web/values.yaml", Kind.REBUILD, "is a values file"),
        (NODE, "azds.yaml", Kind.REBUILD, "azds.yaml"),
        (NODE, "package.json", Kind.REBUILD, "left out of 'sync' by !**/package.json"),
        (NODE, "server.js", Kind.RESTART, "'iterate'"),
        (NODE, "views/index.html", Kind.COPY, "static"),
        (NODE, "public/app.js", Kind.COPY, "static"),
        (NODE, "charts/other", Kind.RESTART, "'iterate'"),
        (STATIC_SITE, "html/index.html", Kind.COPY, "no 'iterate'"),
        (STATIC_SITE, "html/server.js", Kind.COPY, "no 'iterate'"),
        (STATIC_SITE, "nginx.conf", Kind.REBUILD, "not selected"),
        (GO, "main.go", Kind.REBUILD, "no 'container' section"),
        (GO, "index.html", Kind.REBUILD, "no 'container' section"),
        (LIBRARY, "web/Program.cs", Kind.RESTART, "'iterate'"),
        (LIBRARY, "library/Class.cs", Kind.REBUILD, "outside of web"),
        (LIBRARY, "static/Class.cs", Kind.REBUILD, "outside of web"),
        (LIBRARY, "web/azds.yaml", Kind.REBUILD, "azds.yaml"),
    ],
)
def test_the_update_and_its_reason(rules: UpdateRules, path: str, kind: Kind, said: str) -> None:
    update = choose_update(path, rules)
    assert (update.kind, update.path) == (kind, path)
    assert said in update.reason and path in update.reason


def test_what_is_ignored_changes_nothing_unless_it_shapes_the_image() -> None:
    update = choose_update("a.log", NODE, ignored_by=".gitignore:3 (*.log)")
    assert update == Update(Kind.NOTHING, "a.log is ignored by .gitignore:3 (*.log)", "a.log")
    assert choose_update("azds.yaml", NODE, ignored_by=".dockerignore:1 (azds.yaml)").kind is Kind.REBUILD


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("index.html", True),
        ("a/site.CSS", True),
        ("Views/Index.cshtml", True),
        ("logo.svg", True),
        ("font.woff2", True),
        ("app.js.map", True),
        ("wwwroot/app.js", True),
        ("src/public/x", True),
        ("static/a/b.py", True),
        ("app.js", False),
        ("appsettings.json", False),
        ("html", False),
        (".html/x.py", False),
        ("public", False),
        ("publicity/x.py", False),
    ],
)
def test_static_files(path: str, expected: bool) -> None:
    assert is_static(path) is expected


def test_a_batch_needs_what_its_strongest_path_needs() -> None:
    nothing, copied, restarted = (
        Update(kind, kind.name, kind.name) for kind in (Kind.NOTHING, Kind.COPY, Kind.RESTART)
    )
    assert combine([nothing, copied, restarted, copied]) is restarted
    assert combine([nothing]) is nothing
    assert combine([]).kind is Kind.NOTHING and combine([]).reason
