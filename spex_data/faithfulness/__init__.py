"""How far a recovered expansion can be believed: scores on held-out masks, and their ceiling."""

from spex_data.faithfulness.allocation import Allocation, allocation
from spex_data.faithfulness.judgement import Faithfulness, Predictor, faithfulness
from spex_data.faithfulness.noise_ceiling import NoiseCeiling, noise_ceiling
from spex_data.faithfulness.rank_ceiling import RankCeiling, rank_ceiling
from spex_data.faithfulness.resampling import score_interval
from spex_data.faithfulness.scores import r2, spearman

__all__ = [
    "Allocation",
    "Faithfulness",
    "NoiseCeiling",
    "Predictor",
    "RankCeiling",
    "allocation",
    "faithfulness",
    "noise_ceiling",
    "r2",
    "rank_ceiling",
    "score_interval",
    "spearman",
]
