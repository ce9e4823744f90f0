"""The configuration of a study: its keys, its errors, its file."""

from spex_data.study.config import StudyConfig, study_keys
from spex_data.study.differences import config_differences
from spex_data.study.extending import extended, zoomed
from spex_data.study.keys import StudyKey
from spex_data.study.loading import dump_study, load_study, resolve_paths
from spex_data.study.parsing import parse_study

__all__ = [
    "StudyConfig",
    "StudyKey",
    "config_differences",
    "dump_study",
    "extended",
    "load_study",
    "parse_study",
    "resolve_paths",
    "study_keys",
    "zoomed",
]
