"""From a request in the operations table to the job that it asks for."""

from dataclasses import replace

from farview.store.claimed import ClaimedStore
from farview.store.claims import Claim
from farview.store.job_requests import (
    CompareLtv,
    JobRequest,
    PlanEveryone,
    PrioritizeEveryone,
    Score,
    Training,
    TrainJourneys,
    TrainLtv,
    TrainNextItem,
    TrainRanking,
)
from farview.store.store import Store
from farview.store.values import ModelVersion
from jobs.gate import gate
from jobs.ltv_configuration import MEMBERS
from jobs.plan import plan_customers
from jobs.plan_terms import PlanOptions
from jobs.prioritize import prioritize_customers
from jobs.progress import Progress
from jobs.score import HORIZONS_DAYS, score_ltv
from jobs.snapshot import cut_of, impression_cut_of, touch_cut_of
from jobs.train import train_ltv
from jobs.train_best import Contest, train_best_ltv
from jobs.train_journeys import JourneyFit, train_journeys
from jobs.train_next_item import NextItemFit, train_next_item
from jobs.train_ranking import train_ranking
from journeys.windows import WindowCap


def settled(store: Store, claim: Claim) -> JobRequest:
    """The request with the day and the instant that it left open: the last event's day, and the first attempt's start.

    Raises:
        FailedPrecondition: there is nothing to learn from or to score.
    """
    request = claim.request
    if isinstance(request, PrioritizeEveryone):
        return request
    if isinstance(request, PlanEveryone):
        return replace(request, as_of=touch_cut_of(store, request.as_of, None).as_of)
    cut_for = cut_of
    if isinstance(request, TrainJourneys):
        cut_for = touch_cut_of
    elif isinstance(request, TrainRanking | TrainNextItem):
        cut_for = impression_cut_of
    cut = cut_for(store, request.as_of, request.known_at or claim.started_at)
    return replace(request, as_of=cut.as_of, known_at=cut.known_at)


def run(store: ClaimedStore, request: JobRequest, *, who: str, progress: Progress) -> None:
    """Does the job; what it comes to is in `store.claimed.result`.

    Raises:
        FarviewError: what the job raises.
        Exception: what the progress raises.
    """
    match request:
        case Score():
            score_ltv(
                store,
                as_of=request.as_of,
                known_at=request.known_at,
                horizons_days=request.horizons_days or HORIZONS_DAYS,
                seed=request.seed,
                who=who,
                progress=progress,
            )
        case PrioritizeEveryone():
            prioritize_customers(store, request, who=who, progress=progress)
        case PlanEveryone():
            plan_customers(store, options=plan_options(request), as_of=request.as_of, who=who, progress=progress)
        case _:
            version = _trained(store, request, who, progress)
            gate(store, version.kind, version.version, who=who, progress=progress)


def _trained(store: ClaimedStore, request: Training, who: str, progress: Progress) -> ModelVersion:
    """The version that a training registers."""
    match request:
        case TrainLtv():
            return train_ltv(
                store,
                as_of=request.as_of,
                known_at=request.known_at,
                model=request.model,
                method=request.method,
                update=request.update,
                seed=request.seed,
                who=who,
                why=request.why,
                progress=progress,
            )
        case CompareLtv():
            members = request.members or MEMBERS
            contest = Contest(request.as_of, request.known_at, request.horizon_days, members, request.seed)
            return train_best_ltv(store, contest, who=who, why=request.why, progress=progress)
        case TrainJourneys():
            fit = JourneyFit(request.model, request.window_days, request.attributes, request.seed)
            return train_journeys(
                store,
                fit=fit,
                as_of=request.as_of,
                known_at=request.known_at,
                who=who,
                why=request.why,
                progress=progress,
            )
        case TrainRanking():
            return train_ranking(
                store,
                model=request.model,
                relevance_loss=request.relevance_loss,
                as_of=request.as_of,
                known_at=request.known_at,
                seed=request.seed,
                who=who,
                why=request.why,
                progress=progress,
            )
        case TrainNextItem():
            return train_next_item(
                store,
                fit=NextItemFit(request.model, request.least_grade, request.seed),
                as_of=request.as_of,
                known_at=request.known_at,
                who=who,
                why=request.why,
                progress=progress,
            )


def plan_options(request: PlanEveryone) -> PlanOptions:
    """What every plan of the run is asked for."""
    return PlanOptions(
        where=request.where,
        max_touches=request.max_touches,
        caps=request.caps,
        touch_costs=request.touch_costs,
        margin=request.margin,
        gap_hours=request.gap_hours,
        consent_purpose=request.consent_purpose,
        windows=tuple(WindowCap(*parts) for parts in request.windows),
        budget=request.budget,
        quiet=request.quiet,
        length_cost=request.length_cost,
        residual_change=request.residual_change,
        after_purchase_days=request.after_purchase_days,
        margin_by_forecast=request.margin_by_forecast,
    )
