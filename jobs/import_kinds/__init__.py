"""Every kind of file that `farview import` reads."""

from collections.abc import Mapping

from jobs.import_kinds.consents import CONSENTS
from jobs.import_kinds.customers import CUSTOMERS
from jobs.import_kinds.description import Kind
from jobs.import_kinds.impressions import IMPRESSIONS
from jobs.import_kinds.items import ITEMS
from jobs.import_kinds.rates import RATES
from jobs.import_kinds.touchpoints import TOUCHPOINTS
from jobs.import_kinds.transactions import TRANSACTIONS
from jobs.import_kinds.treatments import TREATMENTS

KINDS: Mapping[str, Kind] = {
    kind.name: kind for kind in (TRANSACTIONS, CUSTOMERS, CONSENTS, TOUCHPOINTS, ITEMS, IMPRESSIONS, TREATMENTS, RATES)
}
