"""What a surrogate said of a run's masks, as decoders read it; needs neither torch nor Prefect."""

from __future__ import annotations

from spex_data.decoding import WITH_FEATURES, Simulated
from spex_data.study import StudyConfig
from tasks.run_folder import RunFolder


def listens(study: StudyConfig, method: str) -> bool:
    """Whether a study leaves room for a surrogate: it fine-tunes, and the decoder uses what one says."""
    return study.decoding.surrogate == "auto" and study.lens == "data" and method in WITH_FEATURES


def simulated_values(
    folder: RunFolder, study: StudyConfig, method: str, targets: tuple[str, ...], n_groups: int
) -> Simulated | None:
    """What a surrogate said of the masks of a run; None where there is none, or it was asked other questions.

    Args:
        folder: The run's.
        study: What it holds.
        method: Name of the decoder.
        targets: Names of those decoded, of all or some that it was asked.
        n_groups: Of the masks decoded.
    """
    wanted = listens(study, method) and folder.simulated.is_file()
    found = Simulated.load(folder.simulated, targets) if wanted else None
    return found if found is not None and found.masks.shape[1] == n_groups else None
