"""What a tenth of the weight on price costs and gains, as price and appeal go together: python -m benchmarks.frontier.

In the world of tests/ranking/priced_world.py (100 candidates, price lognormal with sigma 1, one relevant item a query).
Areas are 1 less the mean of the figure at 10; smaller is better.
"""

from rich.console import Console
from rich.table import Table

from ranking.frontier import frontier
from tests.ranking.priced_world import priced_queries

QUERIES, K, WEIGHTS = 4_000, 10, (1.0, 0.9, 0.5)
SPEARMANS = (-0.1, 0.0, 0.1)
MOST_PRICE, MOST_RELEVANCE = 0.85, 1.06  # of the areas at weight .9 over those at 1, asked where Spearman's rho is 0


def main() -> None:
    table = Table(
        "Spearman of price and appeal",
        "weight of relevance",
        "area of NDCG",
        "over that at 1",
        "area of NDCP",
        "over that at 1",
        title=f"Frontier over {QUERIES:,} queries; asked at 0 and .9: {MOST_RELEVANCE} and {MOST_PRICE} at most",
    )
    for spearman in SPEARMANS:
        curve = frontier(priced_queries(QUERIES, spearman, seed=1), K, weights=WEIGHTS, resamples=2)
        for point, weight in enumerate(WEIGHTS):
            areas = curve.ndcg_area, curve.ndcp_area
            figures = [text for area in areas for text in (f"{area[point]:.4f}", f"{area[point] / area[0]:.3f}")]
            table.add_row(f"{spearman:+g}", f"{weight:g}", *figures)
        table.add_section()
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
