"""The command that runs programs in the sandbox.

There are two layers. The outer one, the pod, has no network, and a file system with only what the sandbox needs; one
folder in memory is the only writable place. Each program of a test runs in an inner layer within the pod: a user,
process and IPC namespace, no capabilities, no new namespaces, the filter of system calls, and resource limits. The
programs share the folder and the empty network of the pod; they cannot see, signal or trace each other.

If the worker is root, the pod first changes to the user `nobody`: the limit of processes does not apply to root, and
the inner layer can then mount only what `nobody` can read. The pod has mounted the interpreter's folder before, so that
an interpreter in a home directory also works.
"""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from code_worker.sandbox.interpreters import INSIDE, Interpreter
from code_worker.settings import Limits

NOBODY = "65534"
USER = "1000"
"""The code's user id within its user namespace."""
DEVICES = ("null", "zero", "full", "random", "urandom")
FILTER = "/from/filter"
INSIDE_AT = "/sandbox/inside"
SCRATCH = "/scratch"
FIFOS = ("/scratch/.to-code", "/scratch/.from-code")
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin",
    "HOME": "/tmp",  # noqa: S108 - the pod's own
    "LANG": "C.UTF-8",
    "MALLOC_ARENA_MAX": "2",  # else each thread reserves 64 MB of the address space
    "TMPDIR": "/tmp",  # noqa: S108
}
CPU_SECONDS_MORE = 2
OPEN_FILES = 128
OTHER_LIMITS = ("--core=0", f"--nofile={OPEN_FILES}", "--msgqueue=0", "--memlock=0")


@dataclass(frozen=True)
class Bubblewrap:
    """Builds commands. `program` is the path of bwrap, `filter_file` holds the filter of system calls."""

    program: str
    filter_file: Path
    limits: Limits
    is_root: bool = os.geteuid() == 0

    def pod(self, interpreter: Interpreter, script: str) -> list[str]:
        """Build the command that runs a shell script in a new pod with the command's stdin, stdout and stderr."""
        places = [*self._common(), "--bind", "/proc", "/proc", "--perms", "0755", "--dir", "/from"]
        places += ["--ro-bind", str(self.filter_file), FILTER, "--ro-bind", str(INSIDE), "/from/inside"]
        for number, folder in enumerate(interpreter.folders):
            places += ["--ro-bind", folder, f"/from/{number}"]
        places += ["--perms", "0755", "--dir", "/tmp"]  # noqa: S108 - inside; bubblewrap itself needs it
        places += ["--perms", "1777", "--size", str(self.limits.disk_mb << 20), "--tmpfs", SCRATCH]
        who = ["--cap-drop", "ALL"] if not self.is_root else ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        change = ["/usr/bin/setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--inh-caps=-all"]
        user = ["--unshare-user"] if not self.is_root else []
        new = [*user, "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-ipc", "--die-with-parent"]
        shell = [*(change if self.is_root else []), "/usr/bin/sh", "-c", script]
        return [self.program, *new, "--clearenv", *places, *who, "--chdir", "/", "--", *shell]

    def single(self, interpreter: Interpreter, arguments: list[str]) -> str:
        """Build the script that runs one program with the pod's stdin. All its output goes to the pod's stderr."""
        return f"{_PREPARE} exec {self._inner(interpreter, arguments)} 1>&2"

    def pair(self, interpreter: Interpreter, judge: list[str], subject: list[str]) -> str:
        """Build the script that runs judge and subject, connected by two pipes. The pod ends with the judge.

        The judge has the pod's stdin, and the pod's stdout as file 3. The output of both goes to the pod's stderr.
        """
        fifos = " ".join(FIFOS)
        first = f"{self._inner(interpreter, subject)} </dev/null 1>&2 &"
        return f"{_PREPARE} /usr/bin/mkfifo {fifos}; {first} exec {self._inner(interpreter, judge)} 3>&1 1>&2"

    def _inner(self, interpreter: Interpreter, arguments: list[str]) -> str:
        places = [*self._common(), "--ro-bind", "/from/inside", INSIDE_AT, "--bind", SCRATCH, "/tmp"]  # noqa: S108
        for number, folder in enumerate(interpreter.folders):
            places += ["--ro-bind", f"/from/{number}", folder]
        places += ["--size", str(1 << 20), "--tmpfs", "/dev/shm", "--remount-ro", "/"]  # noqa: S108
        new = [
            "--unshare-all",
            "--share-net",
            "--unshare-user",
            "--disable-userns",
            "--new-session",
            "--die-with-parent",
        ]
        who = ["--cap-drop", "ALL", "--uid", USER, "--gid", USER, "--hostname", "sandbox"]
        environment = [text for name, value in ENVIRONMENT.items() for text in ("--setenv", name, value)]
        options = [*new, *who, "--clearenv", *environment, *places, "--chdir", "/tmp", "--seccomp", "9"]  # noqa: S108
        command = [*self._limited(interpreter), *interpreter.program, *arguments]
        return f"{shlex.join([self.program, *options, '--', *command])} 9<{FILTER}"

    def _limited(self, interpreter: Interpreter) -> list[str]:
        """The command that sets resource limits. It runs within the user namespace, whose processes alone count."""
        limits = self.limits
        return [
            "/usr/bin/prlimit",
            f"--cpu={int(limits.seconds) + CPU_SECONDS_MORE}",
            f"--as={(limits.memory_mb + interpreter.virtual_memory_mb) << 20}",
            f"--fsize={limits.disk_mb << 20}",
            f"--nproc={limits.processes}",
            *OTHER_LIMITS,
            "--",
        ]

    def _common(self) -> list[str]:
        """The system's programs and libraries, and harmless devices."""
        places = ["--ro-bind", "/usr", "/usr"]
        for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
            path = Path("/", name)
            if path.is_symlink():
                places += ["--symlink", str(path.readlink()), str(path)]
            elif path.is_dir():
                places += ["--ro-bind", str(path), str(path)]
        places += ["--perms", "0755", "--dir", "/etc", "--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
        places += ["--perms", "0755", "--dir", "/dev"]
        return places + [text for name in DEVICES for text in ("--dev-bind", f"/dev/{name}", f"/dev/{name}")]


_PREPARE = "echo 1000 >/proc/self/oom_score_adj;"
"""If the machine runs out of memory, the kernel ends the sandbox first."""
