"""What is larger than 8 MiB is a mapping of its own, whatever was freed before."""

from __future__ import annotations

import subprocess
import sys

COUNTED = """
import ctypes
from vigie.serving.runtime.growth import grow_without_copies

class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keep".split()]

mallinfo = ctypes.CDLL(None).mallinfo2
mallinfo.restype = Info

held = []

def mapped():
    before = mallinfo().hblks
    held.append(bytes(9 * 2**20))
    return mallinfo().hblks - before

# what is freed raises glibc's own threshold
freed = bytes(30 * 2**20)
del freed
by_itself = mapped()
grow_without_copies()
print(by_itself, mapped())
"""


def test_what_is_large_has_pages_of_its_own() -> None:
    counted = subprocess.run(
        [sys.executable, "-c", COUNTED], check=True, capture_output=True, text=True, timeout=60
    )
    assert counted.stdout.split() == ["0", "1"]
