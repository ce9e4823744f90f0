"""How far a recovered expansion can be believed: scores on held-out masks, and their ceiling."""

from spex_data.faithfulness.agreement import Agreement, agreement, overall
from spex_data.faithfulness.allocation import Allocation, allocation
from spex_data.faithfulness.judgement import Faithfulness, Predictor, faithfulness
from spex_data.faithfulness.learning_curve import LearningCurve, learning_curve
from spex_data.faithfulness.noise_ceiling import NoiseCeiling, noise_ceiling
from spex_data.faithfulness.rank_ceiling import RankCeiling, rank_ceiling
from spex_data.faithfulness.resampling import score_interval
from spex_data.faithfulness.scores import r2, spearman

__all__ = [
    "Agreement",
    "Allocation",
    "Faithfulness",
    "LearningCurve",
    "NoiseCeiling",
    "Predictor",
    "RankCeiling",
    "agreement",
    "allocation",
    "faithfulness",
    "learning_curve",
    "noise_ceiling",
    "overall",
    "r2",
    "rank_ceiling",
    "score_interval",
    "spearman",
]
