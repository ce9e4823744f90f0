"""The same answers on several scales: a sign that holds on one alone is a matter of the scale."""

from __future__ import annotations

from spex_data.evaluation.targets import Targets, make_targets

SCALES = ("log-odds", "log-prob", "probability")
"""Scales that an interaction's sign is compared on."""


def on_scales(targets: Targets) -> Targets:
    """Targets, followed by the same questions on each of `SCALES`; what is there already is not repeated.

    Args:
        targets: t questions, each with its output.

    Returns:
        The t targets in their order, then those added.
    """
    grown = targets
    for scale in SCALES:
        names = [f"{name} · {scale}" for name in targets.names]
        grown = grown.joined(
            make_targets(targets.task, targets.inputs, targets.answers, names=names, outputs=scale)
        )
    return grown


def scale_columns(targets: Targets) -> dict[str, list[int]]:
    """Where `on_scales(targets)` has each target on each scale.

    Returns:
        One column for each of the t targets, by the scale's name.
    """
    place = {identity: column for column, identity in enumerate(on_scales(targets).ids)}
    return {
        scale: [
            place[identity]
            for identity in make_targets(targets.task, targets.inputs, targets.answers, outputs=scale).ids
        ]
        for scale in SCALES
    }
