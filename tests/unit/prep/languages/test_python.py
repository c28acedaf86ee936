"""Python: packages and programs."""

from __future__ import annotations

import pytest
from tests.unit.prep.folders import facts_of

from alcove.prep.app import App
from alcove.prep.languages.python import detect


def app_of(files: dict[str, str]) -> App:
    app = detect(facts_of(files))
    assert app is not None
    return app


def command(text: str) -> str:
    return text.splitlines()[-1].removeprefix("CMD ")


@pytest.mark.parametrize(
    ("files", "production", "develop"),
    [
        ({"main.py": ""}, '["python3", "main.py"]', '["python3", "main.py"]'),
        (
            {"tests/app.py": "app = Flask(__name__)", "only.py": ""},
            '["python3", "only.py"]',
            '["python3", "only.py"]',
        ),
        ({"a.py": "", "b.py": "serve_forever()"}, '["python3", "b.py"]', '["python3", "b.py"]'),
        ({"a.py": "__main__ .listen(", "b.py": ".listen("}, '["python3", "a.py"]', '["python3", "a.py"]'),
        (
            {"shop/__main__.py": "", "setup.py": ""},
            '["python3", "-m", "shop"]',
            '["python3", "-m", "shop"]',
        ),
        (
            {"manage.py": '("DJANGO_SETTINGS_MODULE", "x.settings.dev")', "requirements.txt": "Gunicorn"},
            "gunicorn --bind 0.0.0.0:${PORT} x.wsgi",
            "python3 manage.py runserver --noreload 0.0.0.0:${PORT}",
        ),
        (
            {"requirements.txt": "flask", "app.py": "app = Flask(__name__)"},
            "flask --app app:app run --host 0.0.0.0 --port ${PORT}",
            "flask --app app:app --debug run --no-reload --host 0.0.0.0 --port ${PORT}",
        ),
        (
            {"requirements.txt": "fastapi\nuvicorn", "src/shop/api.py": "api: FastAPI = FastAPI()"},
            "uvicorn shop.api:api --app-dir src --host 0.0.0.0 --port ${PORT}",
            "uvicorn shop.api:api --app-dir src --host 0.0.0.0 --port ${PORT}",
        ),
    ],
)
def test_it_starts_as_its_framework_does(files: dict[str, str], production: str, develop: str) -> None:
    app = app_of(files)
    for text, line in ((app.dockerfile, production), (app.develop, develop)):
        assert command(text) == (line if line.startswith("[") else f'["sh", "-c", "exec {line}"]')


@pytest.mark.parametrize(
    ("files", "steps"),
    [
        ({"requirements.txt": "a"}, ["pip install --no-cache-dir -r requirements.txt"]),
        ({"requirements.txt": "# nothing\n\n"}, []),
        ({"requirements.txt": "-r more.txt"}, ["pip install --no-cache-dir -r requirements.txt"]),
        (
            {"pyproject.toml": "[tool.poetry]"},
            ["pip install --no-cache-dir poetry", "poetry install --no-interaction --no-root --only main"],
        ),
        (
            {"pyproject.toml": "[project]", "uv.lock": ""},
            ["pip install --no-cache-dir uv", "uv sync --frozen --no-install-project --no-dev"],
        ),
        (
            {"Pipfile": "", "Pipfile.lock": ""},
            ["pip install --no-cache-dir pipenv", "pipenv install --system --deploy"],
        ),
        ({"Pipfile": ""}, ["pip install --no-cache-dir pipenv", "pipenv install --system --skip-lock"]),
        ({"pyproject.toml": "[project]"}, ["pip install --no-cache-dir ."]),
        ({"setup.py": ""}, ["pip install --no-cache-dir ."]),
    ],
)
def test_packages_come_by_the_tool_that_is_used(files: dict[str, str], steps: list[str]) -> None:
    lines = app_of({**files, "main.py": ""}).dockerfile.splitlines()
    assert [line.removeprefix("RUN ") for line in lines if line.startswith("RUN")] == steps


def test_what_refers_to_other_files_is_installed_when_they_are_there() -> None:
    lines = app_of({"requirements.txt": "-r more.txt", "main.py": ""}).dockerfile.splitlines()
    assert lines.index("COPY . .") < lines.index("RUN pip install --no-cache-dir -r requirements.txt")


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({".python-version": "3.10.4\n"}, "3.10"),
        ({"runtime.txt": "python-3.9.1"}, "3.9"),
        ({"Pipfile": '[requires]\npython_version = "3.11"\n'}, "3.11"),
        ({"pyproject.toml": '[project]\nrequires-python = ">=3.9"'}, "3.12"),
        ({"pyproject.toml": '[project]\nrequires-python = ">=3.14"'}, "3.14"),
        ({"pyproject.toml": '[project]\nrequires-python = ">=3.9,<3.12"'}, "3.11"),
        ({"pyproject.toml": '[project]\nrequires-python = "~=3.10"'}, "3.10"),
        ({"pyproject.toml": "not toml ["}, "3.12"),
    ],
)
def test_the_version_is_the_one_that_is_asked_for(files: dict[str, str], version: str) -> None:
    assert app_of({**files, "main.py": ""}).dockerfile.startswith(f"FROM python:{version}-slim\n")


@pytest.mark.parametrize("files", [{}, {"setup.sh": ""}, {"a.py": "", "b.py": ""}, {"test_a.py": ""}])
def test_files_that_are_no_program_are_none(files: dict[str, str]) -> None:
    assert detect(facts_of(files)) is None


def test_servers_for_developing_are_not_left_unsaid() -> None:
    app = app_of({"requirements.txt": "flask", "app.py": "app = Flask(__name__)"})
    assert app.notes == ("add gunicorn to its packages: Flask's own server is for developing",)
