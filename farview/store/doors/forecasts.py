"""A door of the store. Forecast runs and their forecasts."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
from sqlalchemy import Engine

from farview.core.filters import EVERYTHING, Filter
from farview.store import forecasts, retention, runs, totals
from farview.store.values import LTV_REVENUE, ForecastRun, OrderBy, Page, PageKey, RunSpec


class ForecastsDoor:
    """Forecast runs and their forecasts."""

    _engine: Engine

    # runs: staged rows are invisible to every read until publish

    def begin_run(self, spec: RunSpec, parts: int = 1) -> ForecastRun:
        """The published run of that key; or that which a dead job left, to go on with; or a new one of `parts` parts.

        A run that is gone on with keeps its own `parts`; those before `parts_staged` are in. The job that had begun it,
        should it live, can no longer write to it.
        """
        return runs.begin(self._engine, spec, parts)

    def staged_sums(self, run: ForecastRun) -> bytes | None:
        """What the last part staged said of all up to it; None before the first."""
        return runs.sums(self._engine, run)

    def stage(self, run: ForecastRun, rows: pa.Table, *, part: int = 0, sums: bytes = b"") -> None:
        """Adds the rows of schemas.FORECAST of the next part, and what to remember of all parts so far; once.

        Raises:
            Conflict: the run was begun again by another job, or published, or the part is not the next.
        """
        runs.stage(self._engine, run, part, rows, sums)

    def publish(self, run: ForecastRun, group_totals: pa.Table, *, who: str) -> ForecastRun:
        """Makes a run whose parts are all in, and its totals (schemas.TOTALS), visible, in one transaction.

        Raises:
            Conflict: the run was begun again by another job, or published, or lacks a part.
        """
        return runs.publish(self._engine, run, group_totals, who)

    def latest_run(self, kind: str = LTV_REVENUE) -> ForecastRun | None:
        """The published run to serve: the newest as-of day; of that day the champion's, then the last published."""
        return runs.latest(self._engine, kind)

    def run(self, run_id: int) -> ForecastRun:
        """A published run. Raises NotFound."""
        return runs.published(self._engine, run_id)

    def runs(self, kind: str = LTV_REVENUE) -> list[ForecastRun]:
        """Published runs, newest first."""
        return runs.every(self._engine, kind)

    def prune_runs(self, keep: int, kind: str = LTV_REVENUE, *, who: str) -> list[ForecastRun]:
        """Deletes published runs but for the `keep` published last and the one served; answers which.

        They are closed to readers in one transaction; their rows go after it, in short ones.
        """
        return retention.prune(self._engine, kind, keep, who)

    # forecasts of published runs; an unpublished or unknown run raises NotFound

    def forecasts(self, run_id: int, customer_ids: Sequence[str], horizon_days: int | None = None) -> pa.Table:
        """schemas.FORECAST rows of those customers, by customer id and horizon; customers without one are absent."""
        return forecasts.of_customers(self._engine, run_id, customer_ids, horizon_days)

    def list_forecasts(
        self,
        run_id: int,
        horizon_days: int,
        *,
        where: Filter = EVERYTHING,
        order_by: OrderBy = OrderBy(),  # noqa: B008 - frozen
        page_size: int = 100,
        after: PageKey | None = None,
    ) -> Page:
        """One page in order. A page never repeats or skips a row, whatever is published meanwhile.

        Raises:
            InvalidInput: `order_by` is not an orderable column.
        """
        return forecasts.page(
            self._engine, run_id, horizon_days, where=where, order_by=order_by, page_size=page_size, after=after
        )

    def run_table(self, run_id: int, horizon_days: int, columns: Sequence[str]) -> pa.Table:
        """Some columns of schemas.FORECAST for all customers of a run, ordered by customer id."""
        return forecasts.table(self._engine, run_id, horizon_days, columns)

    def run_batches(self, run_id: int, horizon_days: int, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The same in pieces, so that memory does not grow with the customers."""
        return forecasts.batches(self._engine, run_id, horizon_days, columns)

    def totals(self, run_id: int) -> pa.Table:
        """schemas.TOTALS of a run, base first."""
        return totals.read(self._engine, run_id)
