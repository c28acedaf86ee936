"""Node.js: what ``package.json`` says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.prep.folders import facts_of

from alcove.prep.app import App
from alcove.prep.languages.node import detect


def app_of(manifest: Any, *names: str, **texts: str) -> App:
    files = {"package.json": json.dumps(manifest), **dict.fromkeys(names, ""), **texts}
    app = detect(facts_of(files))
    assert app is not None
    return app


def last_line(text: str) -> str:
    return text.splitlines()[-1]


@pytest.mark.parametrize(
    ("scripts", "names", "command"),
    [
        ({"start": "node server.js"}, (), '["node", "server.js"]'),
        (
            {"start": "node --enable-source-maps dist/main.js"},
            (),
            '["node", "--enable-source-maps", "dist/main.js"]',
        ),
        ({"start": "node server.js | tee log"}, (), '["npm", "start"]'),
        ({"start": "NODE_ENV=x node server.js"}, (), '["npm", "start"]'),
        ({"start": "node server.js", "prestart": "x"}, (), '["npm", "start"]'),
        ({"start": "next start"}, (), '["npm", "start"]'),
        ({"dev": "nodemon app.js"}, (), '["npm", "run", "dev"]'),
        ({"dev": "vite"}, (), '["npm", "run", "dev", "--", "--host", "--port", "8080"]'),
        ({}, ("index.js", "app.js"), '["node", "index.js"]'),
        ({}, ("src/server.mjs",), '["node", "src/server.mjs"]'),
    ],
)
def test_it_starts_as_it_says(scripts: dict[str, str], names: tuple[str, ...], command: str) -> None:
    app = app_of({"scripts": scripts}, *names)
    assert last_line(app.dockerfile) == last_line(app.develop) == f"CMD {command}" and not app.notes


def test_the_file_that_main_names_starts() -> None:
    assert last_line(app_of({"main": "./lib"}, "lib/index.js").dockerfile) == 'CMD ["node", "lib/index.js"]'


def test_a_guess_is_told() -> None:
    assert app_of({}).notes == (
        "package.json does not say how to start it: CMD in the Dockerfiles is a guess",
    )


@pytest.mark.parametrize(
    ("names", "manifest", "install"),
    [
        ((), {}, None),
        ((), {"dependencies": {"a": "1"}}, "RUN npm install --no-audit --no-fund"),
        (("package-lock.json",), {}, "RUN npm ci --no-audit --no-fund"),
        (("yarn.lock",), {}, "RUN yarn install --frozen-lockfile"),
        (("yarn.lock", ".yarnrc.yml"), {}, "RUN yarn install --immutable"),
        (("yarn.lock",), {"packageManager": "yarn@4.1.0"}, "RUN yarn install --immutable"),
        (("yarn.lock",), {"packageManager": "yarn@1.22.0"}, "RUN yarn install --frozen-lockfile"),
        (("pnpm-lock.yaml",), {}, "RUN pnpm install --frozen-lockfile"),
    ],
)
def test_packages_come_as_their_lock_says(names: tuple[str, ...], manifest: Any, install: str | None) -> None:
    lines = app_of(manifest, *names).develop.splitlines()
    assert [line for line in lines if " install" in line or " ci " in line] == ([install] if install else [])


@pytest.mark.parametrize(
    ("engines", "version"),
    [("18.x", 18), (">=18", 20), (">= 22.1", 22), ("^16.1", 16), ("*", 20), ("lts/*", 20)],
)
def test_the_version_is_the_one_that_is_asked_for(engines: str, version: int) -> None:
    assert app_of({"engines": {"node": engines}}).dockerfile.startswith(f"FROM node:{version}-slim\n")


def test_a_file_for_version_managers_says_more_than_the_manifest() -> None:
    app = app_of({"engines": {"node": "18"}}, **{".nvmrc": "v22.3.0\n"})
    assert app.dockerfile.startswith("FROM node:22-slim\n")


def test_what_is_built_is_built_at_each_change() -> None:
    app = app_of({"scripts": {"start": "node dist/main.js", "build": "tsc"}}, "yarn.lock")
    assert app.live.build == (("yarn", "run", "build"),) and app.live.kill == ("node",)
    assert not app.interpreted and "RUN yarn run build\n" in app.dockerfile


def test_what_reloads_by_itself_is_only_given_its_files() -> None:
    app = app_of({"scripts": {"dev": "vite", "build": "vite build"}})
    assert not app.live.kill and not app.live.build


@pytest.mark.parametrize(
    "manifest", [[], 1, None, {"scripts": []}, {"scripts": {"start": 1}}, {"engines": "x", "main": 3}]
)
def test_a_manifest_of_any_shape_is_borne(manifest: Any) -> None:
    app_of(manifest)
