"""What RankItems costs beside gRPC: python -m benchmarks.rank_items.

Decoding the request, checking it, ranking, signing the token, building the answer and encoding it, in this process: the
handler as the server runs it. Three objectives, one of them the price. Times are of the processor: neighbours on the
machine do not count as ours.
"""

import time
from collections.abc import Callable, Sequence

import numpy as np
from rich.console import Console
from rich.table import Table

from farview.core.errors import NotFound
from farview.v1 import items_pb2 as pb
from ranking.items import rank_items
from server.convert import item_answers, item_requests
from server.convert.item_columns import Learned
from server.feedback_tokens import Answer, FeedbackTokens

CALLS, WARM_UP = 500, 50
BUDGET_MS = {(200, False): 0.6, (200, True): 1.3}
TOKENS = FeedbackTokens([bytes(32)])


def main() -> None:
    table = Table(
        "candidates", "explained", "median ms", "p95 ms", "budget ms", "answer KB", title="RankItems, our code"
    )
    for candidates in (50, 200, 1_000):
        for explained in (False, True):
            request = random_request(candidates, explained).SerializeToString()
            milliseconds = times(lambda request=request: handled(request))
            budget = BUDGET_MS.get((candidates, explained))
            table.add_row(
                f"{candidates:,}",
                "yes" if explained else "no",
                f"{np.median(milliseconds):.2f}",
                f"{np.quantile(milliseconds, 0.95):.2f}",
                "" if budget is None else f"{budget:.1f}",
                f"{len(handled(request)) / 1e3:,.0f}",
            )
    Console().print(table)


def handled(request: bytes) -> bytes:
    """What the server does with the bytes of a request."""
    asked = item_requests.rank_items(pb.RankItemsRequest.FromString(request), _nobody)
    with item_requests.request_paths():
        ranked = rank_items(asked.ids, asked.blend, seed=asked.seed or 0, explain=asked.explain)
    token = TOKENS.issue(Answer("RankItems", places=len(ranked.ids)))
    return item_answers.message(ranked, asked.blend, "EUR", token).SerializeToString()


def _nobody(name: str, _customer_id: str, _item_ids: Sequence[str]) -> Learned:
    raise NotFound(f"{name}: the requests of this benchmark name no model")


def times(call: Callable[[], bytes]) -> np.ndarray:
    """Milliseconds of processor time of each call after the warm-up."""
    nanoseconds = []
    for _ in range(WARM_UP + CALLS):
        began = time.thread_time_ns()
        call()
        nanoseconds.append(time.thread_time_ns() - began)
    return np.array(nanoseconds[WARM_UP:]) / 1e6


def random_request(candidates: int, explained: bool) -> pb.RankItemsRequest:
    """Relevance and margin with distinct values, rounded prices with ties."""
    random = np.random.default_rng(1)
    items = [
        pb.CandidateItem(
            item_id=f"item-{number:05d}", price=round(float(random.lognormal(3, 1))) + 0.99, values=random.random(2)
        )
        for number in range(candidates)
    ]
    objectives = [pb.ItemObjective(name=name, weight=weight) for name, weight in WEIGHTS.items()]
    return pb.RankItemsRequest(
        items=items,
        value_names=["relevance", "margin"],
        blend={"rank_product": {"objectives": objectives}},
        seed=7,
        include_explanation=explained,
    )


WEIGHTS = {"relevance": 0.6, "price": 0.3, "margin": 0.1}


if __name__ == "__main__":
    main()
