"""Takes system calls away from this process, on Linux: no network, no programs, no other process.

A seccomp filter of our own, written as classic BPF (seccomp(2)); nothing is installed for it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct

_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _EQUAL, _ABOVE, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_CLONE_THREAD = 0x00010000
_X32 = 0x40000000
_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_NO_NEW_PRIVS, _DIE_WITH_PARENT = 38, 1
_CAPABILITIES = 0x20080522

_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}

_REFUSED = {
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200),
    "listen": (50, 201), "accept": (43, 202), "accept4": (288, 242), "sendto": (44, 206),
    "sendmsg": (46, 211), "sendmmsg": (307, 269),
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kill": (62, 129), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "unshare": (272, 97), "setns": (308, 268), "open_tree": (428, 428), "move_mount": (429, 429),
    "fsopen": (430, 430), "fsmount": (432, 432), "mount_setattr": (442, 442),
    "mknod": (133, None), "mknodat": (259, 33), "open_by_handle_at": (304, 265),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "reboot": (169, 142),
    "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89), "quotactl": (179, 60),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "sethostname": (170, 161),
    "setdomainname": (171, 162), "ioperm": (173, None), "iopl": (172, None), "syslog": (103, 116),
    "setuid": (105, 146), "setgid": (106, 144), "setresuid": (117, 147), "setresgid": (119, 149),
    "capset": (126, 91), "setrlimit": (160, 164),
}  # fmt: skip
_CLONE, _CLONE3, _TGKILL, _PRLIMIT = (56, 220), 435, (234, 131), (302, 261)
_SECCOMP, _CAPSET = (317, 277), (126, 91)


def is_supported() -> bool:
    """True where this module has a filter for the machine."""
    return platform.system() == "Linux" and platform.machine() in _ARCHITECTURES


def give_up_privileges() -> None:
    """No capability is left, none can be gained, and the process ends with its parent."""
    drop_capabilities()
    _succeed(ctypes.CDLL(None, use_errno=True).prctl(_DIE_WITH_PARENT, 9, 0, 0, 0))


def drop_capabilities() -> None:
    """No capability is left, and none can be gained by starting a program."""
    libc = ctypes.CDLL(None, use_errno=True)
    _, column = _ARCHITECTURES[platform.machine()]
    _succeed(libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0))
    header = struct.pack("Ii", _CAPABILITIES, 0)
    _succeed(libc.syscall(_CAPSET[column], header, bytes(24)))


def take_away_calls() -> None:
    """Installs the filter for all threads of this process, for good."""
    libc = ctypes.CDLL(None, use_errno=True)
    architecture, column = _ARCHITECTURES[platform.machine()]
    code = _program(architecture, column, os.getpid())
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer))
    _succeed(libc.syscall(_SECCOMP[column], _SET_MODE_FILTER, _ALL_THREADS, program))


def _program(architecture: int, column: int, own_pid: int) -> bytes:
    refuse, allow = _step(_RETURN, _REFUSE | errno.EPERM), _step(_RETURN, _ALLOW)
    kill, no_such = _step(_RETURN, _KILL), _step(_RETURN, _REFUSE | errno.ENOSYS)
    code = [_step(_LOAD, _ARCHITECTURE), _step(_EQUAL, architecture, 1, 0), kill]
    code += [_step(_LOAD, _NUMBER), _step(_ABOVE, _X32, 0, 1), kill]
    for numbers in _REFUSED.values():
        number = numbers[column]
        if number is not None:
            code += [_step(_EQUAL, number, 0, 1), refuse]
    # the C library falls back to clone, whose flags a filter can read
    code += [_step(_EQUAL, _CLONE3, 0, 1), no_such]
    code += _only_if(_CLONE[column], 0, _step(_ANY_BIT, _CLONE_THREAD, 1, 0))
    # a process may end itself, as abort() does, and no other
    code += _only_if(_TGKILL[column], 0, _step(_EQUAL, own_pid, 1, 0))
    # reading a limit passes no new one
    limit = _PRLIMIT[column]
    code += [_step(_EQUAL, limit, 0, 6), _argument(2), _step(_EQUAL, 0, 0, 3)]
    code += [_argument(2, upper=True), _step(_EQUAL, 0, 0, 1), allow, refuse]
    return b"".join([*code, allow])


def _only_if(number: int, argument: int, test: bytes) -> list[bytes]:
    """Allows a call where `test` jumps over the refusal."""
    refuse, allow = _step(_RETURN, _REFUSE | errno.EPERM), _step(_RETURN, _ALLOW)
    return [_step(_EQUAL, number, 0, 4), _argument(argument), test, refuse, allow]


def _argument(index: int, upper: bool = False) -> bytes:
    return _step(_LOAD, _ARGUMENTS + 8 * index + (4 if upper else 0))


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def _succeed(answer: int) -> None:
    if answer != 0:
        raise OSError(ctypes.get_errno(), "this system does not let a process confine itself")
