"""What a fit of a value model may see."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from farview.core import schemas
from farview.core.clock import Cut
from farview.features.attributes import with_attributes
from farview.features.rfm import rfm
from jobs.backtest_models import histories
from jobs.past import Past


@dataclass(frozen=True, slots=True)
class Known:
    """All that a fit may see."""

    events: pa.Table | pa.RecordBatchReader  # schemas.EVENTS, any order; a reader is read once
    cut: Cut
    zone: str
    attributes: pa.Table = field(default_factory=schemas.ATTRIBUTES.empty_table)  # of customers, as of now
    past: Past | None = None  # whose customers buy-till-you-die models learn from; None: from everybody

    @classmethod
    def of(cls, past: Past, attributes: pa.Table | None = None) -> "Known":
        """What is known at the end of a past."""
        stored = schemas.ATTRIBUTES.empty_table() if attributes is None else attributes
        return cls(past.events, past.cut, past.zone, stored, past)

    def customers(self, period_days: int = 1, columns: Sequence[str] = ()) -> pa.Table:
        """`schemas.rfm_schema(period_days)` with the attributes that are named."""
        if self.past is not None:
            rows = histories(self.past, period_days)
        else:
            rows = rfm(self.events, self.cut, self.zone, period_days=period_days).read_all()
        return with_attributes(rows, self.attributes, columns)

    def table(self) -> pa.Table:
        """The events in memory."""
        return self.events if isinstance(self.events, pa.Table) else self.events.read_all()
