from __future__ import annotations

import os
import signal

import pytest

from vigie.batch.stop_signal import StopSignal


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_is_noted_and_the_second_is_as_ever(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with StopSignal() as stop:
        assert not stop.wait(0)
        os.kill(os.getpid(), number)
        assert stop.wait(10)
        assert (stop.seen, stop.number) == (True, number)
        assert signal.getsignal(number) is before
    assert signal.getsignal(number) is before
