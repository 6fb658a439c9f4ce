"""The 1995 cohort of a radio station's donors, six yearly opportunities: Fader, Hardie, Shang (2010), table 1."""

import numpy as np
import pyarrow as pa

from tests.ltv.cdnow import rfm_table

SUPPORTERS = {  # (x, t_x) after n = 6 opportunities: how many
    (6, 6): 1203, (5, 6): 728, (4, 6): 512, (3, 6): 357, (2, 6): 234, (1, 6): 129,
    (5, 5): 335, (4, 5): 284, (3, 5): 225, (2, 5): 173, (1, 5): 119,
    (4, 4): 240, (3, 4): 181, (2, 4): 155, (1, 4): 78,
    (3, 3): 322, (2, 3): 255, (1, 3): 129,
    (2, 2): 613, (1, 2): 277, (1, 1): 1091, (0, 0): 3464,
}  # fmt: skip
MAXIMUM = (1.204, 0.750, 0.657, 2.783)  # alpha, beta, gamma, delta; the log-likelihood there is -33,225.6


def donations() -> pa.Table:
    """RFM of 11,104 donors, an opportunity a day; what they gave is made up (gamma spends of gamma levels)."""
    random = np.random.default_rng(1)
    histories = [(x, float(recency), 6.0) for (x, recency), count in SUPPORTERS.items() for _ in range(count)]
    levels = 18.0 / random.gamma(3.0, 1.0, len(histories))
    spends = [
        random.gamma(6.0 * x) / (6.0 * x) * level if x else 0.0
        for (x, _, _), level in zip(histories, levels, strict=True)
    ]
    return rfm_table(histories, spends)
