"""What callers give and get that is no message of the contract."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from farview.client.item_lists import ItemFacts
from farview.v1 import forecast_pb2, prioritization_pb2


@dataclass(frozen=True, slots=True)
class Purchase:
    """A purchase, or with a negative amount a return."""

    time: datetime  # aware
    amount: Decimal
    currency: str  # ISO 4217; the database's reporting currency


@dataclass(frozen=True, slots=True)
class Transaction:
    """A purchase or return of a customer, to be recorded. With a `transaction_id` it is never stored twice."""

    customer_id: str
    purchase: Purchase
    transaction_id: str = ""


@dataclass(frozen=True, slots=True)
class Touch:
    """Something that reached a customer on a channel, to be recorded. Never stored twice with a `touchpoint_id`."""

    customer_id: str
    time: datetime  # aware
    channel: str
    interaction: str  # "impression", "click", ...
    propensity: float | None = None  # of the channel where it was chosen at random, in (0, 1]
    touchpoint_id: str = ""


@dataclass(frozen=True, slots=True)
class Conversion:
    """The customer did what the touches were for; to be recorded as a Touch is."""

    customer_id: str
    time: datetime  # aware
    value: Decimal | None = None  # None: not known
    currency: str = ""  # ISO 4217, of the value; the database's reporting currency
    channel: str = ""
    touchpoint_id: str = ""


@dataclass(frozen=True, slots=True)
class Exposure:
    """A place of an answer that was shown: who stood there, or what; for items who saw it, where that is known."""

    place: int  # from 1; of a plan the position of the touch
    time: datetime  # aware
    customer_id: str = ""
    item_id: str = ""


@dataclass(frozen=True, slots=True)
class Floor:
    """At least `share` of every prefix of an audience belongs to the cohort that the filter selects."""

    name: str
    cohort_filter: str
    share: float  # of places, in (0, 1]


@dataclass(frozen=True, slots=True)
class Promise:
    """A guarantee to keep: a share of a ledger's slots for a cohort, which is a filter or a segment."""

    guarantee_id: str
    share: float  # of slots, in (0, 1]
    cohort_filter: str = ""
    segment_id: str = ""  # in place of the filter
    ledger_id: str = ""  # "": the default one
    window_days: int = 0  # 0: the default, 7
    end_time: datetime | None = None  # aware; None: never
    description: str = ""
    by_attention: bool = False  # a share of the slots' attention, not of their number


@dataclass(frozen=True, slots=True)
class InSegment:
    """Whoever a stored segment selects."""

    segment_id: str


@dataclass(frozen=True, slots=True)
class Reach:
    """What customers are contacted for, and how often they may be."""

    channel: str = ""  # "": none in particular
    purpose: str = ""  # "": marketing
    caps: Mapping[int, int] = field(default_factory=dict)  # days -> most contacts within them


@dataclass(frozen=True, slots=True)
class Order:
    """By what customers are ordered."""

    quantile: float | None = None  # of the expected value: 0.05, 0.1, 0.5, 0.9 or 0.95; None: its mean
    score: prioritization_pb2.Score | None = None  # any of the contract in place of `quantile`; see `effect_score`
    horizon_days: int = 0  # of the forecasts; 0: the longest
    seed: int | None = None  # of the order among equal scores


@dataclass(frozen=True, slots=True)
class FloorTerms:
    """How floors are counted, and what if they cannot all hold."""

    by_attention: bool = False  # shares of attention, 1 / log2(1 + place) a place, instead of places
    report_shortfall: bool = False  # answer what can be placed when they are infeasible, instead of failing


@dataclass(frozen=True, slots=True)
class Reserve:
    """Places to reserve under guarantees, all of one ledger."""

    guarantee_ids: Sequence[str]
    minutes: int = 0  # 0: the default, 24 hours
    request_id: str = ""  # give one to make repeats of the call safe


@dataclass(frozen=True, slots=True)
class Said:
    """What a customer said about being contacted."""

    channel: str
    allowed: bool
    time: datetime  # aware
    purpose: str = ""  # "": marketing


@dataclass(frozen=True, slots=True)
class CustomerProfile:
    """What is known of a customer; what is left out stays as it is."""

    customer_id: str
    time_zone: str = ""  # IANA
    attributes: Mapping[str, str | float | bool | None] = field(default_factory=dict)  # None removes
    consents: Sequence[Said] = ()


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """An item of the catalogue; what is left out stays as it is."""

    item_id: str
    price: Decimal
    currency: str  # ISO 4217; the database's reporting currency
    category: str = ""
    brand: str = ""
    margin: Decimal | None = None  # of one sale
    stock: int | None = None  # pieces
    added: date | None = None  # first day in the catalogue
    attributes: Mapping[str, str | float | bool | None] = field(default_factory=dict)  # None removes


@dataclass(frozen=True, slots=True)
class Item:
    """An item that may be shown, and what is known of it by name, such as price (reporting currency) or relevance."""

    item_id: str
    values: Mapping[str, float]
    facts: ItemFacts = field(default_factory=ItemFacts)


@dataclass(frozen=True, slots=True)
class Objective:
    """One thing to have much of, among the items' values. Only the order of values counts, not their unit."""

    name: str
    weight: float = 1.0
    bin_width: float | None = None  # in the values' unit: those of one bin share a rank


@dataclass(frozen=True, slots=True)
class ExpectedRevenue:
    """Orders items by `purchase_probability` times `price`, or times the logarithm of the price."""

    ln_price: bool = False


@dataclass(frozen=True, slots=True)
class Relevance:
    """A learned ranker tells the items' relevance: an objective may be named "relevance"."""

    customer_id: str = ""  # whose past counts; "": nobody's
    model: str = "ranking"  # the champion, or a version such as "ranking/3"


@dataclass(frozen=True, slots=True)
class Retrieval:
    """A next-item model finds the items: objectives may be named "next_item" and "novelty"."""

    customer_id: str = ""  # what this customer took decides; "": nobody's past counts
    item_count: int = 200  # at most
    model: str = "next-item"  # the champion, or a version such as "next-item/3"
    include_taken: bool = False  # also items that the customer took before


@dataclass(frozen=True, slots=True)
class JourneyRules:
    """What a journey plan must keep to. Positions count from 1 at the first planned touch."""

    max_touches: int = 5
    min_touches: int = 0
    fixed: Mapping[int, str] = field(default_factory=dict)  # position -> channel
    forbidden: Collection[tuple[int, str]] = ()  # (position, channel)
    caps: Mapping[str, int] = field(default_factory=dict)  # channel -> most touches
    windows: Sequence[tuple[str, int, timedelta]] = ()  # channel, "" for all; most touches; in any such stretch of time
    quiet: tuple[time, time] | None = None  # nothing is sent from the one to the other, customer's time of day


@dataclass(frozen=True, slots=True)
class JourneyPrices:
    """What a conversion brings and touches cost."""

    currency: str  # ISO 4217; the database's reporting currency
    margin: Decimal | None = None  # of a conversion; None: the mean conversion value of the log
    touch_costs: Mapping[str, Decimal] = field(default_factory=dict)  # channel -> cost; others are free
    budget: Decimal | None = None  # for all touches of the plan; None: no limit
    length_cost: Decimal | None = None  # by which each touch must better the plan beside its cost; None: nothing
    residual_change: Decimal | None = None  # of what a customer is worth after it, by a conversion; None: nothing


@dataclass(frozen=True, slots=True)
class JourneyBeside:
    """What to answer beside a plan."""

    alternatives: int = 0  # next best plans
    explained: bool = False  # the least change that alters it, and the hidden confounding that it withstands


@dataclass(frozen=True, slots=True)
class JourneyTiming:
    """When a plan is made and its touches are sent; times are aware."""

    plan_time: datetime | None = None  # the present of the plan; None: now
    first_touch_time: datetime | None = None  # None: at plan_time
    gap: timedelta | None = None  # between touches; None: the log's median


@dataclass(frozen=True, slots=True)
class CustomerForecast:
    """One customer's forecast and where it comes from."""

    forecast: forecast_pb2.Forecast
    forecast_run_id: str  # empty when scored from a history
    model_version: str

    def at(self, horizon_days: int) -> forecast_pb2.HorizonForecast:
        """The forecast at one horizon.

        Raises:
            KeyError: there is no such horizon.
        """
        for horizon in self.forecast.horizons:
            if horizon.horizon_days == horizon_days:
                return horizon
        known = [horizon.horizon_days for horizon in self.forecast.horizons]
        raise KeyError(f"no forecast over {horizon_days} days; there are {known}")
