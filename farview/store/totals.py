"""Totals of groups in a run."""

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection, Engine, case, select
from sqlalchemy import insert as insert_into

from farview.core import columns as c
from farview.core.schemas import TOTALS
from farview.store import runs
from farview.store.tables_forecasts import TOTALS_TABLE

_DRAWS = np.dtype("<f8")


def insert(connection: Connection, run_id: int, table: pa.Table) -> None:
    """Rows of schemas.TOTALS, in the transaction that publishes their run."""
    rows = table.select(TOTALS.names).to_pylist()
    for row in rows:
        row["run_id"] = run_id
        draws = np.asarray(row["draws"], _DRAWS)
        quantiles = np.quantile(draws, c.QUANTILE_LEVELS).tolist()
        row |= dict(zip(c.QUANTILE_SUFFIXES, quantiles, strict=True))
        row["draws"] = draws.tobytes()
    if rows:
        connection.execute(insert_into(TOTALS_TABLE), rows)


def read(engine: Engine, run_id: int) -> pa.Table:
    """See Store.totals."""
    query = (
        select(*(TOTALS_TABLE.c[name] for name in TOTALS.names))
        .where(TOTALS_TABLE.c.run_id == run_id)
        .order_by(
            case({"base": 0, "cohort": 1}, value=TOTALS_TABLE.c.group_kind, else_=2),
            TOTALS_TABLE.c.group_name,
            TOTALS_TABLE.c.measure,
            TOTALS_TABLE.c.horizon_days,
        )
    )
    with engine.connect() as connection:
        runs.require_published(connection, run_id)
        rows = [dict(row._mapping) for row in connection.execute(query)]
    for row in rows:
        row["draws"] = np.frombuffer(row["draws"], _DRAWS)
    return pa.Table.from_pylist(rows, schema=TOTALS)
