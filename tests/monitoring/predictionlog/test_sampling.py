"""Which requests are logged: a uniform sample that the id alone decides."""

from __future__ import annotations

from vigie.monitoring.predictionlog.sampling import RateCap, halvings_of

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
