"""Stored audiences as protobuf messages."""

import pyarrow as pa

from farview.store.audiences import StoredAudience
from farview.v1 import job_pb2 as pb
from farview.v1 import prioritization_pb2


def members(stored: StoredAudience, page: pa.Table, next_page_token: str) -> pb.ListAudienceMembersResponse:
    """A page of an audience; `page` is audiences.MEMBERS."""
    forced, by_score = prioritization_pb2.PLACEMENT_REASON_GUARANTEE, prioritization_pb2.PLACEMENT_REASON_SCORE
    return pb.ListAudienceMembersResponse(
        members=[
            pb.AudienceMember(
                place=row["place"],
                customer_id=row["customer_id"],
                score=row["score"],
                cohort=row["cohort"],
                reason=forced if row["forced"] else by_score,
                expected_value_mean=row["expected_value_mean"],
            )
            for row in page.to_pylist()
        ],
        next_page_token=next_page_token,
        customer_count=stored.customers,
        forecast_run_id=str(stored.made.forecast_run_id),
        model_version=stored.made.model_version,
    )
