"""Java: Maven and Gradle."""

from __future__ import annotations

import pytest
from tests.unit.prep.folders import facts_of

from alcove.prep.app import App
from alcove.prep.languages.java import detect


def app_of(files: dict[str, str]) -> App:
    app = detect(facts_of(files))
    assert app is not None
    return app


@pytest.mark.parametrize(
    ("files", "image"),
    [
        ({"pom.xml": "<java.version>1.8</java.version>"}, "maven:3.9-eclipse-temurin-8"),
        ({"pom.xml": "<maven.compiler.release>16</maven.compiler.release>"}, "maven:3.9-eclipse-temurin-17"),
        ({"pom.xml": ""}, "maven:3.9-eclipse-temurin-21"),
        ({"build.gradle": "sourceCompatibility = '11'"}, "gradle:8-jdk11"),
        ({"build.gradle": "sourceCompatibility = JavaVersion.VERSION_1_8"}, "gradle:8-jdk8"),
        ({"build.gradle.kts": "languageVersion = JavaLanguageVersion.of(17)"}, "gradle:8-jdk17"),
        ({"settings.gradle": "", "app/build.gradle.kts": "jvmToolchain(17)"}, "gradle:8-jdk17"),
        (
            {"build.gradle": "", "gradlew": "", "gradle/wrapper/gradle-wrapper.jar": ""},
            "eclipse-temurin:21-jdk",
        ),
    ],
)
def test_the_image_is_of_its_tool_and_version(files: dict[str, str], image: str) -> None:
    app = app_of(files)
    assert app.dockerfile.startswith(f"FROM {image} AS build\n") and f"FROM {image}\n" in app.develop


def test_the_wrapper_builds_where_there_is_one() -> None:
    app = app_of({"build.gradle": "", "gradlew": "", "gradle/wrapper/gradle-wrapper.jar": ""})
    assert app.live.build == (("sh", "gradlew", "--no-daemon", "-q", "assemble"),)


def test_several_modules_are_built_with_all_their_sources() -> None:
    app = app_of({"pom.xml": "<modules><module>a</module></modules>"})
    assert "COPY pom.xml" not in app.dockerfile and "go-offline" not in app.develop


@pytest.mark.parametrize("name", ["pom.xml", "build.gradle"])
def test_spring_is_told_where_to_listen_and_reads_pages_from_where_they_are_saved(name: str) -> None:
    app = app_of({name: "org.springframework.boot thymeleaf"})
    assert app.variables == (("SERVER_PORT", "%"),)
    assert "SPRING_THYMELEAF_PREFIX" in app.develop and "SPRING" not in app.dockerfile
    assert "SPRING" not in app_of({name: ""}).develop
