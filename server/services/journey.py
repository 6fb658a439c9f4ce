"""JourneyService: a customer's next touches, planned and stored."""

from dataclasses import asdict
from datetime import UTC, datetime

import grpc

from farview.core.errors import FarviewError, NotFound
from farview.features.attributes import attribute_table
from farview.store.store import Store
from farview.store.values import NewPlan, PlanTouch
from farview.store.writer import Writer
from farview.v1 import journey_pb2 as pb
from farview.v1 import journey_pb2_grpc
from journeys.planning import histories, plan_journey
from server import page_token
from server.convert import journey_answers, journey_requests
from server.convert.fields import Surroundings
from server.feedback_tokens import Answer, FeedbackTokens
from server.interceptors import refuse_when_late
from server.journeys import ServedJourneys
from server.services.feedback import caller, write_request


class JourneyService(journey_pb2_grpc.JourneyServiceServicer):
    """See the contract. A plan is three indexed reads, pure computation, and one write."""

    def __init__(self, store: Store, served: ServedJourneys, tokens: FeedbackTokens) -> None:
        self._store = store
        self._served = served
        self._tokens = tokens
        self._currency = store.business().reporting_currency

    def PlanJourney(self, request: pb.PlanJourneyRequest, context: grpc.ServicerContext) -> pb.PlanJourneyResponse:
        now = datetime.now(UTC)
        asked = journey_requests.plan_journey(request, Surroundings(self._currency, now))
        outcome = self._planned(asked, now)

        def work(writer: Writer) -> bytes:
            if isinstance(outcome, FarviewError):
                raise outcome
            stored = writer.add_plan(outcome, who=caller(context))
            refuse_when_late(context)
            answer = Answer(
                "PlanJourney",
                places=len(outcome.touches),
                model_version=outcome.model_version,
                plan_id=stored.plan_id,
                customer_id=outcome.customer_id,
            )
            return pb.PlanJourneyResponse(
                plan=journey_answers.journey_plan(stored, self._currency), feedback_token=self._tokens.issue(answer)
            ).SerializeToString()

        answer = self._store.once(write_request(asked.request_id, request), work)
        return pb.PlanJourneyResponse.FromString(answer)

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

    def _planned(self, asked: journey_requests.PlanJourney, now: datetime) -> NewPlan | FarviewError:
        """The plan, or why there is none: what went wrong since must not keep a repeat from its first answer."""
        try:
            return self._plan(asked, now)
        except FarviewError as error:
            return error

    def _plan(self, asked: journey_requests.PlanJourney, now: datetime) -> NewPlan:
        loaded = self._served.current()
        about, customer = loaded.model.about, [asked.customer_id]
        journey_requests.require_channels(asked, loaded.channels)
        present = asked.plan_time or now
        denied = self._store.denied_channels(customer, loaded.channels, purpose=asked.consent_purpose, at=now)
        stored = self._store.attributes(customer)
        zone = stored["time_zone"][0].as_py() if len(stored) else None
        request = asked.for_planner(
            present,
            denied.get(asked.customer_id, frozenset()),
            journey_requests.Defaults(loaded.mean_conversion_value, about.timing.gap_hours, zone),
        )
        log = self._store.touchpoints_of(customer, present)
        attributes = attribute_table(stored, about.context.kinds)
        plan = plan_journey(loaded.model, histories(about, log, present), attributes, request)
        return NewPlan(
            customer_id=plan.customer_id,
            model_version=loaded.version.name,
            planned_at=present,
            request=request.as_data() | {"consent_purpose": asked.consent_purpose},
            touches=tuple(PlanTouch(**asdict(touch)) for touch in plan.touches),
            **plan.figures(),
        )
