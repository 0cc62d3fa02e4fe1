"""Which requests are logged: a uniform sample that the id alone decides."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from vigie.predictionlog.sampling import RateCap, halvings_of

IDS = [f"request-{number}" for number in range(20_000)]


def test_each_halving_leaves_half_of_the_ids() -> None:
    survived = [halvings_of(name) for name in IDS]
    for halvings in range(1, 7):
        share = sum(s >= halvings for s in survived) / len(IDS)
        assert abs(share * 2**halvings - 1) < 0.15


def test_below_the_cap_every_request_is_logged() -> None:
    cap = RateCap(100)
    assert all(cap.takes(name, 1, 1000 + at / 100) for at, name in enumerate(IDS[:5000]))
    assert cap.halvings == 0


def test_no_limit_is_no_limit() -> None:
    cap = RateCap(0)
    assert all(cap.takes(name, 10, 1000.0) for name in IDS)


def test_a_steady_rate_above_the_cap_is_sampled_to_it() -> None:
    cap = RateCap(100)
    kept = [name for at, name in enumerate(IDS) if cap.takes(name, 1, 1000 + at / 1000)]
    seconds = len(IDS) / 1000
    assert 40 * seconds < len(kept) < 130 * seconds
    # 1000 a second are an eighth or a sixteenth of themselves under a cap of 100
    assert cap.halvings == 4
    assert all(halvings_of(name) >= 4 for name in kept[-50:])


def test_a_burst_within_one_second_stays_below_twice_the_cap() -> None:
    cap = RateCap(100)
    kept = sum(cap.takes(name, 1, 1000.0) for name in IDS)
    assert 100 <= kept <= 220


def test_the_rate_forgets_a_burst_when_it_is_over() -> None:
    cap = RateCap(10)
    for name in IDS[:1000]:
        cap.takes(name, 1, 1000.5)
    assert cap.halvings > 0
    assert all(cap.takes(name, 1, 1005.0) for name in IDS[:10])


def test_what_is_left_out_is_counted_with_its_share_and_hour() -> None:
    cap = RateCap(10)
    kept = sum(cap.takes(name, 3, 7200.5) for name in IDS[:1000])
    lost, shares = cap.lost()
    assert lost == 3 * (1000 - kept)
    assert {hour for hour, _ in shares} == {2}
    assert max(halvings for _, halvings in shares) == cap.halvings
    assert cap.lost() == (0, set())


def test_a_request_is_surely_left_out_only_in_the_second_that_the_share_is_for() -> None:
    cap = RateCap(10)
    for name in IDS[:1000]:
        cap.takes(name, 1, 1000.5)
    name = next(name for name in IDS if halvings_of(name) < cap.halvings)
    assert cap.leaves_out(name, 1, 1000.9)
    assert not cap.leaves_out(name, 1, 1001.0)
    # a clock that is set back begins anew
    assert not cap.leaves_out(name, 1, 990.0)
    assert cap.takes(name, 1, 990.0)


def test_threads_that_leave_out_lose_no_count() -> None:
    cap = RateCap(1)
    for name in IDS[:100]:
        cap.takes(name, 1, 1000.0)
    cap.lost()
    name = next(name for name in IDS if halvings_of(name) < cap.halvings)

    def leave_out() -> None:
        for _ in range(20_000):
            assert cap.leaves_out(name, 1, 1000.0)

    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(leave_out) for _ in range(4)]
        seen = 0
        while not all(one.done() for one in done):
            seen += cap.lost()[0]
        for one in done:
            one.result()
    assert seen + cap.lost()[0] == 80_000
