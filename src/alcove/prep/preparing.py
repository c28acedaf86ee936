"""``alcove prep``, without its words: reads, plans, writes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from alcove.config.azds.upgrading import upgrade
from alcove.errors import AlcoveError, UsageError
from alcove.prep.facts import Wishes
from alcove.prep.gathering import gather_facts
from alcove.prep.planning import Plan, plan_files
from alcove.prep.writing import replace_file, write_files


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was done to a folder."""

    directory: Path
    plan: Plan
    files: dict[str, str]
    """Each file: ``written`` or ``kept``."""

    def document(self) -> dict[str, object]:
        """Give it as a record."""
        app = self.plan.app
        return {
            "directory": str(self.directory),
            "name": self.plan.name,
            "language": app.language.value if app is not None else None,
            "port": self.plan.port.number,
            "chart": self.plan.chart,
            "files": [{"path": path, "state": state} for path, state in self.files.items()],
            "notes": list(self.plan.notes),
            "warnings": list(self.plan.warnings),
        }


def prepare(directory: Path, *, ingress: bool = False, chart: Path | None = None) -> Prepared:
    """Write what ``alcove up`` needs and is not there.

    Raises:
        AlcoveError: why nothing was written.
    """
    directory = directory.absolute()
    facts = gather_facts(directory)
    plan = plan_files(facts, Wishes(ingress, _relative(directory, chart) if chart is not None else ""))
    written = write_files(directory, plan.files)
    files = {path: "written" if new else "kept" for path, new in written.items()}
    files |= dict.fromkeys(plan.kept, "kept")
    return Prepared(directory, plan, files)


def upgrade_project(directory: Path) -> bool:
    """Bring a folder's azds.yaml to the newest version of its language; tell whether there was need to.

    Raises:
        AlcoveError: there is none, or it is not understood.
    """
    path = directory.absolute() / "azds.yaml"
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError as error:
        raise AlcoveError(f"Config file not found: {path}", hint="run 'alcove prep' to make one") from error
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise AlcoveError(f"cannot read {path}", cause=why or "") from error
    upgraded = upgrade(text)
    if upgraded == text:
        return False
    replace_file(path, upgraded)
    return True


def _relative(directory: Path, chart: Path) -> str:
    """Give the chart's path as azds.yaml has it."""
    if not (chart / "Chart.yaml").is_file():
        raise UsageError(f"{chart} is no chart", cause="it has no Chart.yaml")
    try:
        return Path(os.path.relpath(chart.resolve(), directory.resolve())).as_posix()
    except ValueError:  # on another drive
        return chart.resolve().as_posix()
