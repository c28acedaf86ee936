"""Ruby: Rails, Rack, Sinatra or none of them."""

from __future__ import annotations

import pytest
from tests.unit.prep.folders import facts_of

from alcove.prep.languages.ruby import detect


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"Gemfile": "gem 'rails', '~> 7'"}, "bundle exec rails server --binding 0.0.0.0 --port ${PORT}"),
        ({"Gemfile": "gem 'puma'", "config.ru": ""}, "bundle exec puma --bind tcp://0.0.0.0:${PORT}"),
        ({"Gemfile": "", "config.ru": ""}, "bundle exec rackup --host 0.0.0.0 --port ${PORT}"),
        ({"Gemfile": "gem('sinatra')", "app.rb": ""}, "bundle exec ruby app.rb -o 0.0.0.0 -p ${PORT}"),
        ({"Gemfile": "", "only.rb": ""}, '["bundle", "exec", "ruby", "only.rb"]'),
    ],
)
def test_it_starts_as_its_framework_does(files: dict[str, str], command: str) -> None:
    app = detect(facts_of(files))
    assert app is not None and command in app.dockerfile.splitlines()[-1] and not app.notes


@pytest.mark.parametrize(
    ("files", "version"),
    [({".ruby-version": "ruby-3.1.4"}, "3.1"), ({"Gemfile": "ruby '~> 3.2.0'"}, "3.2"), ({}, "3.3")],
)
def test_the_version_is_the_one_that_is_asked_for(files: dict[str, str], version: str) -> None:
    app = detect(facts_of({"Gemfile": "", **files}))
    assert app is not None and app.dockerfile.startswith(f"FROM ruby:{version}\n")


def test_without_gems_nothing_is_installed_and_a_guess_is_told() -> None:
    app = detect(facts_of({"Gemfile": "# none\n"}))
    assert app is not None and "bundle install" not in app.develop and app.notes
