"""The loss of sequence networks, in torch: -log likelihood of what came, by the laws of `ltv.sequence_law`."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ltv.sequence_law import LEAST, LOG_LIMIT, MOST_BEND


class Came(NamedTuple):
    """What customers did within horizons, each (B, K); NaN where a horizon's end is not seen."""

    u: Tensor  # horizon in references
    purchases: Tensor
    gross: Tensor  # value in units of money
    returned: Tensor  # likewise


def loss(outputs: Tensor, came: Came) -> Tensor:
    """Mean over customers and horizons of -log L of counts and of value given some, and of the share sent back.

    Args:
        outputs: (B, P) of the network, in the order of OUTPUTS.
        came: at the horizons.
    """
    log_rate, thinning, active_logit, log_shape, log_spend, purchase, level, returned = (
        outputs[:, k, None] for k in range(outputs.shape[1])
    )
    seen = ~torch.isnan(came.u)
    u, n, gross, back = (torch.where(seen, part, 1.0) for part in came)
    softplus = nn.functional.softplus
    bend = 1.0 - softplus(thinning).clamp(max=MOST_BEND)
    bend = torch.where(bend.abs() < LEAST, LEAST, bend)
    expected = log_rate.clamp(-LOG_LIMIT, LOG_LIMIT).exp() * torch.expm1(bend * torch.log1p(u)) / bend
    shape = log_shape.clamp(-LOG_LIMIT, LOG_LIMIT).exp()
    log_active, log_idle = nn.functional.logsigmoid(active_logit), nn.functional.logsigmoid(-active_logit)
    active = log_active.exp().clamp(min=LEAST)
    mean = expected / active
    log_none = torch.logaddexp(log_idle, log_active - shape * torch.log1p(mean / shape))
    log_some = (
        log_active
        + torch.lgamma(n + shape) - torch.lgamma(shape) - torch.lgamma(n + 1.0)
        - shape * torch.log1p(mean / shape) + n * (torch.log(mean) - torch.log(mean + shape))
    )  # fmt: skip
    total = -torch.where(n > 0, log_some, log_none)
    total = total + torch.where(
        gross > 0, _amount((expected, shape, active, log_none), (log_spend, purchase, level), gross), 0.0
    )
    share = torch.sigmoid(returned)
    total = total + gross * share - back * nn.functional.logsigmoid(returned)  # quasi-Poisson
    mean_loss: Tensor = (total * seen).sum() / seen.sum().clamp(min=1)
    return mean_loss


def _amount(counts: tuple[Tensor, ...], spend: tuple[Tensor, ...], gross: Tensor) -> Tensor:
    """-log density of the gross value given a purchase, lognormal; see `sequence_law.value_variation`."""
    expected, shape, active, log_none = counts
    log_spend, purchase, level = spend
    some = -torch.expm1(log_none.clamp(max=-LEAST))
    first = expected / some
    second = (expected + expected**2 * (1.0 + 1.0 / shape) / active) / some
    softplus = nn.functional.softplus
    spread = ((second + (softplus(purchase) + LEAST) * first) / first**2).clamp(min=1.0)
    variance = torch.log1p(softplus(level) + LEAST) + torch.log(spread)
    centre = log_spend.clamp(-LOG_LIMIT, LOG_LIMIT) + torch.log(first) - 0.5 * variance
    log_gross = torch.log(gross.clamp(min=LEAST))
    return log_gross + 0.5 * torch.log(2.0 * torch.pi * variance) + 0.5 * (log_gross - centre) ** 2 / variance
