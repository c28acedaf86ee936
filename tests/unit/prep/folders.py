"""Source folders as people have them, small; all are called ``web``."""

from __future__ import annotations

from collections.abc import Mapping

from alcove.prep.facts import Facts

_EXPRESS = """\
const express = require('express');
const port = process.env.PORT || 3000;
express().listen(port);
"""
_NODE = '{"name": "shop", "scripts": {"start": "node server.js"}, "dependencies": {"express": "^4"}}'
_SOLUTION = "Microsoft Visual Studio Solution File, Format Version 12.00\n"
_WEB_PROJECT = """\
<Project Sdk="Microsoft.NET.Sdk.Web">
  <PropertyGroup>
    <TargetFramework>net8.0</TargetFramework>
  </PropertyGroup>
</Project>
"""
_POM = """\
<project>
  <parent>
    <groupId>org.springframework.boot</groupId>
    <artifactId>spring-boot-starter-parent</artifactId>
  </parent>
  <artifactId>web</artifactId>
  <properties><java.version>17</java.version></properties>
  <dependencies>
    <dependency><artifactId>spring-boot-starter-thymeleaf</artifactId></dependency>
  </dependencies>
</project>
"""
_GRADLE = """\
plugins {
    kotlin("jvm") version "2.0.0"
    id("org.springframework.boot") version "3.3.0"
}
kotlin { jvmToolchain(21) }
"""
_FLASK = """\
from flask import Flask

application = Flask(__name__)
"""
_FASTAPI = "from fastapi import FastAPI\n\napi = FastAPI()\n"
_STDLIB = """\
import http.server
import os

if __name__ == "__main__":
    port = int(os.environ.get("PORT", "9000"))
    http.server.HTTPServer(("", port), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
_GO = """\
package main

import "net/http"

func main() { http.ListenAndServe(":8000", nil) }
"""
_POETRY = """\
[tool.poetry]
name = "web"
[tool.poetry.dependencies]
python = "^3.11"
fastapi = "*"
"""
_UV = """\
[project]
name = "web"
requires-python = ">=3.13"
dependencies = ["django", "gunicorn"]
"""
_MANAGE = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")\n'

FOLDERS: Mapping[str, Mapping[str, str]] = {
    "node-npm": {"package.json": _NODE, "package-lock.json": "{}", "server.js": _EXPRESS},
    "node-yarn": {"package.json": _NODE, "yarn.lock": "", "server.js": _EXPRESS},
    "node-pnpm": {
        "package.json": """{
            "engines": {"node": "22.x"},
            "scripts": {"build": "tsc", "start": "node dist/main.js"},
            "devDependencies": {"typescript": "^5"}}""",
        "pnpm-lock.yaml": "",
        "src/main.ts": "server.listen(4000)\n",
    },
    "node-plain": {
        "package.json": '{"scripts": {"start": "node server.js"}}',
        "server.js": "require('node:http').createServer().listen(process.env.PORT ?? 8080)\n",
    },
    "dotnet-web": {
        "web.csproj": _WEB_PROJECT,
        "Program.cs": "var app = builder.Build(); app.Run();\n",
        "wwwroot/site.css": "",
    },
    "dotnet-solution": {
        "Shop.sln": _SOLUTION,
        "src/Web Shop/Web Shop.csproj": _WEB_PROJECT.replace(
            "</Project>",
            '<ItemGroup><ProjectReference Include="../Library/Library.csproj" /></ItemGroup></Project>',
        ),
        "src/Library/Library.csproj": '<Project Sdk="Microsoft.NET.Sdk"></Project>',
        "src/Tests/Tests.csproj": '<Project Sdk="Microsoft.NET.Sdk"><IsTestProject>true</IsTestProject>'
        "<OutputType>Exe</OutputType></Project>",
    },
    "java-maven": {
        "pom.xml": _POM,
        "src/main/resources/application.properties": "spring.application.name=web\nserver.port=8081\n",
    },
    "java-gradle": {
        "build.gradle.kts": _GRADLE,
        "settings.gradle.kts": "",
        "src/main/kotlin/Web.kt": "fun main() {}\n",
    },
    "python-pip": {
        "requirements.txt": "flask\ngunicorn\n",
        "requirements-dev.txt": "pytest\n",
        "wsgi.py": _FLASK,
    },
    "python-poetry": {
        "pyproject.toml": _POETRY,
        "poetry.lock": "",
        "web/main.py": _FASTAPI,
    },
    "python-uv": {
        "pyproject.toml": _UV,
        "uv.lock": "",
        "manage.py": _MANAGE,
    },
    "python-plain": {"serve.py": _STDLIB, "test_serve.py": "import serve\n"},
    "go": {"go.mod": "module example.com/web\n\ngo 1.22\n", "go.sum": "", "main.go": _GO, "static/a.css": ""},
    "ruby": {
        "Gemfile": 'source "https://rubygems.org"\nruby "3.2.2"\ngem "sinatra"\ngem "puma"\n',
        "Gemfile.lock": "",
        "config.ru": "run Sinatra::Application\n",
    },
    "php-composer": {
        "composer.json": '{"require": {"php": "^8.1", "slim/slim": "4.*"}}',
        "composer.lock": "{}",
        "public/index.php": "<?php echo 'hello';\n",
    },
    "php-plain": {"index.php": "<?php echo 'hello';\n"},
    "unsupported": {"main.hs": "main = pure ()\n"},
    "own-dockerfile": {
        "package.json": _NODE,
        "server.js": _EXPRESS,
        "Dockerfile": 'FROM node:20\nWORKDIR /srv/shop\nCOPY . .\nEXPOSE 5000\nCMD ["npm", "start"]\n',
    },
}


def facts_of(folder: str | Mapping[str, str], *, name: str = "web") -> Facts:
    """Give what gathering gives for a folder of these."""
    files = FOLDERS[folder] if isinstance(folder, str) else folder
    return Facts(name, frozenset(files), dict(files))
