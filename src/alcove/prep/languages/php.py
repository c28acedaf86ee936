"""PHP: with or without Composer."""

from __future__ import annotations

import re

from alcove.prep.app import App, Language, Live, fill_dockerfiles
from alcove.prep.facts import Facts
from alcove.prep.ports import USUAL, Port

_MANIFEST = "composer.json"
_VERSION = "8.3"
_AUTOLOAD = "composer dump-autoload --no-interaction --no-scripts"
_ROOTS = ("public", "web", "www")


def detect(facts: Facts) -> App | None:
    """Understand a folder with a ``composer.json`` or an ``index.php``."""
    root = next((name for name in _ROOTS if facts.has(f"{name}/index.php")), "")
    because = facts.first(_MANIFEST, "index.php", f"{root}/index.php")
    if not because:
        return None
    composer = facts.has(_MANIFEST)
    manifests = f"{_MANIFEST} composer.lock" if facts.has("composer.lock") else _MANIFEST
    install = "composer install --no-interaction --no-scripts --no-autoloader --ignore-platform-reqs"
    place = f"/var/www/html/{root}".rstrip("/")
    values = {
        "version": _version(facts),
        "vendor": f"FROM composer:2 AS vendor\nWORKDIR /app\nCOPY {manifests} ./" if composer else "",
        "install": f"RUN {install} --no-dev" if composer else "",
        "develop_install": f"RUN {install}" if composer else "",
        "autoload": "COPY . .\nRUN composer dump-autoload --no-interaction --no-scripts\n"
        if composer
        else "",
        "copy_vendor": "COPY --chown=1000:1000 --from=vendor /app/vendor ./vendor" if composer else "",
        "place": place,
        "root": root or ".",
        "port": str(USUAL),
    }
    dockerfile, develop = fill_dockerfiles("php", values)
    return App(
        Language.PHP,
        because,
        Port(USUAL),
        dockerfile,
        develop,
        Live(sync=("!**/composer.{json,lock}",)),
        interpreted=True,
        ignored=("vendor",),
    )


def _version(facts: Facts) -> str:
    found = re.search(r"\"php\"\s*:\s*\"(?P<mark>\D*)(?P<version>\d+\.\d+)", facts.text(_MANIFEST))
    if found is None:
        return _VERSION
    asked, ours = (tuple(map(int, text.split("."))) for text in (found["version"], _VERSION))
    newer_will_do = found["mark"].strip() in ("^", ">=", ">") and asked[0] == ours[0]
    return _VERSION if newer_will_do and asked < ours else found["version"]
