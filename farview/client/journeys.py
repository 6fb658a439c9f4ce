"""Calls of JourneyService."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta

from google.protobuf.duration_pb2 import Duration
from google.type.timeofday_pb2 import TimeOfDay

from farview.client import messages
from farview.client.connection import Connection
from farview.client.values import JourneyBeside, JourneyPrices, JourneyRules, JourneyTiming
from farview.v1 import journey_pb2, journey_pb2_grpc

BATCH = 100  # plans of one call


class JourneyCalls:
    """See protos/farview/v1/journey.proto."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._journeys = journey_pb2_grpc.JourneyServiceStub(connection.channel)

    def plan_journey(
        self,
        customer_id: str,
        rules: JourneyRules | None = None,
        prices: JourneyPrices | None = None,
        timing: JourneyTiming | None = None,
        *,
        consent_purpose: str = "",
        request_id: str = "",
        beside: JourneyBeside | None = None,
    ) -> journey_pb2.PlanJourneyResponse:
        """Plans a customer's next touches and stores the plan; a `request_id` makes repeats of this call safe too.

        Args:
            rules: what the plan must keep to; default: at most 5 touches.
            prices: what a conversion brings and touches cost; default: the log's mean conversion value, and nothing.
            timing: default: from now on, at the log's median gap.
            consent_purpose: that the customer must consent to; default: "marketing".
            beside: what else to answer; default: nothing.
        """
        beside = beside or JourneyBeside()
        rules, timing = rules or JourneyRules(), timing or JourneyTiming()
        request = journey_pb2.PlanJourneyRequest(
            request_id=messages.request_id(request_id),
            customer_id=customer_id,
            constraints=_constraints(rules),
            plan_time=None if timing.plan_time is None else messages.timestamp(timing.plan_time),
            first_touch_time=None if timing.first_touch_time is None else messages.timestamp(timing.first_touch_time),
            gap=None if timing.gap is None else _duration(timing.gap),
            consent_purpose=consent_purpose,
            alternative_count=beside.alternatives,
            explained=beside.explained,
        )
        if prices is not None:
            _set_prices(request, prices)
        return self._connection.call(self._journeys.PlanJourney, request)

    def plan_on(
        self, customer_id: str, plan_id: str, *, request_id: str = "", beside: JourneyBeside | None = None
    ) -> journey_pb2.PlanJourneyResponse:
        """Plans what follows a stored plan of which some touches were sent and others missed; stores the new one."""
        beside = beside or JourneyBeside()
        request = journey_pb2.PlanJourneyRequest(
            request_id=messages.request_id(request_id),
            customer_id=customer_id,
            replaces_plan_id=plan_id,
            alternative_count=beside.alternatives,
            explained=beside.explained,
        )
        return self._connection.call(self._journeys.PlanJourney, request)

    def batch_plan_journeys(
        self, requests: Mapping[str, journey_pb2.PlanJourneyRequest]
    ) -> Iterator[journey_pb2.BatchPlanJourneysResponse]:
        """Plans of many customers by your keys, in order, as they are made; each is answered or failed for itself."""
        keyed = [journey_pb2.KeyedPlanJourneyRequest(key=key, request=each) for key, each in requests.items()]
        request = journey_pb2.BatchPlanJourneysRequest(requests=keyed)
        return self._connection.stream(self._journeys.BatchPlanJourneys, request)

    def simulate_journeys(
        self,
        customer_ids: Sequence[str],
        rules: JourneyRules | None = None,
        prices: JourneyPrices | None = None,
        *,
        plan_time: datetime | None = None,
        seed: int = 0,
    ) -> journey_pb2.SimulateJourneysResponse:
        """Rolls out journeys of the same customers by six ways of choosing touches; nothing is stored."""
        request = journey_pb2.SimulateJourneysRequest(
            customer_ids=customer_ids,
            constraints=_constraints(rules or JourneyRules()),
            plan_time=None if plan_time is None else messages.timestamp(plan_time),
            seed=seed,
        )
        if prices is not None:
            _set_prices(request, prices)
        return self._connection.call(self._journeys.SimulateJourneys, request)

    def plan(self, plan_id: str) -> journey_pb2.JourneyPlan:
        """A stored plan."""
        return self._connection.call(self._journeys.GetPlan, journey_pb2.GetPlanRequest(plan_id=plan_id)).plan

    def plans(self, customer_id: str = "") -> Iterator[journey_pb2.JourneyPlan]:
        """Stored plans of one customer or of all, newest first, page by page as they are consumed."""
        request = journey_pb2.ListPlansRequest(customer_id=customer_id, page_size=BATCH)
        while True:
            page = self._connection.call(self._journeys.ListPlans, request)
            yield from page.plans
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token


def _set_prices(
    request: journey_pb2.PlanJourneyRequest | journey_pb2.SimulateJourneysRequest, prices: JourneyPrices
) -> None:
    if prices.margin is not None:
        request.conversion_margin.CopyFrom(messages.money_of(prices.margin, prices.currency))
    if prices.length_cost is not None:
        request.length_cost.CopyFrom(messages.money_of(prices.length_cost, prices.currency))
    if prices.residual_change is not None:
        request.residual_value_change.CopyFrom(messages.money_of(prices.residual_change, prices.currency))
    for channel, cost in prices.touch_costs.items():
        request.touch_costs.add(channel=channel, cost=messages.money_of(cost, prices.currency))
    if prices.budget is not None:
        request.constraints.budget.CopyFrom(messages.money_of(prices.budget, prices.currency))


def _constraints(rules: JourneyRules) -> journey_pb2.JourneyConstraints:
    spot = journey_pb2.JourneySpot
    return journey_pb2.JourneyConstraints(
        max_touches=rules.max_touches,
        min_touches=rules.min_touches,
        fixed_touches=[spot(position=position, channel=channel) for position, channel in rules.fixed.items()],
        forbidden_touches=[spot(position=position, channel=channel) for position, channel in sorted(rules.forbidden)],
        channel_caps=[journey_pb2.ChannelCap(channel=name, max_touches=most) for name, most in rules.caps.items()],
        window_caps=[
            journey_pb2.WindowCap(channel=name, max_touches=most, window=_duration(window))
            for name, most, window in rules.windows
        ],
        quiet_hours=None if rules.quiet is None else _quiet(*rules.quiet),
    )


def _quiet(start: time, end: time) -> journey_pb2.QuietHours:
    since, until = (TimeOfDay(hours=at.hour, minutes=at.minute) for at in (start, end))
    return journey_pb2.QuietHours(start_time=since, end_time=until)


def _duration(length: timedelta) -> Duration:
    message = Duration()
    message.FromTimedelta(length)
    return message
