"""When the agent fetches a file: a function of what is known and of the time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.native.conftest import Driver

NOW = 1_800_000_000_000
NEVER = "-1 0"
times = st.integers(0, 2 * NOW)


def due(
    driver: Driver, *, fetched: int = -1, age: int = 0, failed: int = 0, failures: int = 0, now: int = NOW
) -> int:
    return int(driver.ask("due", fetched, age, failed, failures, 1000, 60_000, now))


class TestDue:
    def test_what_never_was_is_due(self, driver: Driver) -> None:
        assert due(driver) == NOW

    @pytest.mark.parametrize(
        ("ago", "left"), [(0, 60_000), (1, 59_999), (59_999, 1), (60_000, 0), (10**9, 0)]
    )
    def test_what_was_fetched_is_due_at_its_age(self, driver: Driver, ago: int, left: int) -> None:
        assert due(driver, fetched=NOW - ago, age=60) == NOW + left

    def test_what_comes_from_the_future_is_due(self, driver: Driver) -> None:
        assert due(driver, fetched=NOW + 1, age=60) == NOW
        assert due(driver, fetched=NOW - 1, age=60, failed=NOW + 1, failures=9) == NOW

    @pytest.mark.parametrize(
        ("failures", "seconds"), [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (8, 60), (2**31 - 1, 60)]
    )
    def test_failures_are_repeated_ever_later(self, driver: Driver, failures: int, seconds: int) -> None:
        assert due(driver, failed=NOW, failures=failures) == NOW + seconds * 1000
        assert due(driver, fetched=1, age=1, failed=NOW, failures=failures) == NOW + seconds * 1000

    @given(
        fetched=times,
        age=st.integers(1, 30 * 86_400),
        failed=times,
        failures=st.integers(0, 2**31 - 1),
        now=times,
    )
    def test_it_is_never_before_now_nor_out_of_reach(
        self, driver: Driver, fetched: int, age: int, failed: int, failures: int, now: int
    ) -> None:
        at = due(driver, fetched=fetched, age=age, failed=failed, failures=failures, now=now)
        assert now <= at <= now + (60_000 if failures else age * 1000)


class TestStale:
    @pytest.mark.parametrize(("ago", "stale"), [(0, 0), (60_000, 0), (119_999, 0), (120_000, 1), (10**12, 1)])
    def test_what_is_twice_its_age_is(self, driver: Driver, ago: int, stale: int) -> None:
        assert driver.ask("stale", NOW - ago, 60, NOW) == str(stale)

    @pytest.mark.parametrize("fetched", [-1, NOW + 1])
    def test_what_is_unknown_is(self, driver: Driver, fetched: int) -> None:
        assert driver.ask("stale", fetched, 60, NOW) == "1"


class TestSuccess:
    @pytest.mark.parametrize(
        ("told", "taken"),
        [(-1, 300), (0, 1), (1, 1), (3600, 3600), (2_592_000, 2_592_000), (10**11, 2_592_000)],
    )
    def test_an_age_has_bounds(self, driver: Driver, told: int, taken: int) -> None:
        assert driver.ask("success", NOW, told) == f"{NOW} {taken}"


class TestRecord:
    @given(fetched=st.integers(0, 2**62 // 10), age=st.integers(1, 30 * 86_400))
    def test_what_is_recorded_is_recalled(self, driver: Driver, fetched: int, age: int) -> None:
        assert driver.ask("record", fetched, age) == f"{fetched} {age}"

    @pytest.mark.parametrize(
        "record",
        [
            *(b"", b"\n", b" ", b"5", b"5 ", b"5 5", b"5\n5\n", b"5 5\n\n", b" 5 5\n", b"-5 5\n", b"5 -5\n"),
            *(b"5 0\n", b"5 2592001\n", b"9" * 40 + b" 5\n", b"5 " + b"9" * 40 + b"\n", b"5 5\n\0", b"a 5\n"),
        ],
    )
    def test_what_is_none_is_never(self, driver: Driver, record: bytes) -> None:
        assert driver.ask("parse", len(record), content=record) == NEVER

    @given(record=st.binary(max_size=64) | st.text("0123456789 \n", max_size=64).map(str.encode))
    def test_any_bytes_are_one_or_never(self, driver: Driver, record: bytes) -> None:
        answer = driver.ask("parse", len(record), content=record)
        assert answer == NEVER or list(map(int, answer.split())) == list(map(int, record.split()))


class TestBackoff:
    def test_it_doubles_to_the_maximum(self, driver: Driver) -> None:
        delays = driver.ask("backoff", 1, 1000, 5000, 4999).split()
        assert delays == ["0", "1", "2", "4", "8", "16", "32", "64", "128", "256", "512", *["1000"] * 5]

    def test_it_begins_anew_after_a_long_run(self, driver: Driver) -> None:
        assert driver.ask("backoff", 1, 1000, 5000, 5000).split()[-1] == "0"
