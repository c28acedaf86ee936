"""What a save leads to, in each language: the patterns that are written, as they are read."""

from __future__ import annotations

import pytest
from tests.unit.prep.folders import facts_of

from alcove.prep.detection import detect
from alcove.sync.patterns import SyncPatterns


@pytest.mark.parametrize(
    ("folder", "synchronized", "rebuilt"),
    [
        ("node-npm", ("server.js", "lib/a.js", "public/a.css"), ("package.json", "package-lock.json")),
        ("node-pnpm", ("src/main.ts",), ("package.json", "pnpm-lock.yaml")),
        ("dotnet-web", ("Program.cs", "Pages/Index.cshtml", "wwwroot/site.css"), ("web.csproj", "a/b.sln")),
        ("java-maven", ("src/main/java/A.java", "a"), ("pom.xml", "module/pom.xml")),
        ("java-gradle", ("src/main/kotlin/Web.kt",), ("build.gradle.kts", "app/build.gradle")),
        ("python-pip", ("wsgi.py", "a/b.html"), ("requirements.txt", "requirements-dev.txt")),
        ("python-poetry", ("web/main.py",), ("pyproject.toml", "poetry.lock")),
        ("python-uv", ("manage.py",), ("uv.lock",)),
        ("go", ("main.go", "a/b.go"), ("go.mod", "go.sum")),
        ("ruby", ("config.ru", "views/a.erb"), ("Gemfile", "Gemfile.lock")),
        ("php-composer", ("public/index.php",), ("composer.json", "composer.lock")),
    ],
)
def test_sources_are_synchronized_and_manifests_make_a_new_image(
    folder: str, synchronized: tuple[str, ...], rebuilt: tuple[str, ...]
) -> None:
    app = detect(facts_of(folder)).app
    assert app is not None
    patterns = SyncPatterns(app.live.sync)
    assert all(patterns.selects(path) for path in synchronized)
    assert not any(patterns.selects(path) for path in rebuilt)
