"""The filter of system calls. It refuses calls that no test needs, and calls that have been used to leave sandboxes.

Namespaces and missing capabilities already forbid most of them; the filter also blocks parts of the kernel that may
have unknown faults. Three rules are necessary: sockets of other families (AF_VSOCK reaches the host of a virtual
machine from any network namespace), memory that no process limit counts (shmget, memfd_create), and access to other
processes (ptrace and similar calls).
"""

import platform
import struct

EPERM, ENOSYS, EAFNOSUPPORT = 1, 38, 97
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000, 0x80000000
AF_UNIX, AF_INET, AF_INET6 = 1, 2, 10
ANY_PROTOCOL, TCP, UDP = 0, 6, 17
CLONE_NAMESPACES = 0x7E020000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET."""
X32 = 0x40000000

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER_AT, ARCHITECTURE_AT, FIRST_ARGUMENT_AT, THIRD_ARGUMENT_AT = 0, 4, 16, 32

# Name: its number on x86_64 and on aarch64; None where it does not exist.
REFUSED: dict[str, tuple[int | None, int | None]] = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioperm": (173, None),
    "iopl": (172, None),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "mbind": (237, 235),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "migrate_pages": (256, 238),
    "modify_ldt": (154, None),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "move_pages": (279, 239),
    "mq_open": (240, 180),
    "msgget": (68, 186),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_madvise": (440, 440),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "semget": (64, 190),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "shmget": (29, 194),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "vhangup": (153, 58),
    "vmsplice": (278, 75),
}
CLONE, CLONE3, SOCKET = (56, 220), (435, 435), (41, 198)
ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""Machine -> its column above, and its number in the kernel's audit.h."""


def filter_for(machine: str = platform.machine()) -> bytes | None:
    """Build the filter as a program for the kernel; None for a machine whose system calls are not listed."""
    if machine not in ARCHITECTURES:
        return None
    column, architecture = ARCHITECTURES[machine]
    refused = [number for numbers in REFUSED.values() if (number := numbers[column]) is not None]
    program = [
        _step(LOAD, ARCHITECTURE_AT),
        _step(EQUAL, architecture, 1, 0),
        _step(RETURN, KILL),
        _step(LOAD, NUMBER_AT),
        _step(AT_LEAST, X32, 0, 1),
        _step(RETURN, REFUSE | ENOSYS),
        _step(EQUAL, CLONE3[column], 0, 1),
        _step(RETURN, REFUSE | ENOSYS),  # its flags are in memory, which a filter cannot read; libraries use clone then
        *(step for number in refused for step in (_step(EQUAL, number, 0, 1), _step(RETURN, REFUSE | EPERM))),
        _step(EQUAL, CLONE[column], 0, 4),
        _step(LOAD, FIRST_ARGUMENT_AT),
        _step(ANY_BIT, CLONE_NAMESPACES, 0, 1),
        _step(RETURN, REFUSE | EPERM),
        _step(RETURN, ALLOW),
        _step(EQUAL, SOCKET[column], 0, 9),
        _step(LOAD, FIRST_ARGUMENT_AT),
        _step(EQUAL, AF_UNIX, 7, 0),
        _step(EQUAL, AF_INET, 1, 0),
        _step(EQUAL, AF_INET6, 0, 4),
        _step(LOAD, THIRD_ARGUMENT_AT),
        _step(EQUAL, ANY_PROTOCOL, 3, 0),
        _step(EQUAL, TCP, 2, 0),
        _step(EQUAL, UDP, 1, 0),
        _step(RETURN, REFUSE | EAFNOSUPPORT),
        _step(RETURN, ALLOW),
    ]
    return b"".join(program)


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One `struct sock_filter`: an instruction, how many steps to jump over, and its operand."""
    return struct.pack("<HBBI", code, if_true, if_false, value)
