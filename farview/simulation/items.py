"""The catalogue of a world, and how much each customer truly wants each item."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from farview.core.randomness import generator
from farview.simulation.business import FloatArray, IntArray, World
from farview.simulation.customers import TASTES, Customers, numbered

CATEGORIES = ("books", "garden", "kitchen", "music", "outdoor", "toys")
BRANDS = 12
GRADES = ("impression", "click", "cart", "checkout", "purchase")  # their index is the grade

ITEMS = pa.schema(
    [
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("category", pa.string(), nullable=False),
        pa.field("brand", pa.string(), nullable=False),
        pa.field("price", pa.float64(), nullable=False),  # business currency
        pa.field("margin", pa.float64(), nullable=False),  # business currency, of one sale
        pa.field("stock", pa.int64(), nullable=False),  # pieces
        pa.field("added", pa.date32(), nullable=False),
        pa.field("popularity", pa.float64(), nullable=False),  # share of what the historical ranker favours
    ]
)


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """m items, and the numbers by which customers grade them; C categories, G segments."""

    category: IntArray  # (m,) index into CATEGORIES
    brand: IntArray  # (m,) 0 to BRANDS - 1
    price: FloatArray  # (m,) business currency, lognormal
    margin: FloatArray  # (m,) business currency
    stock: IntArray  # (m,) pieces
    age_days: IntArray  # (m,) before the log's start
    popularity: FloatArray  # (m,) sums to 1
    # latent
    appeal: FloatArray  # (m,) to everybody
    factor: FloatArray  # (m, TASTES) to be matched with a customer's taste
    affinity: FloatArray  # (G, C) of a segment for a category
    grade_intercept: FloatArray  # (4,) log-odds of each further grade at utility 0
    attention: float  # a slot k is looked at with probability k^-attention

    def __len__(self) -> int:
        return len(self.price)


def make_catalogue(world: World) -> Catalogue:
    """The items of the world: prices lognormal around their category, popularity grows with appeal."""
    random = generator(world.seed, "items")
    m = world.item_count
    category = random.integers(0, len(CATEGORIES), m)
    brand = random.integers(0, BRANDS, m)
    level = random.normal(3.2, 0.5, len(CATEGORIES))[category] + random.normal(0, 0.25, BRANDS)[brand]
    price = np.asarray(np.round(np.exp(level + random.normal(0, 0.4, m)), 2), np.float64)
    appeal = random.normal(0, 0.6, m)
    weight = np.exp(0.8 * appeal + random.normal(0, 0.8, m))
    return Catalogue(
        category=category,
        brand=brand,
        price=price,
        margin=np.round(price * random.uniform(0.15, 0.5, m), 2),
        stock=random.negative_binomial(2, 0.02, m),
        age_days=random.integers(0, 720, m),
        popularity=weight / weight.sum(),
        appeal=appeal,
        factor=random.normal(size=(m, TASTES)),
        affinity=random.normal(0, 0.4, (len(world.segments), len(CATEGORIES))),
        grade_intercept=np.array([-2.2, -1.6, -0.2, 0.3]),
        attention=float(random.uniform(0.5, 0.9)),
    )


def utility(catalogue: Catalogue, customers: Customers, items: IntArray) -> FloatArray:
    """How much customers want items: appeal + taste . factor / sqrt(d) + affinity - sensitivity (log price - mean).

    Args:
        catalogue: the items, d latent dimensions of taste.
        customers: n of them.
        items: numbers of items, shape (n, j): the j items looked at by each customer.

    Returns:
        Log-odds, shape (n, j).
    """
    log_price = np.log(catalogue.price)
    matched = np.einsum("nd,njd->nj", customers.taste, catalogue.factor[items]) / np.sqrt(TASTES)
    liked = catalogue.affinity[customers.segment[:, None], catalogue.category[items]]
    dear = customers.price_sensitivity[:, None] * (log_price[items] - log_price.mean())
    return np.asarray(catalogue.appeal[items] + matched + liked - dear)


def grade_probabilities(catalogue: Catalogue, customers: Customers, items: IntArray) -> FloatArray:
    """Probability of each grade 0 to 4 when the item is looked at, shape (n, j, 5).

    Sequential logit: P(grade >= s | grade >= s - 1) = 1 / (1 + exp(-(intercept[s] + utility))), s = 1 to 4.
    """
    odds = catalogue.grade_intercept + utility(catalogue, customers, items)[:, :, None]
    reached = np.cumprod(1 / (1 + np.exp(-odds)), axis=2)  # (n, j, 4): P(grade >= 1), ..., P(grade >= 4)
    edges = np.concatenate([np.ones((*items.shape, 1)), reached, np.zeros((*items.shape, 1))], axis=2)
    return np.asarray(edges[:, :, :-1] - edges[:, :, 1:])


def relevance(catalogue: Catalogue, customers: Customers, items: IntArray) -> FloatArray:
    """Expected grade of each item when it is looked at, 0 to 4, shape (n, j); it rises with the utility."""
    return np.asarray(grade_probabilities(catalogue, customers, items) @ np.arange(len(GRADES)))


def item_ids(number: IntArray) -> pa.Array:
    """`I00000`, `I00001`, ... for 0, 1, ..."""
    return numbered("I", number, 5)


def items_table(world: World, catalogue: Catalogue) -> pa.Table:
    """The catalogue as a file shows it, without its latent columns."""
    start = np.datetime64(world.log_start)
    return pa.table(
        [
            item_ids(np.arange(len(catalogue))),
            pa.array(CATEGORIES).take(pa.array(catalogue.category)),
            numbered("B", catalogue.brand, 2),
            pa.array(catalogue.price),
            pa.array(catalogue.margin),
            pa.array(catalogue.stock),
            pa.array(start - catalogue.age_days.astype("timedelta64[D]")),
            pa.array(catalogue.popularity),
        ],
        schema=ITEMS,
    )
