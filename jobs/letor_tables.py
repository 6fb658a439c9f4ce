"""Files of learning to rank as tables that models are fitted to and judged by."""

from pathlib import Path

import numpy as np

from farview.core.errors import InvalidInput
from jobs.letor_file import LetorFile, read_letor
from ranking.query_table import QueryTable

Files = tuple[Path, Path | None]  # rows, and the sizes of queries where rows carry no qid


def read_tables(train: Files, test: Files | None, price_feature: int | None) -> tuple[QueryTable, QueryTable | None]:
    """Both tables with the same columns: those that the training file knows.

    Args:
        train: files to learn from.
        test: files to be judged by, if there are any.
        price_feature: index of the feature that holds the price, above 0 in every row; None where there is none.

    Raises:
        InvalidInput: a file is wrong, holds no grade above 0 or no feature, or a price is not above 0.
    """
    read = read_letor(*train)
    features = read.last_feature + 1
    if features == 0:
        raise InvalidInput.of(train[0].name, "no row has a feature, so there is nothing to learn from")
    if read.grades.max() == 0:
        raise InvalidInput.of(train[0].name, "every grade is 0, so no order is better than another")
    table = _table(read, features, price_feature, train[0])
    if test is None:
        return table, None
    judged = read_letor(*test)
    if judged.grades.max() == 0:
        raise InvalidInput.of(test[0].name, "every grade is 0, so no order is better than another")
    return table, _table(judged, features, price_feature, test[0])


def _table(read: LetorFile, features: int, price_feature: int | None, path: Path) -> QueryTable:
    dense = read.dense(features)
    if price_feature is None:
        return QueryTable(dense, read.grades, read.queries)
    if price_feature >= features:
        raise InvalidInput.of("--price-feature", f"{price_feature} is not in {path.name} (its last is {features - 1})")
    prices = dense[:, price_feature].astype(np.float64)
    if (prices <= 0).any():
        row = int(np.argmax(prices <= 0)) + 1
        raise InvalidInput.of(path.name, f"row {row:,} has price {prices[row - 1]:g}; prices must be above 0")
    return QueryTable(dense, read.grades, read.queries, prices)
