"""What the decoding benchmark has measured so far, on disk after every case."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from decoding_costs import Cost
from decoding_games import Case
from decoding_outcomes import Outcome
from decoding_tables import beside, cost_table, summary
from rich.console import Console

_PACKAGES = ("numpy", "scipy", "lightgbm", "scikit-learn", "shapiq", "spectralexplain")


@dataclass(frozen=True)
class Record:
    """Outcomes under the title of their source, and costs.

    Attributes:
        path: JSON file, written anew after every case; None for none.
        seed: Of planted games, and of the masks of tables.
    """

    path: Path | None
    seed: int
    outcomes: dict[str, list[Outcome]] = field(default_factory=dict)
    costs: list[Cost] = field(default_factory=list)

    @classmethod
    def resumed(cls, path: Path | None, seed: int) -> Record:
        """What a file holds; nothing if there is none, or if it is of another seed."""
        record = cls(path, seed)
        if path is None or not path.is_file():
            return record
        content = json.loads(path.read_text())
        if content["seed"] == seed:
            for each in content["outcomes"]:
                record.outcomes.setdefault(each.pop("source"), []).append(Outcome(**each))
            record.costs.extend(Cost(**each) for each in content["costs"])
        return record

    def has(self, title: str, case: Case, method: str) -> bool:
        """Whether a method has done a case."""
        found = (case.name, case.setting, method)
        return any((one.case, one.setting, one.method) == found for one in self.outcomes.get(title, ()))

    def add(self, found: Sequence[Outcome], title: str) -> None:
        """What some methods made of a case."""
        self.outcomes.setdefault(title, []).extend(found)
        self.write(complete=False)

    def add_cost(self, cost: Cost) -> None:
        """In place of one at the same size that had less time."""
        self.costs[:] = [*(each for each in self.costs if each.cell != cost.cell), cost]
        self.write(complete=False)

    def write(self, complete: bool) -> None:
        if self.path is None:
            return
        content = {
            "versions": _versions(),
            "seed": self.seed,
            "complete": complete,
            "outcomes": [
                {"source": title, **asdict(each)} for title, found in self.outcomes.items() for each in found
            ],
            "costs": [asdict(each) for each in self.costs],
        }
        partial = self.path.with_name(f"{self.path.name}.partial")
        partial.write_text(json.dumps(content, indent=2) + "\n")
        partial.replace(self.path)

    def show(self, console: Console, ways: Sequence[str], peers: Sequence[str]) -> None:
        """The tables; games of LoRA adapters in one of their own."""
        for title, found in self.outcomes.items():
            lora = [each for each in found if each.family == "lora"]
            rest = [each for each in found if each.family != "lora"]
            for part, name in ((rest, title), (lora, "LoRA games")):
                if part:
                    console.print(summary(part, ways, name))
                    for peer in (way for way in ways if way in peers):
                        console.print(beside(part, ways, peer))
        if self.costs:
            console.print(cost_table(self.costs))


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
