"""PrioritizationService: who comes first, and which item."""

import secrets

import grpc
import numpy as np
from numpy.typing import NDArray

from farview.core.filters import Filter, compile_filter, field_names, mask
from farview.store.store import Store
from farview.v1 import items_pb2, prioritization_pb2_grpc
from farview.v1 import prioritization_pb2 as pb
from ranking.floors import Guarantee
from ranking.items import rank_items
from ranking.prioritize import OnShortfall, prioritize
from ranking.scores import ExpectedValue, ExpectedValueQuantile, Score, score
from server.convert import item_answers, item_requests, prioritization_answers, prioritization_requests
from server.feedback_tokens import Answer, FeedbackTokens
from server.interceptors import refuse_when_late
from server.snapshot import FILTER_FIELDS, Served, Snapshot

_SEEDS = 2**53  # drawn seeds survive callers whose numbers are doubles


class PrioritizationService(prioritization_pb2_grpc.PrioritizationServiceServicer):
    """See the contract. Pure computation over one snapshot; nothing is read from the database or written."""

    def __init__(self, store: Store, served: Served, tokens: FeedbackTokens) -> None:
        self._served = served
        self._tokens = tokens
        self._currency = store.business().reporting_currency

    def PrioritizeCustomers(
        self, request: pb.PrioritizeCustomersRequest, context: grpc.ServicerContext
    ) -> pb.PrioritizeCustomersResponse:
        asked = prioritization_requests.prioritize_customers(request)
        chosen_by = compile_filter(asked.filter, FILTER_FIELDS)
        cohorts = [
            compile_filter(floor.cohort_filter, FILTER_FIELDS, f"floors[{index}].cohort_filter")
            for index, floor in enumerate(asked.floors)
        ]
        snapshot = self._served.current()
        horizon = snapshot.horizon(asked.horizon_days)
        candidates, unknown = _candidates(snapshot, horizon, asked, chosen_by)
        refuse_when_late(context)
        kind = _score_of(asked)
        columns = snapshot.columns(horizon, kind.columns)
        audience = prioritize(
            snapshot.customer_ids[candidates],
            score(kind, columns)[candidates],
            asked.capacity,
            [
                Guarantee(floor.floor_id, floor.share, _selected(snapshot, horizon, cohort)[candidates])
                for floor, cohort in zip(asked.floors, cohorts, strict=True)
            ],
            on_shortfall=OnShortfall.REFUSE if asked.refuse else OnShortfall.REPORT,
            seed=_drawn_unless(asked.seed),
        )
        placed = candidates[audience.candidates]
        run = snapshot.run
        given = Answer(
            "PrioritizeCustomers", places=len(placed), forecast_run_id=run.run_id, model_version=run.model_name
        )
        answer = prioritization_answers.Answer(snapshot, horizon, self._currency, self._tokens.issue(given))
        return answer.message(audience, placed, kind, candidate_count=len(candidates), unknown=unknown)

    def RankItems(
        self, request: items_pb2.RankItemsRequest, context: grpc.ServicerContext
    ) -> items_pb2.RankItemsResponse:
        asked = item_requests.rank_items(request)
        refuse_when_late(context)
        with item_requests.request_paths():
            ranked = rank_items(asked.ids, asked.blend, seed=_drawn_unless(asked.seed), explain=asked.explain)
        token = self._tokens.issue(Answer("RankItems", places=len(ranked.ids)))
        return item_answers.message(ranked, asked.blend, self._currency, token)


def _drawn_unless(seed: int | None) -> int:
    return secrets.randbelow(_SEEDS) if seed is None else seed


def _candidates(
    snapshot: Snapshot, horizon: int, asked: prioritization_requests.PrioritizeCustomers, chosen_by: Filter
) -> tuple[NDArray[np.int64], list[str]]:
    """Indices of the candidates, and the named customers whom the run does not know."""
    if asked.customers is None:
        return np.flatnonzero(_selected(snapshot, horizon, chosen_by)), []
    names = asked.customers.customer_ids
    places = snapshot.indices(names)
    return places[places >= 0], [name for name, place in zip(names, places, strict=True) if place < 0]


def _selected(snapshot: Snapshot, horizon: int, tree: Filter) -> NDArray[np.bool_]:
    columns = snapshot.columns(horizon, sorted(field_names(tree)))
    return mask(tree, columns, len(snapshot.customer_ids))


def _score_of(asked: prioritization_requests.PrioritizeCustomers) -> Score:
    quantile = asked.score.quantile
    return ExpectedValue() if quantile is None else ExpectedValueQuantile(quantile.level)
