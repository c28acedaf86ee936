"""What is planned for a folder, as one text; ``python -m tests.unit.prep.recording`` writes them all anew.

A file that is the same as that of ``node-npm`` is not told twice.
"""

from __future__ import annotations

from pathlib import Path

from tests.unit.prep.folders import FOLDERS, facts_of

from alcove.prep.facts import Wishes
from alcove.prep.planning import Plan, plan_files

GOLDEN = Path(__file__).parent / "golden"
_FIRST = "node-npm"


def record(folder: str) -> str:
    """Give the text for a folder."""
    plan, first = _plan(folder), {} if folder == _FIRST else _contents(_plan(_FIRST))
    parts = [
        *(f"warning: {warning}" for warning in plan.warnings),
        *(f"note: {note}" for note in plan.notes),
    ]
    for path, content in _contents(plan).items():
        known = first.get(path) == content
        parts.append(f"=== {path} ===\n" + (f"(as in {_FIRST})" if known else content.rstrip("\n")))
    return "\n".join(parts) + "\n"


def _plan(folder: str) -> Plan:
    return plan_files(facts_of(folder), Wishes())


def _contents(plan: Plan) -> dict[str, str]:
    return {file.path: file.content for file in plan.files}


def main() -> None:
    """Write them all."""
    for folder in FOLDERS:
        (GOLDEN / f"{folder}.txt").write_text(record(folder), encoding="utf-8")


if __name__ == "__main__":
    main()
