"""Random constraints, feasible and not."""

from dataclasses import replace
from random import Random

from journeys.constraints import Constraints


def constraints(random: Random, channels: tuple[str, ...], most: int) -> Constraints:
    """Rules for plans of up to `most` touches; many of them are hard or impossible to keep."""
    longest = random.randint(1, most)
    rules = Constraints(max_touches=longest, min_touches=random.choice([0, random.randint(0, longest), longest]))
    some = lambda share: [name for name in channels if random.random() < share]  # noqa: E731
    places = lambda share: [number for number in range(1, longest + 1) if random.random() < share]  # noqa: E731
    return replace(
        rules,
        fixed={position: random.choice(channels) for position in places(0.15)},
        forbidden=frozenset((position, name) for position in places(0.4) for name in some(0.4)),
        caps={name: random.randint(0, 2) for name in some(random.choice([0.2, 0.9]))},
        denied=frozenset(some(random.choice([0.0, 0.3]))),
    )
