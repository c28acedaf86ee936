"""Java and Kotlin: Maven, or Gradle with either of its languages."""

from __future__ import annotations

import re
from dataclasses import dataclass

from alcove.prep.app import App, Debugging, Language, Live, fill_dockerfiles
from alcove.prep.facts import Facts
from alcove.prep.ports import Hint, Port, find_port

_VERSION = 21
_SETTINGS = r"application(-\w+)?\.(properties|ya?ml)"
_SETTING_HINTS = (
    Hint(r"^\s*(?:server|quarkus\.http|micronaut\.server)\.port\s*[=:]\s*(?:\$\{\w+:)?(?P<port>\d{2,5})\b"),
    Hint(r"^server\s*:\s*\n(?:[ \t]+.*\n)*?[ \t]+port\s*:\s*[\"']?(?:\$\{\w+:)?(?P<port>\d{2,5})\b"),
)
_SOURCE_HINTS = (
    Hint(r"getenv\(\)?\.?\w*\(?\"PORT\"(?s:.{0,80}?)\"?(?P<port>\d{4,5})\"?", yielding=True),
    Hint(
        r"(?:new InetSocketAddress\(|new ServerSocket\(|\.listen\(|\.start\(|port\s*=)\s*(?P<port>\d{2,5})\b"
    ),
)
_JARS = "ls -t @ | grep -vE '/original-|-(sources|javadoc|plain|tests).jar' | head -n 1"
"""Finds the program among what a build leaves behind; ``@`` stands for the patterns."""


@dataclass(frozen=True, slots=True)
class _Build:
    """A build tool."""

    because: str
    image: str
    manifests: tuple[str, ...]
    package: tuple[str, ...]
    jars: str
    version: int
    environment: str
    excluded: str
    ignored: tuple[str, ...]
    text: str
    """What its files say of what is used."""


def detect(facts: Facts) -> App | None:
    """Understand a folder with a ``pom.xml`` or a ``build.gradle``."""
    build = _maven(facts) or _gradle(facts)
    if build is None:
        return None
    spring = "org.springframework.boot" in build.text
    port = _find_port(facts)
    dockerfile, develop = _dockerfiles(build, port, spring=spring)
    return App(
        Language.JAVA,
        build.because,
        port,
        dockerfile,
        develop,
        Live(sync=("**/**", build.excluded), kill=("java",), build=(build.package,)),
        ignored=build.ignored,
        variables=(("SERVER_PORT", "%"),) if spring else (),
        debugging=_DEBUGGING,
    )


def _find_port(facts: Facts) -> Port:
    settings = [path for path in facts.below(_SETTINGS, deep=6) if "/test/" not in path]
    found = find_port(facts, _SETTING_HINTS, settings)
    return found if found.because else find_port(facts, _SOURCE_HINTS, facts.below(r".*\.(java|kt)", deep=8))


def _maven(facts: Facts) -> _Build | None:
    if not facts.has("pom.xml"):
        return None
    text = facts.text("pom.xml")
    asked = re.search(
        r"<(?:java\.version|maven\.compiler\.(?:release|source)|release)>\s*(?:1\.)?(\d+)\s*<", text
    )
    version = int(asked[1]) if asked else _VERSION
    return _Build(
        because="pom.xml",
        image=f"maven:3.9-eclipse-temurin-{_supported(version)}",
        manifests=() if re.search(r"<modules>", text) else ("pom.xml",),
        package=("mvn", "-B", "-q", "package", "-Dmaven.test.skip=true"),
        jars="target/*.jar target/*.war */target/*.jar",
        version=_supported(version),
        environment="MAVEN_ARGS=-Dmaven.repo.local=/home/app/.m2/repository MAVEN_CONFIG=/home/app/.m2",
        excluded="!**/pom.xml",
        ignored=("**/target",),
        text=text,
    )


def _gradle(facts: Facts) -> _Build | None:
    because = facts.first("build.gradle.kts", "build.gradle", "settings.gradle.kts", "settings.gradle")
    if not because:
        return None
    scripts = facts.below(r".*\.gradle(\.kts)?", deep=1)
    text = "\n".join(facts.text(path) for path in (*scripts, *facts.below(r"libs\.versions\.toml", deep=1)))
    asked = re.search(
        r"(?:JavaLanguageVersion\.of\(|jvmToolchain\(|VERSION_|(?:source|target)Compatibility\s*=\s*['\"]?)(?:1[._])?(\d+)",
        text,
    )
    version = int(asked[1]) if asked else _VERSION
    # The wrapper brings the version of Gradle that the project wants.
    wrapped = facts.has("gradlew") and facts.has("gradle/wrapper/gradle-wrapper.jar")
    return _Build(
        because=because,
        image=f"eclipse-temurin:{_supported(version)}-jdk"
        if wrapped
        else f"gradle:8-jdk{_supported(version)}",
        manifests=(),
        package=(*(("sh", "gradlew") if wrapped else ("gradle",)), "--no-daemon", "-q", "assemble"),
        jars="build/libs/*.jar build/libs/*.war */build/libs/*.jar",
        version=_supported(version),
        environment="GRADLE_USER_HOME=/home/app/.gradle",
        excluded="!**/*.{gradle,gradle.kts}",
        ignored=(".gradle", "**/build"),
        text=text,
    )


def _supported(version: int) -> int:
    """Give the oldest version of which there are images that runs what this one runs."""
    return next((each for each in (8, 11, 17, 21, 25) if each >= version), version)


def _dockerfiles(build: _Build, port: Port, *, spring: bool) -> tuple[str, str]:
    jar = _JARS.replace("@", f"{build.jars} 2>/dev/null")
    names = ("PORT", "SERVER_PORT") if spring else ("PORT",)
    values = {
        "image": build.image,
        "version": str(build.version),
        "package": " ".join(build.package),
        "jar": jar,
        "environment": build.environment,
        "manifests": f"COPY {' '.join(build.manifests)} ./\nRUN mvn -B -q dependency:go-offline"
        if build.manifests
        else "",
        "develop_manifests": (
            f"COPY --chown=1000:1000 {' '.join(build.manifests)} /src/\nWORKDIR /src\nUSER 1000:1000\n"
            "RUN mvn -B -q dependency:go-offline"
            if build.manifests
            else ""
        ),
        "develop_sources": "COPY --chown=1000:1000 . ."
        if build.manifests
        else "COPY --chown=1000:1000 . /src/\nWORKDIR /src\nUSER 1000:1000",
        "listening": " ".join(f"{name}={port.number}" for name in names),
        "live": _SPRING if spring else "",
        "thymeleaf": _THYMELEAF if spring and "thymeleaf" in build.text else "",
        "port": str(port.number),
    }
    return fill_dockerfiles("java", values)


_SPRING = (
    "# Pages and pictures are read where they are saved, not from the jar of the last build.\n"
    "ENV SPRING_WEB_RESOURCES_STATIC_LOCATIONS="
    "file:src/main/resources/static/,file:src/main/resources/public/,"
    "classpath:/META-INF/resources/,classpath:/resources/,classpath:/static/,classpath:/public/"
)
_THYMELEAF = "ENV SPRING_THYMELEAF_CACHE=false SPRING_THYMELEAF_PREFIX=file:src/main/resources/templates/"
_DEBUGGING = Debugging(
    {
        "type": "java",
        "request": "attach",
        "hostName": "localhost",
        "port": 5005,
    }
)
