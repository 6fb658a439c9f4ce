"""Eight processes reserve, confirm, release, crash and let reservations expire on PostgreSQL ledgers at once.

One ledger counts places, the other attention.
"""

import json
import multiprocessing
import os
import random
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from farview.core.attention import FIRST_PLACE
from farview.core.errors import Conflict
from farview.store.engine import open_engine
from farview.store.promises import Cap, Contact, GuaranteeTerms, HeldFloor, HeldLedger, NewSlot, Reservation
from farview.store.store import Store
from farview.store.values import Answered, Business, Exposure, WriteRequest
from farview.store.writer import Writer
from ranking.attention import logarithmic
from ranking.contenders import Contest
from ranking.floors import Guarantee, Standing
from ranking.prioritize import OnShortfall, place, warm
from tests.tiers import examples

CALLERS = 8
SECONDS = examples(ci=0, soak=60)
CRASHED = 9
CALLS = 6  # of each, at least
CUSTOMERS = 4_000
CONTACT = Contact(None, caps=[Cap(2, days=7)])
IDS = np.array([f"c{i:04d}" for i in range(CUSTOMERS)], dtype=object)
COHORTS = {"new": np.arange(CUSTOMERS) % 10 == 0, "lapsed": np.arange(CUSTOMERS) % 10 == 1}
LEDGERS = ("mail", "seen")  # the second one by attention
SHARES = {"new": Fraction(3, 10), "lapsed": Fraction(1, 4)}


def given(held: HeldLedger) -> int:
    """Slots so far, or their attention."""
    return held.attention if held.by_attention else held.slots


def kept(held: HeldLedger, floor: HeldFloor) -> int:
    return (floor.attention if held.by_attention else floor.kept) - floor.carried


def weights_of(held: HeldLedger, places: int) -> list[int]:
    """Of the next places of a list."""
    return np.diff(logarithmic(places)).tolist() if held.by_attention else [1] * places


class Caller:
    """One process: random calls until the time is up, what it saw in a file of its own."""

    def __init__(self, url: str, number: int, until: float, folder: Path) -> None:
        self.random = random.Random(number)
        self.store = Store.open(url)
        self.until = until
        self.name = f"{number}"
        self.seen = (folder / f"{number}.jsonl").open("a")
        self.open_answers: list[tuple[str, list[str]]] = []

    def run(self) -> None:
        calls = 0
        while calls < CALLS or time.time() < self.until:
            calls += 1
            try:
                if self.random.random() < 0.6 or not self.open_answers:
                    self.reserve(f"{self.name}-{calls}")
                else:
                    self.settle(f"{self.name}-{calls}")
            except Conflict:
                self.tell({"gave up": calls})

    def tell(self, seen: dict[str, Any]) -> None:
        self.seen.write(json.dumps(seen) + "\n")
        self.seen.flush()

    def reserve(self, request_id: str) -> None:
        """Sometimes sent twice; sometimes the process ends before the commit."""
        crash = self.random.random() < 0.05
        request = WriteRequest(request_id, "reserve", "")
        times = 2 if request_id.endswith("7") else 1
        answers = [self.store.once(request, lambda writer: self.reserved(writer, crash)) for _ in range(times)]
        assert len({*answers}) == 1
        told = json.loads(answers[0])
        self.tell(told)
        self.open_answers.append((told["answer_id"], told["customers"]))

    def reserved(self, writer: Writer, crash: bool) -> bytes:
        now = datetime.now(UTC)
        writer.hold_contacts()
        held = writer.hold_ledger(self.random.choice(LEDGERS), now)
        scores = np.random.default_rng(self.random.getrandbits(32)).random(CUSTOMERS)
        scores[COHORTS["new"]] -= 2  # whoever is promised a share would never come first
        guarantees = [
            Guarantee(f.guarantee_id, float(f.share), COHORTS[f.filter], Standing(given(held), kept(held, f)))
            for f in held.floors
        ]
        contest = Contest(IDS, scores, self.random.choice([1, 2, 5]), [g.members for g in guarantees], seed=0)

        def barred(ids: np.ndarray) -> np.ndarray:
            found = writer.barred(ids.tolist(), CONTACT, now)
            return np.array([name in found for name in ids], dtype=np.bool_)

        audience = place(
            contest,
            guarantees,
            barred=barred,
            on_shortfall=OnShortfall.REPORT,
            goes_on=True,
            by_attention=held.by_attention,
        )
        answer_id = f"{self.name} {time.time_ns()}"
        masks = [sum(1 << j for j in np.flatnonzero(row)) for row in audience.counts_for]
        named = zip(audience.ids, masks, strict=True)
        weights = weights_of(held, len(masks))
        slots = [
            NewSlot(at, name, mask, False, weights[at - 1] if held.by_attention else 0)
            for at, (name, mask) in enumerate(named, start=1)
        ]
        lasts = timedelta(seconds=self.random.choice([0.05, 3600]))
        writer.reserve(held, slots, Reservation(answer_id, now + lasts, self.name), now)
        if crash:
            os._exit(CRASHED)
        broken = self.broken(held, contest, audience.candidates.tolist())
        return json.dumps({"answer_id": answer_id, "customers": audience.ids.tolist(), "broken": broken}).encode()

    @staticmethod
    def broken(held: HeldLedger, contest: Contest, chosen: list[int]) -> list[int]:
        """Slots that went to another while a placement was due and somebody of the cohort could have had it."""
        counts, so_far = {f.filter: kept(held, f) for f in held.floors}, given(held)
        whole = FIRST_PLACE if held.by_attention else 1
        found = []
        for slot, (candidate, weight) in enumerate(zip(chosen, weights_of(held, len(chosen)), strict=True), start=1):
            left = ~contest.barred
            left[chosen[: slot - 1]] = False
            so_far += weight
            due = [
                name
                for name, share in SHARES.items()
                if share * so_far - counts[name] >= whole and (COHORTS[name] & left).any()
            ]
            if due and not any(COHORTS[name][candidate] for name in due):
                found.append(slot)
            counts = {name: count + weight * int(COHORTS[name][candidate]) for name, count in counts.items()}
        return found

    def settle(self, request_id: str) -> None:
        """Reports some places as shown and gives the others back, unless it is too late to have shown them."""
        answer_id, customers = self.open_answers.pop(self.random.randrange(len(self.open_answers)))
        shown = {at: name for at, name in enumerate(customers, 1) if self.random.random() < 0.6}

        def work(writer: Writer) -> bytes:
            reserved = (
                "SELECT place FROM exposure_slots WHERE answer_id = :a AND state = 'reserved' AND expires_at > now()"
            )
            mine = "sequence_id = (SELECT min(sequence_id) FROM exposure_slots WHERE answer_id = :a)"
            held = text(f"SELECT 1 FROM exposure_sequences WHERE {mine} FOR UPDATE")  # so that none expires now
            writer.connection.execute(held, {"a": answer_id})
            still = set(writer.connection.execute(text(reserved), {"a": answer_id}).scalars())
            told = {at: name for at, name in shown.items() if at in still}
            writer.settle(answer_id, told, None)
            rows = [Exposure(at, datetime.now(UTC), name, None) for at, name in told.items()]
            writer.record_exposures(Answered(answer_id, "PrioritizeCustomers", None, None, None), rows, who=self.name)
            return b""

        self.store.once(WriteRequest(request_id, "settle", ""), work)


def call(url: str, number: int, until: float, folder: Path) -> None:
    try:
        Caller(url, number, until, folder).run()
    except BaseException as error:  # a forked child must never run on into pytest
        (folder / f"{number}.error").write_text(repr(error))
        os._exit(1)
    os._exit(0)


@pytest.fixture(scope="module")
def ledger(postgres_server: str, postgres_template: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """URL of the database and the folder of what the callers saw, after all of them have ended."""
    from sqlalchemy import make_url

    name = "eight_callers"
    engine = open_engine(postgres_server).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {postgres_template}"))
    engine.dispose()
    url = make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
    store = Store.open(url)
    store.set_business(Business("UTC", "EUR", consent_required=False))
    for ledger in LEDGERS:
        for cohort, share in SHARES.items():
            terms = GuaranteeTerms(f"{cohort}-{ledger}", ledger, share, cohort, None, 3650)
            store.set_guarantee(replace(terms, by_attention=ledger == "seen"), who="test")
    store.close()
    warm()
    folder = tmp_path_factory.mktemp("callers")
    until, context = time.time() + SECONDS, multiprocessing.get_context("fork")
    running = {n: context.Process(target=call, args=(url, n, until, folder)) for n in range(CALLERS)}
    for process in running.values():
        process.start()
    while running:
        number, process = next(iter(running.items()))
        process.join()
        del running[number]
        if process.exitcode == CRASHED and number < 20 * CALLERS:  # another one takes its place
            following = number + CALLERS
            running[following] = context.Process(target=call, args=(url, following, until, folder))
            running[following].start()
    return url, folder


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    engine = open_engine(url)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(query))]
    engine.dispose()
    return found


def seen(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for file in folder.glob("*.jsonl") for line in file.read_text().splitlines()]


def test_callers_fail_at_nothing_and_give_nothing_up(ledger: tuple[str, Path]) -> None:
    _, folder = ledger
    assert [file.read_text() for file in folder.glob("*.error")] == []
    told = seen(folder)
    assert len(told) > 2 * CALLERS
    assert [one for one in told if "gave up" in one] == []


def test_no_floor_is_broken_at_any_commit(ledger: tuple[str, Path]) -> None:
    assert [one for one in seen(ledger[1]) if one["broken"]] == []


def test_what_is_counted_is_what_is_there(ledger: tuple[str, Path]) -> None:
    of_sequence = "FROM exposure_slots s WHERE s.sequence_id = q.sequence_id AND s.state IN ('reserved', 'confirmed')"
    of_floor = f"{of_sequence} AND (s.counts_for >> f.bit::int) & 1 = 1"
    query = f"""SELECT q.slots, f.kept, q.attention, f.attention, (SELECT count(*) {of_sequence}),
        (SELECT count(*) {of_floor}), (SELECT coalesce(sum(s.attention), 0) {of_sequence}),
        (SELECT coalesce(sum(s.attention), 0) {of_floor})
        FROM exposure_sequences q JOIN exposure_floors f ON f.sequence_id = q.sequence_id"""
    found = rows(ledger[0], query)
    assert len(found) == len(SHARES) * len(LEDGERS)
    assert all(row[:4] == row[4:] for row in found)
    assert {bool(row[2]) for row in found} == {True, False}


def test_no_cap_is_broken(ledger: tuple[str, Path]) -> None:
    contacts = rows(
        ledger[0],
        """SELECT customer_id, count(*) FROM (
            SELECT customer_id FROM exposures
            UNION ALL SELECT customer_id FROM exposure_slots WHERE state = 'reserved' AND expires_at > now()
        ) c GROUP BY customer_id""",
    )
    assert max(count for _, count in contacts) <= 2


def test_a_request_reserves_once(ledger: tuple[str, Path]) -> None:
    url, folder = ledger
    told = Counter(one["answer_id"] for one in seen(folder))
    stored = Counter(dict(rows(url, "SELECT answer_id, count(*) FROM exposure_slots GROUP BY answer_id")))
    assert max(told.values()) == 1
    for one in seen(folder):
        assert stored[one["answer_id"]] == len(one["customers"])


def test_reservations_expired_were_released_and_confirmed(ledger: tuple[str, Path]) -> None:
    states = dict(rows(ledger[0], "SELECT state, count(*) FROM exposure_slots GROUP BY state"))
    assert {"confirmed", "released", "expired"} <= states.keys()
