"""JourneyService: a customer's next touches, planned and stored."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import repeat

import grpc

from farview.core.errors import FarviewError, NotFound
from farview.store.store import Store
from farview.store.values import StoredPlan
from farview.store.writer import Writer
from farview.v1 import journey_pb2 as pb
from farview.v1 import journey_pb2_grpc
from server import page_token
from server.convert import journey_answers, journey_requests, simulation_requests
from server.convert.fields import Surroundings
from server.feedback_tokens import Answer, FeedbackTokens
from server.interceptors import current_request_id, refuse_when_late
from server.journeys import ServedJourneys
from server.plans import Made, Plans
from server.services.feedback import caller, write_request
from server.status import status_of

AT_ONCE = 100  # requests of a batch that are read and planned together before the first of them is answered
_Asked = journey_requests.PlanJourney | FarviewError
_Outcome = tuple[_Asked, Made | FarviewError]


class JourneyService(journey_pb2_grpc.JourneyServiceServicer):
    """See the contract. A plan is three indexed reads, pure computation, and one write."""

    def __init__(self, store: Store, served: ServedJourneys, tokens: FeedbackTokens) -> None:
        self._store = store
        self._plans = Plans(store, served)
        self._tokens = tokens
        self._currency = store.business().reporting_currency

    def PlanJourney(self, request: pb.PlanJourneyRequest, context: grpc.ServicerContext) -> pb.PlanJourneyResponse:
        return self._stored(request, self._outcomes([request])[0], context)

    def BatchPlanJourneys(
        self, request: pb.BatchPlanJourneysRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.BatchPlanJourneysResponse]:
        keyed = journey_requests.batch(request)
        for first in range(0, len(keyed), AT_ONCE):
            refuse_when_late(context)
            some = keyed[first : first + AT_ONCE]
            outcomes = self._outcomes([each.request for each in some])
            yield from (self._keyed(each, found, context) for each, found in zip(some, outcomes, strict=True))

    def SimulateJourneys(
        self, request: pb.SimulateJourneysRequest, context: grpc.ServicerContext
    ) -> pb.SimulateJourneysResponse:
        now = datetime.now(UTC)
        asked = simulation_requests.simulate_journeys(request, Surroundings(self._currency, now))
        refuse_when_late(context)
        report, about = self._plans.simulate(asked, now)
        return journey_answers.simulated(report, about, self._currency)

    def _outcomes(self, requests: Sequence[pb.PlanJourneyRequest]) -> list[_Outcome]:
        """What each request asks for, and the plan or why there is none.

        What went wrong since must not keep a repeat from its first answer, so that is found, not raised.
        """
        now = datetime.now(UTC)
        asked = [self._asked(request, now) for request in requests]
        good = [each for each in asked if not isinstance(each, FarviewError)]
        made: Iterator[Made | FarviewError]
        try:
            made = iter(self._plans.make(good, now))
        except FarviewError as error:
            made = repeat(error)
        return [(each, each if isinstance(each, FarviewError) else next(made)) for each in asked]

    def _asked(self, request: pb.PlanJourneyRequest, now: datetime) -> _Asked:
        try:
            return journey_requests.plan_journey(request, Surroundings(self._currency, now))
        except FarviewError as error:
            return error

    def _keyed(
        self, keyed: journey_requests.Keyed, found: _Outcome, context: grpc.ServicerContext
    ) -> pb.BatchPlanJourneysResponse:
        refuse_when_late(context)
        answer = pb.BatchPlanJourneysResponse(key=keyed.key)
        try:
            answer.planned.CopyFrom(self._stored(keyed.request, found, context))
        except FarviewError as error:
            answer.error.CopyFrom(status_of(error, current_request_id()))
        return answer

    def _stored(
        self, request: pb.PlanJourneyRequest, found: _Outcome, context: grpc.ServicerContext
    ) -> pb.PlanJourneyResponse:
        """The answer of the first such call, else the plan, stored.

        Raises:
            FarviewError: the request makes no sense, or there is no plan.
        """
        asked, outcome = found
        if isinstance(asked, FarviewError):
            raise asked

        def work(writer: Writer) -> bytes:
            if isinstance(outcome, FarviewError):
                raise outcome
            stored = writer.add_plan(outcome.plan, who=caller(context))
            refuse_when_late(context)
            answer = Answer(
                "PlanJourney",
                places=len(stored.plan.touches),
                model_version=stored.plan.model_version,
                plan_id=stored.plan_id,
                customer_id=stored.plan.customer_id,
            )
            return self._message(stored, outcome, self._tokens.issue(answer)).SerializeToString()

        answer = self._store.once(write_request(asked.request_id, request), work)
        return pb.PlanJourneyResponse.FromString(answer)

    def _message(self, stored: StoredPlan, made: Made, token: str) -> pb.PlanJourneyResponse:
        answer = pb.PlanJourneyResponse(
            plan=journey_answers.journey_plan(stored, self._currency),
            feedback_token=token,
            alternatives=[journey_answers.unstored_plan(plan, self._currency) for plan in made.alternatives],
            confounding_withstood=made.withstood,
        )
        if made.counterfactual is not None:
            answer.counterfactual.CopyFrom(journey_answers.counterfactual(made.counterfactual, self._currency))
        if made.stands is not None:
            answer.sent_touch_count, answer.missed_touch_count = len(made.stands.sent), len(made.stands.missed)
        return answer

    def GetPlan(self, request: pb.GetPlanRequest, context: grpc.ServicerContext) -> pb.GetPlanResponse:
        plan_id = journey_requests.get_plan(request).plan_id
        if not plan_id.isdecimal() or len(plan_id) > 18:
            raise NotFound("plan", plan_id)
        return pb.GetPlanResponse(plan=journey_answers.journey_plan(self._store.plan(int(plan_id)), self._currency))

    def ListPlans(self, request: pb.ListPlansRequest, context: grpc.ServicerContext) -> pb.ListPlansResponse:
        asked = journey_requests.list_plans(request)
        after = page_token.unseal(asked.page_token, [asked.customer_id])["after"] if asked.page_token else None
        page = self._store.list_plans(customer_id=asked.customer_id or None, page_size=asked.page_size, after=after)
        token = "" if page.after is None else page_token.seal({"after": page.after}, [asked.customer_id])
        plans = [journey_answers.journey_plan(stored, self._currency) for stored in page.rows]
        return pb.ListPlansResponse(plans=plans, next_page_token=token)
