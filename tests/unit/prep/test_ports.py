"""Where programs listen, as their sources say."""

from __future__ import annotations

import pytest
from tests.unit.prep.folders import facts_of

from alcove.prep.detection import detect
from alcove.prep.ports import USUAL, Hint, find_port

GO = {"go.mod": "module x\n"}
GRADLE = {"build.gradle": ""}


@pytest.mark.parametrize(
    ("files", "port"),
    [
        ({"package.json": "{}", "index.js": "listen(process.env.PORT || 3000)"}, 3000),
        ({"package.json": "{}", "index.js": "listen(Number(process.env.PORT ?? '4000'))"}, 4000),
        ({"package.json": "{}", "index.js": "listen(process.env.PORT || 80)"}, USUAL),
        ({"package.json": "{}", "index.js": "server.listen(80)"}, 80),
        ({"package.json": "{}", "index.js": "const PORT = 5000;"}, 5000),
        ({"package.json": "{}", "index.js": "x.listen(99999)"}, USUAL),
        ({"main.py": 'os.environ.get("PORT", 7000)'}, 7000),
        ({"main.py": 'os.getenv("PORT", "7001")'}, 7001),
        ({"main.py": 'HTTPServer(("", 7002), x)'}, 7002),
        ({"main.py": "web.run_app(app, port=7003)"}, 7003),
        ({**GO, "main.go": 'port := os.Getenv("PORT")\nif port == "" {\n port = "9000"\n}'}, 9000),
        ({**GO, "main.go": 'http.ListenAndServe(":9001", nil)'}, 9001),
        ({**GO, "main.go": 'router.Run("0.0.0.0:9002")'}, 9002),
        ({**GRADLE, "src/main/resources/application.yml": "server:\n  servlet: x\n  port: 8123\n"}, 8123),
        ({**GRADLE, "src/main/resources/application.properties": "server.port=${PORT:8124}"}, 8124),
        ({**GRADLE, "src/test/resources/application.properties": "server.port=1"}, USUAL),
        ({**GRADLE, "src/main/java/A.java": "HttpServer.create(new InetSocketAddress(8125), 0)"}, 8125),
        ({"a.csproj": "Microsoft.NET.Sdk.Web", "Program.cs": 'app.Run("http://*:5050");'}, 5050),
        ({"Gemfile": "", "app.rb": "set :port, 4567"}, 4567),
        ({"Gemfile": "", "app.rb": 'ENV.fetch("PORT", 4568)'}, 4568),
    ],
)
def test_sources_name_it(files: dict[str, str], port: int) -> None:
    app = detect(facts_of(files)).app
    assert app is not None and app.port.number == port
    assert bool(app.port.because) is (port != USUAL)


def test_the_hint_that_says_more_counts_more_than_the_file_that_comes_first() -> None:
    facts = facts_of({"a": "old 1000", "b": "\n\nnew 2000"})
    hints = (Hint(r"new (?P<port>\d+)"), Hint(r"old (?P<port>\d+)"))
    port = find_port(facts, hints, ["a", "b"])
    assert (port.number, port.because) == (2000, "b:3")
