"""What really came after the cut, read from the file: the demo holds it against the forecast."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a group bought over the horizon."""

    purchase_days: int
    value: float


def totals_after(transactions: Path, as_of: date, horizon_days: int) -> dict[str, Outcome]:
    """Outcomes by cohort ("1997-01") and of the base (""), of customers who had bought by `as_of`."""
    import duckdb

    rows = duckdb.execute(
        """
        with days as (
          select customer_id, time::date as day, sum(amount) as amount
          from read_csv(?, types = {'customer_id': 'varchar', 'amount': 'double'}) group by all
        ),
        customers as (
          select customer_id, strftime(min(day), '%Y-%m') as cohort from days group by all having min(day) <= ?
        )
        select coalesce(cohort, ''), count(*), sum(amount)
        from days join customers using (customer_id) where day > ? and day <= ?
        group by grouping sets ((cohort), ())
        """,
        [str(transactions), as_of, as_of, as_of + timedelta(days=horizon_days)],
    ).fetchall()
    return {cohort: Outcome(purchases, value) for cohort, purchases, value in rows}
