"""Blends of RankItems, checked, and as the kernel takes them."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from farview.core.errors import InvalidInput, Violation
from farview.v1 import items_pb2 as pb
from ranking.expected_revenue import ExpectedRevenue, PriceFunction
from ranking.items import Blend
from ranking.rank_product import Objective
from server.convert.fields import counted, known_value
from server.convert.item_columns import MAX_VALUE, PRICE, PROBABILITY, ItemColumns
from server.convert.parse import Parsed

MAX_OBJECTIVES = 16
MAX_WEIGHT = 1_000_000
MIN_BIN_WIDTH = 1e-12
OBJECTIVES = "blend.rank_product.objectives"


class ItemObjective(Parsed):
    """One thing to have much of."""

    name: str
    weight: Annotated[float, Field(ge=0, le=MAX_WEIGHT, allow_inf_nan=False)]
    bin_width: Annotated[float, Field(ge=MIN_BIN_WIDTH, le=MAX_VALUE, allow_inf_nan=False)] | None

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.ItemObjective) -> dict[str, Any]:
        return {
            "name": message.name,
            "weight": message.weight if message.HasField("weight") else 1.0,
            "bin_width": message.bin_width if message.HasField("bin_width") else None,
        }


class RankProduct(Parsed):
    """Objectives that share no unit."""

    objectives: Annotated[tuple[ItemObjective, ...], counted(1, MAX_OBJECTIVES)]

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.RankProduct) -> dict[str, Any]:
        return {"objectives": tuple(message.objectives)}

    def blend(self, columns: ItemColumns) -> list[Objective]:
        """For the kernel.

        Raises:
            InvalidInput: objectives without a value for every item.
        """
        unknown = [
            (k, objective.name) for k, objective in enumerate(self.objectives) if objective.name not in columns.values
        ]
        if unknown:
            known = ", ".join(columns.values)
            raise InvalidInput(
                *(Violation(f"{OBJECTIVES}[{k}].name", f"is {name!r}; there are {known}") for k, name in unknown)
            )
        return [
            Objective(wanted.name, columns.of(wanted.name, "an objective"), wanted.weight, wanted.bin_width)
            for wanted in self.objectives
        ]


class Revenue(Parsed):
    """Probability times a function of the price."""

    price_function: Annotated[int, known_value(pb.PriceFunction)]

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.ExpectedRevenue) -> dict[str, Any]:
        return {"price_function": message.price_function}

    def blend(self, columns: ItemColumns) -> ExpectedRevenue:
        """For the kernel.

        Raises:
            InvalidInput: items without probability or price.
        """
        ln = self.price_function == pb.PRICE_FUNCTION_LN
        return ExpectedRevenue(
            columns.of(PROBABILITY, "expected revenue"),
            columns.of(PRICE, "expected revenue"),
            PriceFunction.LN if ln else PriceFunction.IDENTITY,
        )


class ItemBlend(Parsed):
    """How what is known of an item becomes its score: exactly one of the two."""

    rank_product: RankProduct | None
    expected_revenue: Revenue | None

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.ItemBlend) -> dict[str, Any]:
        kind = message.WhichOneof("kind")
        if kind is None:
            raise ValueError("is not set; send rank_product or expected_revenue")
        return {"rank_product": None, "expected_revenue": None, kind: getattr(message, kind)}

    @property
    def names(self) -> frozenset[str]:
        """Of the objectives."""
        return frozenset(each.name for each in self.rank_product.objectives) if self.rank_product else frozenset()

    def of(self, columns: ItemColumns) -> Blend:
        """For the kernel.

        Raises:
            InvalidInput: items without what the blend reads.
        """
        kind = self.rank_product or self.expected_revenue
        assert kind is not None
        return kind.blend(columns)
