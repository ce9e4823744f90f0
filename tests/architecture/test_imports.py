from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIGHT = [
    "decoding",
    "indices",
    "spectra",
    "values",
    "masks",
    "groups",
    "data",
    "faithfulness",
    "verification",
    "reports",
    "study",
]


def modules_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


class TestImports:
    """Imports go one way, and what needs no GPU stack loads none."""

    def test_every_contract_of_the_layering_is_kept(self):
        command = [Path(sys.executable).parent / "lint-imports", "--no-cache"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 0, done.stdout + done.stderr

    @pytest.mark.parametrize("package", LIGHT)
    def test_a_package_below_the_gpu_stack_loads_neither_torch_nor_prefect_nor_mlflow(self, package):
        loaded = modules_after(f"import spex_data.{package}")
        assert not loaded & {"torch", "transformers", "peft", "prefect", "mlflow"}

    def test_the_command_itself_loads_neither_torch_nor_prefect_nor_mlflow(self):
        loaded = modules_after("import flows.cli")
        assert not loaded & {"torch", "transformers", "peft", "prefect", "mlflow"}

    def test_no_module_has_a_name_that_says_nothing(self):
        names = {
            path.name for part in ("spex_data", "tasks", "flows") for path in (ROOT / part).rglob("*.py")
        }
        assert not names & {"utils.py", "helpers.py", "common.py", "misc.py"}
