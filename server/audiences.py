"""Audiences: candidates of one snapshot, scored, placed, and under guarantees reserved."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray

from farview.core.errors import FailedPrecondition, InvalidInput
from farview.core.filters import FORECAST_FIELDS, Filter, compile_filter, field_names, mask
from farview.store.promises import HeldFloor, HeldLedger, NewSlot, Reservation, StoredGuarantee
from farview.store.published_effects import PublishedEffects
from farview.store.store import Store
from farview.store.writer import Writer
from farview.v1 import prioritization_pb2 as pb
from ranking.adjustments import Factor, Fatigue
from ranking.attention import logarithmic
from ranking.candidate_scores import CandidateScores
from ranking.contenders import Barred, Contest
from ranking.floors import Guarantee, Standing
from ranking.prioritize import Audience, OnShortfall, place
from ranking.scores import EFFECT, FloatArray, ThompsonDraw, laws_of
from ranking.thompson import propensities
from server.convert import basics, prioritization_answers
from server.convert.prioritization_requests import PrioritizeCustomers
from server.feedback_tokens import Answer, FeedbackTokens
from server.interceptors import refuse_when_late
from server.services.feedback import caller, write_request
from server.snapshot import Served, Snapshot

BoolArray = NDArray[np.bool_]
MOST_WITH_PROPENSITIES = 2_000
_SEEDS = 2**53  # drawn seeds survive callers whose numbers are doubles


def drawn_unless(seed: int | None) -> int:
    """The seed asked for, or one drawn."""
    return secrets.randbelow(_SEEDS) if seed is None else seed


@dataclass(frozen=True, slots=True)
class Ground:
    """What an audience is chosen from."""

    asked: PrioritizeCustomers
    snapshot: Snapshot
    horizon: int
    candidates: NDArray[np.int64]  # (candidates,) their indices in the snapshot
    unknown: list[str]  # named candidates whom the run does not know
    seed: int
    _cohorts: dict[str, BoolArray]

    def members(self, text: str, path: str = "filter") -> BoolArray:
        """(candidates,) whom a filter selects; looked at once for each filter."""
        if text not in self._cohorts:
            tree = compile_filter(text, FORECAST_FIELDS, path)
            self._cohorts[text] = selected(self.snapshot, self.horizon, tree)[self.candidates]
        return self._cohorts[text]

    @property
    def ids(self) -> NDArray[Any]:
        """(candidates,) who they are."""
        everybody = self.snapshot.customer_ids
        return everybody if len(self.candidates) == len(everybody) else everybody[self.candidates]

    @property
    def on_shortfall(self) -> OnShortfall:
        return OnShortfall.REFUSE if self.asked.refuse else OnShortfall.REPORT


@dataclass(frozen=True, slots=True)
class ScoredGround:
    """Candidates and how they are scored."""

    ground: Ground
    by: CandidateScores
    scores: FloatArray  # (candidates,)

    def contest(self, cohorts: Sequence[BoolArray]) -> Contest:
        """The candidates for the places."""
        return Contest(self.ground.ids, self.scores, self.ground.asked.capacity, cohorts, self.ground.seed)


class Audiences:
    """Chooses audiences."""

    def __init__(self, store: Store, served: Served, tokens: FeedbackTokens) -> None:
        self._store = store
        self._served = served
        self._tokens = tokens
        self._effects = PublishedEffects(store)
        self._currency = store.business().reporting_currency

    def choose(self, asked: PrioritizeCustomers) -> pb.PrioritizeCustomersResponse:
        """An audience whose floors are those of the request. Nothing is written."""
        scored = self._scored(self._ground(asked))
        ground = scored.ground
        guarantees = [
            Guarantee(floor.floor_id, floor.share, ground.members(floor.cohort_filter, f"floors[{i}].cohort_filter"))
            for i, floor in enumerate(asked.floors)
        ]
        now = datetime.now(UTC)
        contest = scored.contest([guarantee.members for guarantee in guarantees])
        store = self._store
        barred = _asks(lambda ids: store.barred(ids, asked.contacted, now) | store.unknown_customers(ids))
        audience = place(
            contest, guarantees, barred=barred, on_shortfall=ground.on_shortfall, by_attention=asked.by_attention
        )
        answer = self._answer(scored, contest, audience, self._named(ground, audience))
        if asked.score.propensities:
            for customer, propensity in zip(answer.customers, _propensities(ground, audience, barred), strict=True):
                customer.propensity = propensity
        return answer

    def reserve(
        self,
        asked: PrioritizeCustomers,
        request: pb.PrioritizeCustomersRequest,
        context: grpc.ServicerContext,
    ) -> pb.PrioritizeCustomersResponse:
        """An audience under guarantees, its places reserved; once for each request id."""
        assert asked.request_id is not None
        identity = write_request(asked.request_id, request)
        if (before := self._store.recalled(identity)) is not None:
            return pb.PrioritizeCustomersResponse.FromString(before)
        scored = self._scored(self._ground(asked))
        now = datetime.now(UTC)
        ledger = _ledger([self._store.guarantee(name) for name in asked.guarantee_ids], now)
        expires_at = now + timedelta(minutes=asked.reservation_minutes)

        def work(writer: Writer) -> bytes:
            if asked.caps:
                writer.hold_contacts()
            held = writer.hold_ledger(ledger, now)
            barred = _asks(lambda ids: writer.barred(ids, asked.contacted, now) | writer.unknown_customers(ids))
            contest, audience = _placed(scored, held, barred)
            named = self._named(scored.ground, audience)
            reservation = Reservation(named.answer_id, expires_at, caller(context))
            writer.reserve(held, _slots(held, audience), reservation, now)
            answer = self._answer(scored, contest, audience, named)
            answer.ledger_id = ledger
            answer.reservation_expire_time.CopyFrom(basics.instant(expires_at))
            refuse_when_late(context)
            return answer.SerializeToString()

        told = self._store.once(identity, work)
        return pb.PrioritizeCustomersResponse.FromString(told)

    def _ground(self, asked: PrioritizeCustomers) -> Ground:
        snapshot = self._served.current()
        horizon = snapshot.horizon(asked.horizon_days)
        text = asked.filter if asked.segment_id is None else self._store.segment(asked.segment_id).segment.filter
        chosen_by = compile_filter(text, FORECAST_FIELDS)
        unknown: list[str] = []
        if asked.customers is None:
            candidates = np.flatnonzero(selected(snapshot, horizon, chosen_by))
        else:
            names = asked.customers.customer_ids
            places = snapshot.indices(names)
            candidates = places[places >= 0]
            unknown = [name for name, at in zip(names, places, strict=True) if at < 0]
        return Ground(asked, snapshot, horizon, candidates.astype(np.int64), unknown, drawn_unless(asked.seed), {})

    def _scored(self, ground: Ground) -> ScoredGround:
        asked, customer_ids = ground.asked.score, ground.snapshot.customer_ids
        kind = asked.kind()
        columns = dict(ground.snapshot.columns(ground.horizon, kind.columns))
        if action := asked.named().action:
            columns[EFFECT] = self._effects.of(action, customer_ids)
        fatigue = None
        if asked.fatigue is not None:
            counts = self._store.contact_counts(asked.fatigue.window_days, datetime.now(UTC))
            fatigue = Fatigue.of(counts, customer_ids, asked.fatigue.retained_share)
        factors = [
            Factor(ground.members(one.filter, f"score.factors[{i}].filter"), one.factor)
            for i, one in enumerate(asked.factors)
        ]
        by = CandidateScores(kind, columns, customer_ids, ground.candidates, ground.seed, factors, fatigue, asked.cost)
        return ScoredGround(ground, by, by.scores())

    def _named(self, ground: Ground, audience: Audience) -> Answer:
        run = ground.snapshot.run
        return Answer(
            "PrioritizeCustomers",
            places=len(audience.ids),
            forecast_run_id=run.run_id,
            model_version=run.model_name,
        )

    def _answer(
        self, scored: ScoredGround, contest: Contest, audience: Audience, named: Answer
    ) -> pb.PrioritizeCustomersResponse:
        ground = scored.ground
        answer = prioritization_answers.Answer(
            ground.snapshot,
            ground.horizon,
            "" if ground.asked.score.exceedance is not None else self._currency,
            self._currency,
            self._tokens.issue(named),
        )
        placed = ground.candidates[audience.candidates]
        message = answer.message(
            audience,
            placed,
            scored.by.of(audience.candidates).parts,
            candidate_count=len(ground.candidates),
            unknown=ground.unknown,
        )
        message.barred_count = int(np.count_nonzero(contest.barred))
        return message


def selected(snapshot: Snapshot, horizon: int, tree: Filter) -> BoolArray:
    """(customers of the snapshot,) whom a filter selects at a horizon."""
    columns = snapshot.columns(horizon, sorted(field_names(tree)))
    return mask(tree, columns, len(snapshot.customer_ids))


def _propensities(ground: Ground, audience: Audience, barred: Barred) -> list[float]:
    """Of each place of an audience by Thompson draws.

    Raises:
        InvalidInput: there are too many candidates.
    """
    if len(ground.candidates) > MOST_WITH_PROPENSITIES:
        raise InvalidInput.of(
            "score.thompson.include_propensities",
            f"has {len(ground.candidates):,} candidates; at most {MOST_WITH_PROPENSITIES:,} (choose fewer by a filter)",
        )
    allowed = np.flatnonzero(~barred(ground.snapshot.customer_ids[ground.candidates]))
    read = ground.snapshot.columns(ground.horizon, ThompsonDraw().columns)
    law = laws_of({name: values[ground.candidates[allowed]] for name, values in read.items()})
    found: list[float] = propensities(law, np.searchsorted(allowed, audience.candidates)).tolist()
    return found


def _placed(scored: ScoredGround, held: HeldLedger, barred: Barred) -> tuple[Contest, Audience]:
    """The audience that goes on where the ledger stands."""
    ground = scored.ground
    guarantees = [
        Guarantee(
            floor.guarantee_id,
            float(floor.share),
            ground.members(floor.filter, f"the cohort of guarantee {floor.guarantee_id}"),
            _standing(held, floor),
        )
        for floor in held.floors
    ]
    contest = scored.contest([guarantee.members for guarantee in guarantees])
    return contest, place(
        contest,
        guarantees,
        barred=barred,
        on_shortfall=ground.on_shortfall,
        goes_on=True,
        by_attention=held.by_attention,
    )


def _standing(held: HeldLedger, floor: HeldFloor) -> Standing:
    if held.by_attention:
        return Standing(held.attention, floor.attention - floor.carried)
    return Standing(held.slots, floor.kept - floor.carried)


def _slots(held: HeldLedger, audience: Audience) -> list[NewSlot]:
    bits = np.array([1 << floor.bit for floor in held.floors], dtype=np.int64)
    masks = (audience.counts_for * bits).sum(axis=1).tolist()
    places = len(audience.ids)
    attention = np.diff(logarithmic(places)).tolist() if held.by_attention else [0] * places
    columns = range(1, places + 1), audience.ids.tolist(), masks, audience.guaranteed.tolist(), attention
    return [NewSlot(*slot) for slot in zip(*columns, strict=True)]


def _ledger(named: Sequence[StoredGuarantee], now: datetime) -> str:
    """The one ledger of the guarantees."""
    for guarantee in named:
        end = guarantee.terms.end_time
        if end is not None and end <= now:
            raise FailedPrecondition(
                f"guarantee {guarantee.terms.guarantee_id!r} ended at {end.isoformat()} (set it anew, or leave it out)"
            )
    ledgers = sorted({guarantee.terms.ledger for guarantee in named})
    if len(ledgers) > 1:
        raise InvalidInput.of(
            "guarantee_ids", f"are of different ledgers, {', '.join(ledgers)}; name guarantees of one (split the call)"
        )
    return ledgers[0]


def _asks(whom: Callable[[Sequence[str]], frozenset[str]]) -> Barred:
    """A question about customers, by id, as ranking asks it."""

    def barred(ids: NDArray[Any]) -> BoolArray:
        names = ids.tolist()
        found = whom(names)
        return np.fromiter((name in found for name in names), dtype=np.bool_, count=len(names))

    return barred
