"""The unit that attention is counted in."""

FIRST_PLACE = 10**6
"""The attention of a list's first place. That of other places is rounded to millionths of it: sums are exact."""
