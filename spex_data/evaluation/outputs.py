"""What is measured of an answer, from the logits of its tokens; higher is better in every output.

An answer of k tokens has probability p = p_1 ... p_k, each p_i given the tokens before it. Everything works
on many models at once: leading axes stay.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from spex_data.errors import TargetError


@dataclass(frozen=True)
class TokenScores:
    """Scores of the k tokens of an answer.

    Attributes:
        log_p: float64[..., k], log p_i.
        log_other: float64[..., k], log(1 - p_i), by logsumexp over all other tokens.
        is_first: bool[..., k], whether no other token has a larger logit.
    """

    log_p: torch.Tensor
    log_other: torch.Tensor
    is_first: torch.Tensor


def token_scores(logits: torch.Tensor, tokens: torch.Tensor) -> TokenScores:
    """Scores of tokens under the logits that predict them.

    Args:
        logits: float[..., k, outputs].
        tokens: int64[k].

    Returns:
        Scores in float64, without loss of precision where p is near 1.
    """
    logits = logits.double()
    chosen = tokens[:, None].expand(*logits.shape[:-1], 1)
    mine, others = logits.gather(-1, chosen)[..., 0], logits.scatter(-1, chosen, float("-inf"))
    total = logits.logsumexp(-1)
    return TokenScores(mine - total, others.logsumexp(-1) - total, mine >= others.amax(-1))


def log_odds(scores: TokenScores) -> torch.Tensor:
    """log p / (1 - p), where 1 - p = sum over i of p_1 ... p_(i-1) (1 - p_i), summed in logs."""
    before = scores.log_p.cumsum(-1) - scores.log_p
    return scores.log_p.sum(-1) - (before + scores.log_other).logsumexp(-1)


def min_token_log_odds(scores: TokenScores) -> torch.Tensor:
    """The smallest log p_i / (1 - p_i); above 0, greedy decoding gives the answer."""
    return (scores.log_p - scores.log_other).amin(-1)


def log_prob(scores: TokenScores) -> torch.Tensor:
    """log p."""
    return scores.log_p.sum(-1)


def negative_loss(scores: TokenScores) -> torch.Tensor:
    """Minus the loss: the mean of log p_i, so that higher is better here too."""
    return scores.log_p.mean(-1)


def probability(scores: TokenScores) -> torch.Tensor:
    """p."""
    return scores.log_p.sum(-1).exp()


def accuracy(scores: TokenScores) -> torch.Tensor:
    """1 if greedy decoding gives the answer, else 0."""
    return scores.is_first.all(-1).double()


_MEASURES = {
    "log-odds": log_odds,
    "min-token-log-odds": min_token_log_odds,
    "log-prob": log_prob,
    "loss": negative_loss,
    "probability": probability,
    "accuracy": accuracy,
}


def measure_output(output: str, answer: TokenScores, foil: TokenScores | None = None) -> torch.Tensor:
    """One output of one answer.

    Args:
        output: One of `OUTPUTS`.
        answer: Scores of the answer's tokens.
        foil: Scores of the foil's, for `contrast`: log p(answer) - log p(foil).

    Returns:
        float64[...], the leading axes of the scores.

    Raises:
        TargetError: A contrast without a foil.
    """
    if output != "contrast":
        return _MEASURES[output](answer)
    if foil is None:
        raise TargetError("has no foil", where="targets.foil", instead="name the answer to compare with")
    return log_prob(answer) - log_prob(foil)
