"""Artifacts of named parts: what goes in comes out, and nothing else is taken for it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farview.core.errors import ArtifactMismatch
from ltv.parts import is_packed, pack, unpack
from tests.tiers import examples


@settings(max_examples=examples(ci=50, soak=2000), deadline=None)
@given(
    name=st.text(max_size=20),
    about=st.dictionaries(st.text(max_size=5), st.floats(allow_nan=False, allow_infinity=False), max_size=3),
    parts=st.dictionaries(st.text(max_size=5), st.binary(max_size=40), max_size=4),
)
def test_what_is_packed_is_unpacked(name: str, about: dict[str, float], parts: dict[str, bytes]) -> None:
    packed = pack(name, about, parts)
    assert is_packed(packed)
    assert unpack(packed) == (name, about, parts)


@given(place=st.integers(0, 10_000))
def test_a_changed_byte_is_refused(place: int) -> None:
    packed = bytearray(pack("boost", {"a": 1}, {"one": b"123", "two": b""}))
    packed[place % len(packed)] ^= 1
    with pytest.raises(ArtifactMismatch):
        unpack(bytes(packed))


@pytest.mark.parametrize("foreign", [b"", b"farview parts 1\n", b"PAR1" * 20])
def test_foreign_bytes_are_refused(foreign: bytes) -> None:
    with pytest.raises(ArtifactMismatch):
        unpack(foreign)
