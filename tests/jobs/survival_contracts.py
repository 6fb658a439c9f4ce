"""A file of contracts as a business has it: those of last month, old and new, and who left in it."""

from pathlib import Path

import numpy as np


def write_contracts(path: Path, n: int = 3000, seed: int = 4) -> Path:
    """Contracts begun evenly over six years, of which the file has those that still went on a month ago.

    The hazard falls with age (Weibull, shape .8) and is three times smaller for yearly terms.
    """
    rng = np.random.default_rng(seed)
    rows = 12 * n
    yearly = rng.random(rows) < 0.4
    scale = np.where(yearly, 12.0 * 3 ** (1 / 0.8), 12.0)
    lasts = scale * rng.exponential(size=rows) ** (1 / 0.8)
    age = rng.integers(1, 73, rows)
    seen = np.flatnonzero(lasts > age - 1)[:n]
    left = lasts[seen] <= age[seen]
    noise = rng.normal(size=len(seen))
    lines = (
        f"{age[row]},{'Yes' if gone else 'No'},{'year' if yearly[row] else 'month'},{x:.3f}"
        for row, gone, x in zip(seen, left, noise, strict=True)
    )
    path.write_text("\n".join(["tenure,churn,term,noise", *lines]) + "\n")
    return path
