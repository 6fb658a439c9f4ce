"""Randomness keyed by what it is for, never by position, so no batch size, order or engine changes a result."""

import hashlib

import numpy as np


def generator(seed: int, *key: str) -> np.random.Generator:
    """A generator that depends on (seed, key) only.

    The key is hashed with BLAKE2b, its parts length-prefixed so that ("ab", "c") and ("a", "bc") differ.
    """
    digest = hashlib.blake2b(digest_size=16, salt=(seed & (2**64 - 1)).to_bytes(8, "little"))
    for part in key:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(4, "little") + encoded)
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest.digest(), "little")))
