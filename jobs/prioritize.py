"""Orders customers for a number of contacts and stores the audience: for lists longer than a call answers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from farview.core import columns as c
from farview.core import quantile_grid
from farview.core.errors import FailedPrecondition, InvalidInput
from farview.core.filters import FORECAST_FIELDS, compile_filter, field_names, mask
from farview.store.audiences import MEMBERS, NewAudience, StoredAudience
from farview.store.job_requests import PrioritizeEveryone
from farview.store.promises import Cap, Contact
from farview.store.published_effects import PublishedEffects
from farview.store.store import Store
from farview.store.values import ForecastRun
from jobs.progress import Both, Progress, Silent
from ranking.adjustments import Factor, Fatigue
from ranking.candidate_scores import CandidateScores
from ranking.contenders import Contest
from ranking.floors import Guarantee
from ranking.prioritize import Audience, OnShortfall, place
from ranking.score_names import NamedScore
from ranking.scores import EFFECT, MEAN, FloatArray

MOST_CUSTOMERS = 10_000_000


def prioritize_customers(
    store: Store, asked: PrioritizeEveryone, *, who: str, progress: Progress | None = None
) -> StoredAudience:
    """The best customers of the latest run, as PrioritizeCustomers orders them; stored whole, or not at all.

    Args:
        store: where forecasts, consent and contacts come from and the audience goes to.
        asked: whom to choose, how many, and by what.
        who: for the audience.
        progress: who watches.

    Raises:
        FailedPrecondition: no run is published, or no effects of actions where the score is of them.
        NotFound: its segment.
        InvalidInput: an option makes no sense.
        Infeasible: the floors cannot all be kept, and the request does not ask for what can be.
    """
    _check(asked)
    run = store.latest_run()
    if run is None:
        raise FailedPrecondition("no forecast is published yet (run `farview train ltv`, then `farview score`)")
    with store.operation("prioritize", asdict(asked), who=who) as operation:
        stored = store.audience_of(operation.operation_id)  # by an attempt whose worker died
        if stored is None:
            watch = Both(progress or Silent(), operation)
            watch.start("reading forecasts")
            candidates = _Candidates.read(store, asked, run)
            watch.start("choosing customers")
            new, members = candidates.chosen(store, operation.operation_id)
            watch.start("storing the audience", members.num_rows)
            stored = store.add_audience(new, members, who=who)
            watch.done()
        operation.finish({"audience_id": stored.audience_id, "customers": stored.customers})
    return stored


@dataclass(frozen=True, slots=True, eq=False)
class _Candidates:
    """Who may be chosen, and what is known of them."""

    asked: PrioritizeEveryone
    run: ForecastRun
    horizon: int
    columns: Mapping[str, NDArray[Any]]  # each (customers,)
    among: NDArray[np.bool_]  # (customers,) the candidates

    @classmethod
    def read(cls, store: Store, asked: PrioritizeEveryone, run: ForecastRun) -> "_Candidates":
        horizon = asked.horizon_days or max(run.spec.horizons_days)
        if horizon not in run.spec.horizons_days:
            known = ", ".join(map(str, sorted(run.spec.horizons_days)))
            raise InvalidInput.of("horizon_days", f"{horizon} is not a horizon of run {run.run_id}; it has {known}")
        where = asked.where if asked.segment is None else store.segment(asked.segment).segment.filter
        filters = [where, *(text for text, _ in asked.factors), *(text for _, text, _ in asked.floors)]
        named = {name for text in filters for name in field_names(compile_filter(text, FORECAST_FIELDS))}
        kind = NamedScore(asked.score, asked.score_number).kind()
        names = sorted({c.CUSTOMER_ID, c.COHORT, MEAN, *kind.columns, *named})
        table = store.run_table(run.run_id, horizon, names)
        columns = {name: _array(table.column(name)) for name in names}
        return cls(asked, run, horizon, columns, _selected(where, columns))

    def chosen(self, store: Store, operation_id: int) -> tuple[NewAudience, pa.Table]:
        """The audience, and its members as audiences.MEMBERS."""
        asked, now = self.asked, datetime.now(UTC)
        ids, scores = self.columns[c.CUSTOMER_ID][self.among], self._scores(store, now)
        floors = [Guarantee(name, share, self._members(where)) for name, where, share in asked.floors]
        contact = Contact(asked.channel, asked.purpose, [Cap(most, days) for most, days in asked.caps])

        def barred(some: NDArray[Any]) -> NDArray[np.bool_]:
            names = some.tolist()
            found = store.barred(names, contact, now) | store.unknown_customers(names)
            return np.fromiter((name in found for name in names), dtype=np.bool_, count=len(names))

        contest = Contest(ids, scores, asked.capacity, [floor.members for floor in floors], asked.seed)
        on_shortfall = OnShortfall.REPORT if asked.report_shortfall else OnShortfall.REFUSE
        audience = place(contest, floors, barred=barred, on_shortfall=on_shortfall, by_attention=asked.by_attention)
        new = NewAudience(
            operation_id=operation_id,
            request=asdict(asked),
            forecast_run_id=self.run.run_id,
            model_version=self.run.model_name,
            horizon_days=self.horizon,
            seed=asked.seed,
            candidates=len(ids),
            barred=int(np.count_nonzero(contest.barred)),
            floors=[asdict(report) for report in audience.floors],
            obstacles=audience.obstacles,
        )
        return new, self._table(audience)

    def _scores(self, store: Store, now: datetime) -> FloatArray:
        asked, customer_ids = self.asked, self.columns[c.CUSTOMER_ID]
        kind = NamedScore(asked.score, asked.score_number).kind()
        columns = {name: self.columns[name] for name in kind.columns}
        if asked.score_action:
            columns[EFFECT] = PublishedEffects(store).of(asked.score_action, customer_ids)
        fatigue = None
        if asked.fatigue is not None:
            left, days = asked.fatigue
            fatigue = Fatigue.of(store.contact_counts(days, now), customer_ids, left)
        factors = [Factor(self._members(where), factor) for where, factor in asked.factors]
        by = CandidateScores(
            kind, columns, customer_ids, np.flatnonzero(self.among), asked.seed, factors, fatigue, asked.contact_cost
        )
        return by.scores()

    def _members(self, where: str) -> NDArray[np.bool_]:
        """(candidates,) whom a filter selects."""
        return _selected(where, self.columns)[self.among]

    def _table(self, audience: Audience) -> pa.Table:
        placed = np.flatnonzero(self.among)[audience.candidates]
        columns = {
            "place": np.arange(1, len(placed) + 1),
            c.CUSTOMER_ID: self.columns[c.CUSTOMER_ID][placed],
            c.COHORT: self.columns[c.COHORT][placed],
            "score": audience.scores,
            "expected_value_mean": self.columns[MEAN][placed],
            "forced": audience.guaranteed,
        }
        return pa.table([pa.array(columns[field.name], field.type) for field in MEMBERS], schema=MEMBERS)


def _check(asked: PrioritizeEveryone) -> None:
    if not 1 <= asked.capacity <= MOST_CUSTOMERS:
        raise InvalidInput.of("capacity", f"{asked.capacity:,} is not from 1 to {MOST_CUSTOMERS:,}")
    if asked.segment is not None and asked.where:
        raise InvalidInput.of("segment", "cannot be named beside a filter (leave one of them out)")
    NamedScore(asked.score, asked.score_number).kind()


def _selected(where: str, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    return mask(compile_filter(where, FORECAST_FIELDS), columns, len(columns[c.CUSTOMER_ID]))


def _array(column: pa.ChunkedArray) -> NDArray[Any]:
    """Texts as fixed-width strings, of a quantile grid its codes, (customers, 33)."""
    if pa.types.is_fixed_size_binary(column.type):
        return quantile_grid.codes(column.combine_chunks())
    array: NDArray[Any] = column.to_numpy()
    return array.astype(np.str_) if array.dtype == object else array
