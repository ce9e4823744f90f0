"""interactions.json as typed values, with labels that no two groups share."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from spex_data.errors import StoreError, TargetError
from spex_data.masks.lenses import WORDS, LensWords, words_of
from spex_data.reports.labels import distinct_labels, inert

NOT_TESTED = "not tested"


@dataclass(frozen=True)
class Effect:
    """What a set of groups adds to a target beyond its parts.

    Attributes:
        members: The groups, by number: their identity.
        groups: Their labels.
        value: Mean discrete derivative under the study's masks, in the target's unit.
        ci: Its interval, None if unknown.
        moebius: The same where no other group is present; None if unknown.
        full: The same where all other groups are present; None if unknown.
        kind: Of a pair, in a word; None if there is none.
        verified: "confirmed", "refuted", "uncertain" or "not tested".
        reported: Whether it is in the list of the study's false discovery rate; None if unknown.
        observed: The same as retrained; None if it was not.
        observed_ci: Its interval, None if unknown.
        scale_dependent: Whether its sign changes between scales; None if unknown.
    """

    members: tuple[int, ...]
    groups: tuple[str, ...]
    value: float
    ci: tuple[float, float] | None
    moebius: float | None
    full: float | None
    kind: str | None
    verified: str
    reported: bool | None = None
    observed: float | None = None
    observed_ci: tuple[float, float] | None = None
    scale_dependent: bool | None = None

    @property
    def spans_zero(self) -> bool:
        """Whether its interval holds 0; False where it has none."""
        return self.ci is not None and self.ci[0] <= 0 <= self.ci[1]

    @property
    def sign_open(self) -> bool:
        """Whether it is reported as acting, and neither its interval nor retraining says which way.

        The false discovery rate is of sets that do not act at all; which way one acts is what its interval
        tells, given that it was reported (Weinstein, Fithian and Benjamini 2013).
        """
        return bool(self.reported) and self.order > 1 and self.spans_zero and self.verified != "confirmed"

    @property
    def order(self) -> int:
        """Number of groups."""
        return len(self.members)


@dataclass(frozen=True)
class TargetResult:
    """What was found of one target.

    Attributes:
        name: The target's.
        method: Decoder.
        n_masks: Masks decoded from.
        r2: On held-out masks, None if unknown.
        spearman: On held-out masks, None if unknown.
        noise_ceiling: The largest R2 that seed noise allows, None if unknown.
        effects: Main effects and interactions, largest first.
        words: What the groups are called.
    """

    name: str
    method: str
    n_masks: int | None
    r2: float | None
    spearman: float | None
    noise_ceiling: float | None
    effects: tuple[Effect, ...]
    words: LensWords = WORDS["data"]

    @cached_property
    def interactions(self) -> tuple[Effect, ...]:
        """Those of two groups or more, largest first: rank 1, 2, ..."""
        return tuple(effect for effect in self.effects if effect.order > 1)

    @cached_property
    def mains(self) -> tuple[Effect, ...]:
        """Those of single groups, largest first."""
        return tuple(effect for effect in self.effects if effect.order == 1)

    @property
    def scale(self) -> float:
        """Size of the largest effect, 0 if there is none."""
        return abs(self.effects[0].value) if self.effects else 0.0

    @property
    def loudness(self) -> float:
        """Size of the largest interaction, those told to be chance apart; 0 if there is none."""
        sizes = (abs(one.value) for one in self.interactions if one.reported is not False)
        return max(sizes, default=0.0)

    def main(self, member: int) -> Effect | None:
        """A group's main effect, None if it is not in the document."""
        return next((effect for effect in self.mains if effect.members == (member,)), None)

    def rank(self, members: tuple[int, ...]) -> int | None:
        """Place among the interactions, from 1; None if it is not in the document."""
        wanted = tuple(sorted(members))
        places = (place for place, one in enumerate(self.interactions, start=1) if one.members == wanted)
        return next(places, None)


@dataclass(frozen=True)
class Results:
    """What a study found.

    Attributes:
        study: Its name.
        groups: Labels of the groups, no two alike.
        targets: One for each target.
        retraining: What verification took and came to, as interactions.json has it; None if there was none.
        lens: What the groups are: data, features or components.
    """

    study: str
    groups: tuple[str, ...]
    targets: tuple[TargetResult, ...]
    retraining: Mapping[str, Any] | None = None
    lens: str = "data"

    @property
    def words(self) -> LensWords:
        """What the groups are called."""
        return words_of(self.lens)

    @property
    def scale(self) -> float:
        """Size of the largest effect on any target."""
        return max((target.scale for target in self.targets), default=0.0)

    def target(self, name: str) -> TargetResult:
        """The target of that name.

        Raises:
            TargetError: There is none.
        """
        for target in self.targets:
            if target.name == name:
                return target
        names = [target.name for target in self.targets]
        nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.0) or ["none"]
        raise TargetError(
            f"is not among the {len(names)} of study {inert(self.study)!r}",
            where=f"target {inert(name)!r}",
            instead=f"the nearest is {inert(nearest[0])!r}",
        )


def read_results(document: Mapping[str, Any] | Results) -> Results:
    """The typed values of a document.

    Args:
        document: What `interactions_document` gives, or a run's interactions.json holds; results are
            returned as they are.

    Raises:
        StoreError: The document lacks something, or holds something else in its place.
    """
    if isinstance(document, Results):
        return document
    try:
        labels = distinct_labels([str(name) for name in document["groups"]])
        return Results(
            study=str(document["study"]),
            groups=labels,
            targets=tuple(
                _target(entry, labels, str(document.get("lens", "data"))) for entry in document["targets"]
            ),
            retraining=document.get("verification"),
            lens=str(document.get("lens", "data")),
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise StoreError(
            f"is no document of interactions ({type(error).__name__}: {error})",
            where="interactions.json",
            instead="write it again with `spex-data recover`",
        ) from error


def listing(result: TargetResult, *, top: int, floor: float) -> tuple[tuple[Effect, ...], tuple[Effect, ...]]:
    """The interactions and main effects worth a line each.

    Interactions that were tested and not told from chance are not.

    Args:
        result: The target.
        top: Most interactions; of main effects half as many.
        floor: Smaller effects are left out, in the target's unit.
    """
    told = [one for one in result.interactions if one.reported is not False]
    together = (one for one in told[:top] if abs(one.value) >= floor)
    alone = (one for one in result.mains[: max(top // 2, 1)] if abs(one.value) >= floor)
    return tuple(together), tuple(alone)


def _target(entry: Mapping[str, Any], labels: tuple[str, ...], lens: str) -> TargetResult:
    effects = [_effect(one, labels) for one in entry["interactions"] if one["value"] is not None]
    return TargetResult(
        name=str(entry["name"]),
        method=str(entry["method"]),
        n_masks=entry["n_masks"],
        r2=entry["r2"],
        spearman=entry["spearman"],
        noise_ceiling=entry["noise_ceiling"],
        effects=tuple(sorted(effects, key=lambda one: -abs(one.value))),
        words=words_of(lens),
    )


def _effect(entry: Mapping[str, Any], labels: tuple[str, ...]) -> Effect:
    members = tuple(int(member) for member in entry["members"])
    ci, observed_ci = entry["ci"], entry.get("observed_ci")
    return Effect(
        members=members,
        groups=tuple(labels[member] for member in members),
        value=float(entry["value"]),
        ci=None if ci is None else (float(ci[0]), float(ci[1])),
        moebius=entry["moebius"],
        full=entry["full"],
        kind=entry["kind"],
        verified=str(entry["verified"]),
        reported=entry.get("reported"),
        observed=entry.get("observed"),
        observed_ci=None if observed_ci is None else (float(observed_ci[0]), float(observed_ci[1])),
        scale_dependent=entry.get("scale_dependent"),
    )
