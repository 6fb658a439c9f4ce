"""NDCG@10 of learned rankers beside LightGBM and XGBoost as they come, cross-validated by query on the same folds.

`python -m benchmarks.ranking [REPEATS] [PEER_PYTHON]`; the LETOR file is looked for under FARVIEW_DATA.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import xgboost as xgb
from rich.console import Console
from rich.table import Table

from farview.core.randomness import generator
from farview.evaluation.arrays import FloatArray
from farview.evaluation.list_metrics import ndcg_at
from farview.evaluation.queries import folds_of
from jobs.evaluate_ranking import CHOSEN, RankingSpec, evaluate_ranking
from jobs.letor_tables import read_tables
from jobs.progress import Silent
from ranking.query_table import QueryTable

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("FARVIEW_DATA", ROOT.parent / "shared" / "data"))
K, RESAMPLES = 10, 10_000


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    peer = sys.argv[2] if len(sys.argv) > 2 else ".venv-peers/bin/python"
    table, _ = read_tables((DATA / "letor_train.svmlight.gz", DATA / "letor_train.query"), None, None)
    spec = RankingSpec(repeats=repeats)
    folds = np.stack([folds_of(len(table.queries), spec.folds, spec.seed, "outer", str(r)) for r in range(repeats)])
    peers = {"LightGBM lambdarank, its example": lightgbm(table, folds, peer), "XGBoost rank:ndcg": plain(table, folds)}
    evaluation = evaluate_ranking(table, None, spec, Silent())
    shown = Table("model", "NDCG@10", *(f"less {name}" for name in peers), title="LETOR", title_justify="left")
    for name, scores in {**peers, **evaluation.scores}.items():
        own = ndcg(table, scores)
        gaps = ["-" if name in peers else interval(own - ndcg(table, other)) for other in peers.values()]
        shown.add_row(f"{name} (our procedure)" if name == CHOSEN else name, f"{np.nanmean(own):.4f}", *gaps)
    console = Console(width=120)
    console.print(shown)
    console.print(f"{spec.folds}-fold by query, {repeats} times; differences with 90 % paired bootstrap over queries")


def ndcg(table: QueryTable, scores: FloatArray) -> FloatArray:
    """Mean over repeats, shape (queries,)."""
    return np.mean([ndcg_at(K, table.grades, each, table.queries) for each in scores], axis=0)


def interval(gaps: FloatArray) -> str:
    """Mean difference and its 90 % interval."""
    known = gaps[~np.isnan(gaps)]
    drawn = generator(0, "queries").integers(0, len(known), (RESAMPLES, len(known)))
    lower, upper = np.quantile(known[drawn].mean(axis=1), [0.05, 0.95])
    return f"{known.mean():+.4f} ({lower:+.4f} - {upper:+.4f})"


def lightgbm(table: QueryTable, folds: np.ndarray, python: str) -> FloatArray:
    """Scores by the peer, shape (repeats, rows)."""
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "table.npz", features=table.features, grades=table.grades, sizes=table.queries.sizes)
        np.save(Path(folder) / "folds.npy", folds)
        subprocess.run([python, "benchmarks/peer_lightgbm.py", folder], check=True, cwd=ROOT, stdout=subprocess.PIPE)
        return np.load(Path(folder) / "scores.npy")


def plain(table: QueryTable, folds: np.ndarray) -> FloatArray:
    """Scores by XGBoost's rank:ndcg with its defaults and 100 trees, shape (repeats, rows)."""
    scores = np.zeros((len(folds), table.queries.rows))
    for repeat, fold_of in enumerate(folds):
        for fold in range(fold_of.max() + 1):
            past, rows = (
                table.take(np.flatnonzero(fold_of != fold)),
                table.queries.rows_of(np.flatnonzero(fold_of == fold)),
            )
            matrix = xgb.DMatrix(past.features, past.grades, nthread=1)
            matrix.set_group(past.queries.sizes)
            booster = xgb.train({"objective": "rank:ndcg", "nthread": 1, "seed": repeat}, matrix, 100)
            scores[repeat, rows] = booster.predict(xgb.DMatrix(table.features[rows], nthread=1))
    return scores


if __name__ == "__main__":
    main()
