"""An audience as a table."""

from rich.console import Group

from cli.console import amount, table
from farview.client import Floor
from farview.v1.prioritization_pb2 import PLACEMENT_REASON_GUARANTEE, PrioritizeCustomersResponse


def audience(answer: PrioritizeCustomersResponse, floor: Floor, promised_to: str) -> Group:
    """The audience, first place first, with the reason of each place.

    Args:
        answer: of a request with that floor alone.
        floor: what was promised.
        promised_to: the floor's cohort in words, after "at least 50 % of every prefix".
    """
    currency = answer.customers[0].currency_code
    rows = [
        [
            f"{customer.place}",
            customer.customer_id,
            customer.cohort,
            "promised" if customer.reason == PLACEMENT_REASON_GUARANTEE else "score",
            amount(customer.score),
            f"{amount(customer.expected_value.q10)} - {amount(customer.expected_value.q90)}",
        ]
        for customer in answer.customers
    ]
    (kept,) = answer.floors
    return table(
        f"Audience of {len(answer.customers)} out of {answer.candidate_count:,}, "
        f"at least {floor.share:.0%} of every prefix {promised_to}",
        ["place", "customer", "first bought", "placed by", f"worth, {currency}", "80 % sure"],
        rows,
        left=4,
        caption=f"Promised {kept.promised_count}, kept {kept.kept_count}. "
        f"The promise costs {amount(kept.score_cost)} {currency} of expected value.",
    )
