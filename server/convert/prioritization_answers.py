"""An audience as a protobuf message."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farview.core import columns as c
from farview.v1 import distribution_pb2
from farview.v1 import prioritization_pb2 as pb
from ranking.prioritize import Audience, FloorReport
from server.convert.basics import forecast_run
from server.snapshot import Snapshot

_EXPECTED = ("mean", "sd", *c.QUANTILE_SUFFIXES)


@dataclass(frozen=True, slots=True)
class Answer:
    """What all parts of an answer share."""

    snapshot: Snapshot
    horizon_days: int
    unit: str  # ISO 4217 code of the scores; "" where they are no amounts
    currency: str
    feedback_token: str

    def message(
        self,
        audience: Audience,
        placed: NDArray[np.int64],
        parts: Mapping[str, NDArray[np.float64]],
        *,
        candidate_count: int,
        unknown: Sequence[str],
    ) -> pb.PrioritizeCustomersResponse:
        """The whole answer.

        Args:
            placed: shape (places,), where each customer of the audience stands in the snapshot.
            parts: of the scores, by the names of ScoreParts, each shape (places,).
        """
        return pb.PrioritizeCustomersResponse(
            forecast_run=forecast_run(self.snapshot.run),
            customers=self._customers(audience, placed, parts),
            floors=[self._floor(report) for report in audience.floors],
            seed=audience.seed,
            horizon_days=self.horizon_days,
            candidate_count=candidate_count,
            unknown_customer_ids=unknown,
            shortfall_reasons=audience.obstacles,
            feedback_token=self.feedback_token,
        )

    def _customers(
        self, audience: Audience, placed: NDArray[np.int64], parts: Mapping[str, NDArray[np.float64]]
    ) -> list[pb.PrioritizedCustomer]:
        names = [report.name for report in audience.floors]
        shown = {name: values.tolist() for name, values in parts.items()}
        expected = self._columns([f"{c.EXPECTED_VALUE}_{suffix}" for suffix in _EXPECTED])
        numbers = np.column_stack([values[placed] for values in expected.values()]).tolist()
        cohorts = self._columns([c.COHORT])[c.COHORT][placed].tolist()
        return [
            pb.PrioritizedCustomer(
                place=i + 1,
                customer_id=audience.ids[i],
                score=audience.scores[i],
                parts=pb.ScoreParts(**{name: values[i] for name, values in shown.items()}),
                currency_code=self.unit,
                cohort=cohorts[i],
                reason=pb.PLACEMENT_REASON_GUARANTEE if audience.guaranteed[i] else pb.PLACEMENT_REASON_SCORE,
                due_floor_ids=_named(names, audience.owed_to[i]),
                counted_floor_ids=_named(names, audience.counts_for[i]),
                expected_value=distribution_pb2.ExpectedValue(
                    currency_code=self.currency, **dict(zip(_EXPECTED, numbers[i], strict=True))
                ),
            )
            for i in range(len(placed))
        ]

    def _floor(self, report: FloorReport) -> pb.ExposureFloorResult:
        attention = report.attention
        return pb.ExposureFloorResult(
            floor_id=report.name,
            eligible_count=report.eligible,
            promised_count=report.owed,
            kept_count=report.placed,
            shortfall_count=report.shortfall,
            first_short_place=report.first_short_slot,
            score_cost=report.value_cost,
            overdue_count=report.overdue,
            attention=None
            if attention is None
            else pb.ExposureFloorAttention(
                promised=attention.promised,
                kept=attention.kept,
                total=attention.total,
                shortfall=attention.shortfall,
                enough_count=attention.enough,
            ),
            currency_code=self.unit,
        )

    def _columns(self, names: Sequence[str]) -> dict[str, NDArray[Any]]:
        return dict(self.snapshot.columns(self.horizon_days, names))


def _named(names: Sequence[str], chosen: NDArray[np.bool_]) -> list[str]:
    return [name for name, is_chosen in zip(names, chosen, strict=True) if is_chosen]
