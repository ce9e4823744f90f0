"""Masks over groups: which groups of training examples a fine-tune sees."""

from spex_data.masks.coded import CodedBlock, CodedDesign
from spex_data.masks.design import MaskDesign, design_masks
from spex_data.masks.distribution import MaskDistribution
from spex_data.masks.keys import as_masks, mask_key, mask_string, masks_from_strings
from spex_data.masks.plan import MeasurementPlan, measurement_plan

__all__ = [
    "CodedBlock",
    "CodedDesign",
    "MaskDesign",
    "MaskDistribution",
    "MeasurementPlan",
    "as_masks",
    "design_masks",
    "mask_key",
    "mask_string",
    "masks_from_strings",
    "measurement_plan",
]
