"""How far a recovered expansion can be believed: scores on held-out masks, and their ceiling."""

from spex_data.faithfulness.judgement import Faithfulness, Predictor, faithfulness
from spex_data.faithfulness.noise_ceiling import NoiseCeiling, noise_ceiling
from spex_data.faithfulness.scores import r2, spearman

__all__ = [
    "Faithfulness",
    "NoiseCeiling",
    "Predictor",
    "faithfulness",
    "noise_ceiling",
    "r2",
    "spearman",
]
