"""Which files a folder gets: whole trees beside those that were looked at and found good."""

from __future__ import annotations

import pytest
from tests.unit.prep.folders import FOLDERS, facts_of
from tests.unit.prep.recording import GOLDEN, record

from alcove.prep.facts import Wishes
from alcove.prep.planning import UNSUPPORTED, Plan, plan_files

NODE = FOLDERS["node-plain"]
AZDS = "kind: helm-release\napiVersion: 1.1\ninstall:\n  chart: {chart}\n"


def planned(plan: Plan) -> dict[str, str]:
    return {file.path: file.content for file in plan.files}


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_kind_of_folder_gets_the_tree_that_was_agreed_on(folder: str) -> None:
    assert record(folder) == (GOLDEN / f"{folder}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_was_planned_once_is_planned_again_when_it_is_there(folder: str) -> None:
    first = plan_files(facts_of(folder), Wishes())
    after = facts_of({**FOLDERS[folder], **planned(first)})
    second = planned(plan_files(after, Wishes()))
    assert {path: content for path, content in planned(first).items() if path in second} == second
    missing = {path for path in planned(first) if path not in second}
    assert all(path.startswith("charts/web/") for path in missing)


@pytest.mark.parametrize(
    "folder", [name for name in FOLDERS if name not in ("unsupported", "own-dockerfile")]
)
def test_a_file_that_went_is_planned_as_it_was(folder: str) -> None:
    first = planned(plan_files(facts_of(folder), Wishes()))
    for path in ("azds.yaml", "Dockerfile", "Dockerfile.develop", ".vscode/tasks.json"):
        left = {name: content for name, content in first.items() if name != path}
        assert planned(plan_files(facts_of({**FOLDERS[folder], **left}), Wishes()))[path] == first[path]


def test_an_unsupported_language_gets_the_chart_alone_and_the_words_of_old() -> None:
    plan = plan_files(facts_of("unsupported"), Wishes())
    assert plan.warnings == (UNSUPPORTED,)
    assert plan.warnings == ("Dockerfile could not be generated due to unsupported language",)
    assert {path.split("/")[0] for path in planned(plan)} == {"charts"}


def test_with_a_dockerfile_no_language_is_unsupported() -> None:
    plan = plan_files(facts_of({"main.hs": "", "Dockerfile": "FROM haskell\nEXPOSE 7000\n"}), Wishes())
    assert not plan.warnings and plan.port.number == 7000
    assert "azds.yaml" in planned(plan) and "container:" not in planned(plan)["azds.yaml"]
    assert "runAsNonRoot" not in planned(plan)["charts/web/values.yaml"]


def test_the_port_of_expose_counts_and_that_another_is_named_is_told() -> None:
    plan = plan_files(facts_of("own-dockerfile"), Wishes())
    assert plan.port.number == 5000
    assert "server.js:2 names port 3000, but that of EXPOSE counts: PORT says so" in plan.notes
    assert "containerPort: 5000" in planned(plan)["charts/web/values.yaml"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_chart_and_images_agree_on_the_port(folder: str) -> None:
    plan = plan_files(facts_of(folder), Wishes())
    files = planned(plan)
    assert f"containerPort: {plan.port.number}\n" in files["charts/web/values.yaml"]
    for name in ("Dockerfile", "Dockerfile.develop"):
        assert f"EXPOSE {plan.port.number}\n" in files.get(name, f"EXPOSE {plan.port.number}\n")


@pytest.mark.parametrize(
    ("dockerfile", "updated"),
    [
        ("FROM node\nWORKDIR /app\nCOPY . .\n", True),
        ("FROM node\nWORKDIR /app\nCOPY --chown=node . .\nUSER node\n", True),
        ("FROM node\nWORKDIR /app\nCOPY . .\nUSER node\n", False),
        ("FROM node\nWORKDIR /app\nCOPY src .\n", False),
        ("FROM node AS build\nCOPY . .\nFROM node\nWORKDIR /app\nCOPY --from=build /app/dist .\n", False),
    ],
)
def test_an_image_of_somebody_else_is_updated_in_place_when_its_files_are_where_ours_are(
    dockerfile: str, updated: bool
) -> None:
    files = planned(plan_files(facts_of({**NODE, "Dockerfile": dockerfile}), Wishes()))
    assert ("processesToKill" in files["azds.yaml"]) is updated
    assert "Dockerfile.develop" not in files and files["Dockerfile"] == dockerfile


def test_a_debugger_finds_the_sources_where_somebody_elses_image_has_them() -> None:
    files = planned(plan_files(facts_of("own-dockerfile"), Wishes()))
    assert '"remoteRoot": "/srv/shop"' in files[".vscode/launch.json"]


def test_an_ingress_is_asked_for_in_the_values_of_a_chart_of_ours() -> None:
    without, with_it = (planned(plan_files(facts_of(NODE), Wishes(ingress=on))) for on in (False, True))
    assert {path for path in without if without[path] != with_it[path]} == {"charts/web/values.yaml"}
    assert "enabled: true\n  className" in with_it["charts/web/values.yaml"]


def test_a_chart_that_is_given_is_used_and_none_is_made() -> None:
    plan = plan_files(facts_of(NODE), Wishes(ingress=True, chart="../shared/my chart"))
    files = planned(plan)
    assert not any(path.startswith("charts/") for path in files)
    assert '  chart: "../shared/my chart"\n' in files["azds.yaml"]
    assert "    ingress:\n      enabled: true\n" in files["azds.yaml"]


def test_a_chart_that_is_there_is_not_added_to() -> None:
    own = {"charts/web/Chart.yaml": "name: web\n", "charts/web/templates/all.yaml": ""}
    plan = plan_files(facts_of({**NODE, **own}), Wishes())
    assert not any(path.startswith("charts/") for path in planned(plan)) and plan.kept == ("charts/web",)


def test_a_chart_elsewhere_is_told_of() -> None:
    plan = plan_files(facts_of({**NODE, "charts/other/Chart.yaml": ""}), Wishes())
    assert "To use the chart charts/other instead: alcove prep --chart charts/other" in plan.notes


@pytest.mark.parametrize("written", ["deploy/shop", "deploy\\shop", "./deploy/shop/"])
def test_the_chart_that_azds_yaml_names_is_made_where_it_says(written: str) -> None:
    plan = plan_files(facts_of({**NODE, "azds.yaml": AZDS.format(chart=written)}), Wishes())
    assert plan.chart == "deploy/shop" and "name: shop\n" in planned(plan)["deploy/shop/Chart.yaml"]


@pytest.mark.parametrize("written", ["../elsewhere", "/charts/shop", "${CHART_DIR}"])
def test_a_chart_that_azds_yaml_names_elsewhere_is_its_own_business(written: str) -> None:
    plan = plan_files(facts_of({**NODE, "azds.yaml": AZDS.format(chart=written)}), Wishes())
    assert plan.chart == written and not any("chart" in path.lower() for path in planned(plan))


def test_what_an_existing_file_keeps_from_being_done_is_a_warning() -> None:
    own = {"azds.yaml": AZDS.format(chart="charts/web"), "charts/web/Chart.yaml": ""}
    plan = plan_files(facts_of({**NODE, **own}), Wishes(ingress=True, chart="charts/other"))
    assert plan.warnings == (
        "azds.yaml is kept: set install.chart to charts/other in it",
        "what is there is kept: set ingress.enabled to true in charts/other/values.yaml",
    )


@pytest.mark.parametrize(
    "own",
    [
        {"charts/web/values.yaml": "ingress: {enabled: true}"},
        {"azds.yaml": "install: {chart: charts/web, set: {ingress: {enabled: true}}}"},
    ],
)
def test_what_is_there_already_is_no_reason_to_warn(own: dict[str, str]) -> None:
    files = {**NODE, "azds.yaml": AZDS.format(chart="charts/web"), "charts/web/Chart.yaml": "", **own}
    assert not plan_files(facts_of(files), Wishes(ingress=True)).warnings


def test_dockerfiles_that_do_not_agree_on_a_port_are_warned_of() -> None:
    files = {"Dockerfile": "FROM a\nEXPOSE 80\n", "Dockerfile.develop": "FROM a\nEXPOSE 8080\n"}
    plan = plan_files(facts_of(files), Wishes())
    told = "Dockerfile:2 exposes port 80 and Dockerfile.develop:2 exposes port 8080: choose one"
    assert plan.warnings == (told,) and plan.port.number == 8080


def test_a_port_that_only_root_may_use_is_opened_by_the_pod() -> None:
    files = planned(plan_files(facts_of({"package.json": "{}", "index.js": "x.listen(80)"}), Wishes()))
    assert "ip_unprivileged_port_start" in files["charts/web/values.yaml"]


def test_what_listens_to_its_own_container_only_is_told() -> None:
    plan = plan_files(facts_of({"package.json": "{}", "index.js": "\nx.listen(3000, 'localhost')"}), Wishes())
    assert any(note.startswith("index.js:2 listens to its own container only") for note in plan.notes)
