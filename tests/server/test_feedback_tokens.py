"""Feedback tokens: what was signed comes back, what was changed does not."""

import re
import string
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from farview.core.errors import InvalidInput
from server.feedback_tokens import Answer, FeedbackTokens
from tests.tiers import examples

KEYS = [b"1" * 32, b"2" * 32]
TOKENS = FeedbackTokens(KEYS)
PLAN = Answer("PlanJourney", places=5, model_version="journeys/3", plan_id=17, customer_id="Zoë #1")
ANSWERS = st.builds(
    Answer,
    method=st.sampled_from(["PrioritizeCustomers", "RankItems", "PlanJourney"]),
    places=st.integers(0, 10_000),
    forecast_run_id=st.none() | st.integers(1, 2**63 - 1),
    model_version=st.none() | st.just("ltv-revenue/12"),
    plan_id=st.none() | st.integers(1, 2**63 - 1),
    customer_id=st.none() | st.text(min_size=1, max_size=256),
    issued_at=st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(
        lambda time: time.replace(microsecond=0)
    ),
)


def refused(tokens: FeedbackTokens, token: str) -> bool:
    with pytest.raises(InvalidInput) as caught:
        tokens.read(token)
    return [violation.field for violation in caught.value.violations] == ["feedback_token"]


@given(ANSWERS)
@settings(max_examples=examples(ci=200, soak=10_000))
def test_an_answer_comes_back_as_it_was_signed(answer: Answer) -> None:
    assert TOKENS.read(TOKENS.issue(answer)) == answer


@given(ANSWERS, st.data())
@settings(max_examples=examples(ci=400, soak=20_000))
def test_any_changed_character_is_refused(answer: Answer, data: st.DataObject) -> None:
    token = TOKENS.issue(answer)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from(string.printable) | st.characters())
    assume(other != token[place])
    assert refused(TOKENS, token[:place] + other + token[place + 1 :])


def test_every_other_last_character_is_refused() -> None:
    token = TOKENS.issue(PLAN)
    alphabet = set(string.ascii_letters + string.digits + "_-") - {token[-1]}
    assert all(refused(TOKENS, token[:-1] + other) for other in alphabet)


@given(st.data())
@settings(max_examples=examples(ci=200, soak=10_000))
def test_characters_more_or_fewer_are_refused(data: st.DataObject) -> None:
    token = TOKENS.issue(PLAN)
    place = data.draw(st.integers(0, len(token)))
    more = data.draw(st.text(max_size=3))
    fewer = data.draw(st.integers(0, 3)) if not more else 0
    changed = token[:place] + more + token[place + fewer :]
    assume(changed != token)
    assert refused(TOKENS, changed)


@given(st.text() | st.text(string.ascii_letters + ".", min_size=60, max_size=80))
@settings(max_examples=examples(ci=200, soak=10_000))
def test_what_was_never_signed_is_refused(text: str) -> None:
    assert refused(TOKENS, text)


def test_payload_and_signature_of_two_tokens_do_not_mix() -> None:
    one, other = TOKENS.issue(PLAN), TOKENS.issue(Answer("RankItems", places=3))
    assert refused(TOKENS, one.split(".")[0] + "." + other.split(".")[1])


def test_tokens_of_another_key_are_refused() -> None:
    assert refused(FeedbackTokens([b"3" * 32]), TOKENS.issue(PLAN))


def test_a_new_key_leaves_old_tokens_valid() -> None:
    old = FeedbackTokens(KEYS[:1]).issue(PLAN)
    assert FeedbackTokens(KEYS).read(old) == PLAN


def test_the_newest_key_signs() -> None:
    assert FeedbackTokens(KEYS[1:]).read(TOKENS.issue(PLAN)) == PLAN
    assert refused(FeedbackTokens(KEYS[:1]), TOKENS.issue(PLAN))


def test_a_key_that_was_taken_out_is_refused() -> None:
    assert refused(FeedbackTokens(KEYS[1:]), FeedbackTokens(KEYS[:1]).issue(PLAN))


@given(ANSWERS)
@settings(max_examples=examples(ci=100, soak=1_000))
def test_tokens_go_into_a_url_as_they_are(answer: Answer) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", TOKENS.issue(answer))


def test_two_answers_never_share_an_id() -> None:
    assert len({Answer("RankItems", places=3).answer_id for _ in range(1_000)}) == 1_000
