from __future__ import annotations

from pathlib import Path

import pytest

from spex_data.embedded import embedded_base_model
from spex_data.models import BaseModel


@pytest.fixture(scope="session")
def demo_model(shared_root: Path) -> BaseModel:
    """The base model of world 0, as the demo has it."""
    return embedded_base_model(0, shared_root / "cache")
