"""LightGBM's lambdarank with the parameters of its own example, on folds that are handed over; prints one JSON line.

Runs in .venv-peers: `python benchmarks/peer_lightgbm.py FOLDER`, which holds table.npz (features, grades, sizes) and
folds.npy (repeats, queries); writes scores.npy (repeats, rows).
"""

import json
import sys
from pathlib import Path

import lightgbm
import numpy as np

# examples/lambdarank/train.conf of microsoft/LightGBM; 100 trees and learning rate .1
EXAMPLE = {
    "objective": "lambdarank",
    "max_bin": 255,
    "learning_rate": 0.1,
    "num_leaves": 31,
    "min_data_in_leaf": 50,
    "min_sum_hessian_in_leaf": 5.0,
    "bagging_freq": 1,
    "bagging_fraction": 0.9,
    "num_threads": 1,
    "verbose": -1,
}


def main() -> None:
    folder = Path(sys.argv[1])
    table, folds = np.load(folder / "table.npz"), np.load(folder / "folds.npy")
    features, grades, sizes = table["features"], table["grades"], table["sizes"]
    scores = np.zeros((len(folds), len(grades)))
    for repeat, fold_of in enumerate(folds):
        for fold in range(fold_of.max() + 1):
            learnt = np.repeat(fold_of != fold, sizes)
            known = lightgbm.Dataset(features[learnt], grades[learnt], group=sizes[fold_of != fold])
            scores[repeat, ~learnt] = lightgbm.train(EXAMPLE, known, 100).predict(features[~learnt])
    np.save(folder / "scores.npy", scores)
    print(json.dumps({"lightgbm": lightgbm.__version__}))


if __name__ == "__main__":
    main()
