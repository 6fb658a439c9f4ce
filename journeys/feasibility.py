"""Can a plan still be finished? A matching of positions to channels with caps, kept up to date along the plan.

A plan must reach `needed` touches. While it is shorter, its search holds a matching: a channel for every position still
needed, within what the caps leave. A channel may be chosen for the next position exactly when the matching can make
room for it by an alternating path, so no dead end is ever entered. Channels are bits of a 64-bit word.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
WordArray = NDArray[np.uint64]

NO_CHANNEL = -1
_ONE = np.uint64(1)
_NONE = np.uint64(0)


@njit(cache=True, nogil=True)
def match_all(allowed: WordArray, caps: IntArray, matching: IntArray) -> bool:
    """Fills `matching` (needed,) with a channel for every position; False if there is none (Kuhn's algorithm).

    Args:
        allowed: channels that may stand at each position, shape (needed,) at least.
        caps: most touches by channel, shape (C,).
        matching: overwritten.
    """
    matching[:] = NO_CHANNEL
    for position in range(len(matching) - 1, -1, -1):
        reached, by, to = _reach(allowed, caps, matching, position)
        choices = reached & allowed[position]
        if choices == _NONE:
            return False
        _make_room(_lowest(choices), position, by, to, matching)
    return True


@njit(cache=True, nogil=True)
def open_channels(allowed: WordArray, left: IntArray, matching: IntArray, position: int) -> np.uint64:
    """The channels that may stand at `position` so that every later needed position can still be filled.

    Args:
        allowed: channels that may stand at each position, shape (L,).
        left: touches that the caps leave from `position` on, shape (C,).
        matching: of the positions from `position` on, shape (needed,).
        position: from 0.
    """
    if position < len(matching):
        return _reach(allowed, left, matching, position)[0] & allowed[position]
    free = _NONE
    for channel in range(len(left)):
        if left[channel] > 0:
            free |= _ONE << np.uint64(channel)
    return free & allowed[position]


@njit(cache=True, nogil=True)
def take_channel(allowed: WordArray, left: IntArray, matching: IntArray, position: int, channel: int) -> None:
    """Puts an open channel at `position`: rearranges the matching of later positions and counts the touch."""
    if position < len(matching) and matching[position] != channel:
        _, by, to = _reach(allowed, left, matching, position)
        _make_room(channel, position, by, to, matching)
    left[channel] -= 1


@njit(cache=True, nogil=True)
def _reach(
    allowed: WordArray, left: IntArray, matching: IntArray, position: int
) -> tuple[np.uint64, IntArray, IntArray]:
    """Channels with room for one more touch if later positions move, and the moves that make the room.

    Channel c gets room when position by[c] moves from c to to[c], which got its room earlier; by[c] = -1: it has room.
    """
    spare = left.copy()
    for later in range(position + 1, len(matching)):
        if matching[later] != NO_CHANNEL:
            spare[matching[later]] -= 1
    by, to = np.full(len(left), -1), np.full(len(left), -1)
    reached = _NONE
    for channel in range(len(left)):
        if spare[channel] > 0:
            reached |= _ONE << np.uint64(channel)
    grew = True
    while grew:
        grew = False
        for later in range(position + 1, len(matching)):
            held = matching[later]
            if held == NO_CHANNEL or reached >> np.uint64(held) & _ONE != _NONE:
                continue
            choices = allowed[later] & reached
            if choices != _NONE:
                by[held], to[held] = later, _lowest(choices)
                reached |= _ONE << np.uint64(held)
                grew = True
    return reached, by, to


@njit(cache=True, nogil=True)
def _make_room(channel: int, position: int, by: IntArray, to: IntArray, matching: IntArray) -> None:
    matching[position] = channel
    while by[channel] >= 0:
        moved = by[channel]
        channel = to[channel]
        matching[moved] = channel


@njit(cache=True, nogil=True)
def _lowest(word: np.uint64) -> int:
    channel = 0
    while word >> np.uint64(channel) & _ONE == _NONE:
        channel += 1
    return channel
