"""PrioritizationService: who comes first, and which item."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import grpc

from farview.core.errors import FailedPrecondition, Infeasible, InvalidInput, NotFound
from farview.store.store import Store
from farview.v1 import items_pb2, prioritization_pb2_grpc
from farview.v1 import prioritization_pb2 as pb
from ranking.items import rank_items
from server.audiences import Audiences, drawn_unless
from server.convert import item_answers, item_requests, item_retrieval, prioritization_requests
from server.convert.fields import Surroundings
from server.feedback_tokens import Answer, FeedbackTokens
from server.interceptors import current_request_id, refuse_when_late
from server.item_lists import arranged_items
from server.relevance import ServedRankers
from server.retrieval import ServedNextItems
from server.snapshot import Served
from server.status import status_of


@dataclass(frozen=True, slots=True)
class ServedItemModels:
    """The learned models that rankings may name."""

    rankers: ServedRankers
    next_items: ServedNextItems


class PrioritizationService(prioritization_pb2_grpc.PrioritizationServiceServicer):
    """See the contract. Pure computation over one snapshot; of the database consent, caps and guarantees are read, and
    for a ranking that names a model items and the customer's lists."""

    def __init__(self, store: Store, served: Served, item_models: ServedItemModels, tokens: FeedbackTokens) -> None:
        self._item_models = item_models
        self._audiences = Audiences(store, served, tokens)
        self._tokens = tokens
        self._currency = store.business().reporting_currency

    def PrioritizeCustomers(
        self, request: pb.PrioritizeCustomersRequest, context: grpc.ServicerContext
    ) -> pb.PrioritizeCustomersResponse:
        around = Surroundings(self._currency, datetime.now(UTC))
        asked = prioritization_requests.prioritize_customers(request, around)
        refuse_when_late(context)
        if asked.guarantee_ids:
            return self._audiences.reserve(asked, request, context)
        return self._audiences.choose(asked)

    def RankItems(
        self, request: items_pb2.RankItemsRequest, context: grpc.ServicerContext
    ) -> items_pb2.RankItemsResponse:
        refuse_when_late(context)
        return self._ranked(request)

    def BatchRankItems(
        self, request: items_pb2.BatchRankItemsRequest, context: grpc.ServicerContext
    ) -> Iterator[items_pb2.BatchRankItemsResponse]:
        for keyed in item_requests.batch(request):
            refuse_when_late(context)
            answer = items_pb2.BatchRankItemsResponse(key=keyed.key)
            try:
                answer.ranking.CopyFrom(self._ranked(keyed.request))
            except (InvalidInput, Infeasible, FailedPrecondition, NotFound) as error:
                answer.error.CopyFrom(status_of(error, current_request_id()))
            yield answer

    def _ranked(self, request: items_pb2.RankItemsRequest) -> items_pb2.RankItemsResponse:
        retrieved_by = ""
        if request.HasField("retrieval"):
            found = self._item_models.next_items.retrieved(item_retrieval.retrieval(request))
            request, retrieved_by = item_retrieval.completed(request, found), found.model_version
        asked = item_requests.rank_items(request, self._item_models.rankers.learned)
        with item_requests.request_paths():
            ranked = rank_items(asked.ids, asked.blend, seed=drawn_unless(asked.seed), explain=asked.explain)
            arranged = None
            if asked.arrangement is not None:
                ranked, arranged = arranged_items(ranked, asked.arrangement)
        told = Answer("RankItems", places=len(ranked.ids), model_version=asked.model_version or retrieved_by or None)
        answer = item_answers.message(ranked, asked.blend, self._currency, self._tokens.issue(told))
        answer.model_version, answer.retrieval_model_version = asked.model_version, retrieved_by
        if arranged is not None and asked.arrangement is not None and asked.arrangement.explained:
            item_answers.arrange(answer, arranged)
        return answer
