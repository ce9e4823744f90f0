"""Gradient-boosted trees over masks, by LightGBM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from lightgbm import Booster

_PATIENCE = 25
"""Rounds without improvement after which boosting stops."""


@dataclass(frozen=True)
class TreeRecipe:
    """How trees are grown.

    Attributes:
        max_depth: Splits from root to leaf; -1 for no limit.
        learning_rate: Shrinkage of each tree.
        rounds: Trees, at most where boosting stops early.
        published: Grow them with LightGBM's defaults, as the ProxySPEX paper does, rather than with
            settings for few rows of zeros and ones.
    """

    max_depth: int
    learning_rate: float
    rounds: int
    published: bool = False


@dataclass(frozen=True)
class Boosting:
    """What all fits of one decoding share.

    Attributes:
        seed: Of LightGBM.
        num_threads: Of LightGBM; results do not depend on it.
    """

    seed: int
    num_threads: int

    def train(
        self,
        recipe: TreeRecipe,
        masks: NDArray[np.bool_],
        values: NDArray[np.float64],
        validation: tuple[NDArray[np.bool_], NDArray[np.float64]] | None = None,
    ) -> tuple[Booster, int]:
        """Grows trees.

        Args:
            recipe: How.
            masks: bool[m, n_groups].
            values: float64[m], of about unit scale (LightGBM keeps them in single precision).
            validation: Masks and values that say when to stop.

        Returns:
            (booster, number of its trees to use).
        """
        import lightgbm  # a second of imports, which the other decoders do not need

        settings = self._settings(recipe, len(values))
        data = lightgbm.Dataset(masks.astype(np.float32), values, params=settings)
        if validation is None:
            return lightgbm.train(settings, data, recipe.rounds), recipe.rounds
        booster = lightgbm.train(
            settings,
            data,
            recipe.rounds,
            valid_sets=[data.create_valid(validation[0].astype(np.float32), validation[1])],
            callbacks=[lightgbm.early_stopping(_PATIENCE, verbose=False)],
        )
        return booster, booster.best_iteration or booster.current_iteration()

    def _settings(self, recipe: TreeRecipe, n_rows: int) -> dict[str, Any]:
        settings: dict[str, Any] = {
            "objective": "regression",
            "verbosity": -1,
            "num_threads": self.num_threads,
            "seed": self.seed,
            "deterministic": True,
            "force_col_wise": True,
            "max_depth": recipe.max_depth,
            "learning_rate": recipe.learning_rate,
            # a group that is nearly always on or off must stay a column of its own, and keep its two bins
            "max_bin": 3,
            "min_data_in_bin": 1,
            "feature_pre_filter": False,
            "enable_bundle": False,
        }
        if not recipe.published:
            settings["num_leaves"] = min(2**recipe.max_depth, 64)
            settings["min_data_in_leaf"] = max(2, min(20, n_rows // 50))
            settings["lambda_l2"] = 1.0
        return settings
