"""Forecasts every customer with the champion and publishes the run."""

from collections.abc import Sequence
from contextlib import closing
from datetime import date, datetime

from farview.core.clock import Cut
from farview.core.errors import InvalidInput
from farview.store.store import Store
from farview.store.values import LTV_REVENUE, ForecastRun, ModelVersion, RunSpec
from jobs.local_engine import LocalEngine, forecasts
from jobs.local_engine_buckets import bucketed
from jobs.local_engine_worker import Kernel, write_attributes
from jobs.progress import Both, Progress, Silent
from jobs.snapshot import code_version, configuration_hash, cut_of, require_unchanged
from ltv.model import differs_by
from ltv.registered import load, ready
from ltv.totals import Totals

HORIZONS_DAYS = (30, 90, 365)
LONGEST_HORIZON_DAYS = 3650


def score_ltv(
    store: Store,
    *,
    as_of: date | None = None,
    known_at: datetime | None = None,
    horizons_days: Sequence[int] = HORIZONS_DAYS,
    seed: int = 0,
    engine: LocalEngine = LocalEngine(),  # noqa: B008 - frozen
    who: str,
    progress: Progress | None = None,
) -> ForecastRun:
    """Forecasts every customer who bought by `as_of`. A run with the same data and options is returned, not repeated.

    Args:
        store: where transactions and the champion come from and forecasts go to.
        as_of: last day whose events are seen, business zone; by default the last event's day.
        known_at: events ingested after it are not seen; by default now.
        horizons_days: days ahead, at most ten years.
        seed: same seed, data and model, same forecasts.
        engine: how the work is split; no forecast depends on it.
        who: for the audit log.
        progress: who watches.

    Raises:
        FailedPrecondition: there are no transactions.
        NotFound: there is no model yet.
        InvalidInput: a horizon is not between 1 and 3650 days.
        Conflict: another job scores the same at the same time, or a file was being imported meanwhile.
        Unavailable: a worker of the engine died.
    """
    horizons = _checked(horizons_days)
    cut, champion = cut_of(store, as_of, known_at), store.champion(LTV_REVENUE)
    request = {"as_of": cut.as_of.isoformat(), "model": champion.name, "horizons_days": horizons, "seed": seed}
    with store.operation("score", request, who=who) as operation:
        watch = Both(progress or Silent(), operation)
        watch.start("reading transactions")
        parts = engine.buckets(store.customers())
        run = store.begin_run(_spec(store, champion, cut, horizons, seed), parts)
        if not run.published:
            run = _fill(store, run, champion, cut, engine=engine, watch=watch, who=who)
        watch.done()
        operation.finish({"run_id": run.run_id, "forecasts": run.forecasts})
    return run


def _fill(
    store: Store,
    run: ForecastRun,
    champion: ModelVersion,
    cut: Cut,
    *,
    engine: LocalEngine,
    watch: Progress,
    who: str,
) -> ForecastRun:
    """Stages the buckets that are not in yet, then publishes."""
    horizons, zone = run.spec.horizons_days, store.business().time_zone
    kernel = Kernel(store.artifact(champion), horizons, cut, zone, run.spec.seed)
    model = load(kernel.artifact)
    sums = ready(model, run.spec.seed).scorer(horizons, cut.as_of)
    if (staged := store.staged_sums(run)) is not None:
        sums.partial_totals.merge(Totals.from_bytes(staged))
    with bucketed(store.transactions(cut), run.parts, run.parts_staged) as log:
        require_unchanged(store.snapshot_hash, cut, run.spec.snapshot_hash)
        if differs_by(model):
            write_attributes(store.attributes(), log)
        watch.start("forecasting customers", store.customers())
        if run.parts_staged:
            watch.advance(run.forecasts // len(horizons))
        with closing(forecasts(engine, kernel, log, range(run.parts_staged, run.parts))) as buckets:
            for bucket in buckets:
                sums.partial_totals.merge(bucket.totals)
                store.stage(run, bucket.forecasts, part=bucket.number, sums=sums.partial_totals.to_bytes())
                watch.advance(bucket.forecasts.num_rows // len(horizons))
    watch.start("publishing")
    return store.publish(run, sums.totals(), who=who)


def _spec(store: Store, champion: ModelVersion, cut: Cut, horizons_days: tuple[int, ...], seed: int) -> RunSpec:
    configuration = {"horizons_days": horizons_days, "seed": seed, "code_version": code_version()}
    return RunSpec(
        kind=champion.kind,
        model_version=champion.version,
        as_of=cut.as_of,
        known_at=cut.known_at,
        snapshot_hash=store.snapshot_hash(cut),
        config_hash=configuration_hash(configuration),
        horizons_days=horizons_days,
        seed=seed,
    )


def _checked(horizons_days: Sequence[int]) -> tuple[int, ...]:
    horizons = tuple(sorted(set(horizons_days)))
    if not horizons or horizons[0] < 1 or horizons[-1] > LONGEST_HORIZON_DAYS:
        raise InvalidInput.of("horizon_days", f"{list(horizons_days)} are not days from 1 to {LONGEST_HORIZON_DAYS:,}")
    return horizons
