"""Code that tries to leave the sandbox, to exceed its limits, or to forge its result."""

import os
import re
import select
import socket
import threading
import uuid
from contextlib import suppress
from pathlib import Path

import pytest
from code_worker.settings import Limits

from tests.clients.code_worker.conftest import Test

AS_ONE = "There were no tests. The code was run once"


def run_script(tested: Test, code: str) -> str:
    """The output of the code when it is run as a script, to its end."""
    outcome = tested(code)
    assert outcome.note == f"{AS_ONE} and ended with exit code 0.", outcome
    return outcome.output.strip()


def try_expressions(tested: Test, *expressions: str) -> list[str]:
    """The outcome of each expression: its value, or the exception's name and the name of its error number."""
    code = f"""
        import errno, os, socket, ctypes, resource, signal, sys
        libc = ctypes.CDLL(None, use_errno=True)
        def call(*a):
            r = libc.syscall(*a)
            if r < 0: raise OSError(ctypes.get_errno(), "")
            return r
        for text in {list(expressions)!r}:
            try:
                print(eval(text))
            except OSError as e:
                print(errno.errorcode.get(e.errno, e.errno) or type(e).__name__)
            except BaseException as e:
                print(type(e).__name__)
        """
    lines = run_script(tested, code).splitlines()
    assert len(lines) == len(expressions), lines
    return lines


class TestNetwork:
    def test_the_machine_s_own_servers_cannot_be_reached(self, run_tests: Test) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            others = [
                f"socket.create_connection(({host!r}, {port}), 2)" for host in ("127.0.0.1", "localhost", "0.0.0.0")
            ]
            assert set(try_expressions(run_tests, *others)) <= {"ECONNREFUSED", "gaierror", "EAI_AGAIN"} | {
                str(-3),
                "-2",
            }
            server.settimeout(0)
            with pytest.raises(BlockingIOError):
                server.accept()

    def test_there_is_no_way_out_and_no_name(self, run_tests: Test) -> None:
        errors = try_expressions(
            run_tests,
            "socket.create_connection(('1.1.1.1', 53), 2)",
            "socket.create_connection(('169.254.169.254', 80), 2)",
            "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('8.8.8.8', 53))",
            "socket.create_connection(('2606:4700::1111', 53), 2)",
            "sorted(name for _, name in socket.if_nameindex())",
        )
        assert set(errors[:4]) <= {"ENETUNREACH", "EADDRNOTAVAIL"}
        assert errors[4] in ("EAFNOSUPPORT", "['lo']")
        assert "gaierror" in run_script(
            run_tests, "import socket\ntry: socket.getaddrinfo('example.com', 80)\nexcept OSError as e: print(type(e))"
        )

    def test_sockets_of_other_families_are_refused(self, run_tests: Test) -> None:
        vsock, netlink, packet, alg = 40, 16, 17, 38
        families = [f"socket.socket({family}, socket.SOCK_DGRAM)" for family in (vsock, netlink, packet, alg)]
        raw = ["socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)"]
        sctp, dccp = 132, 33
        others = [f"socket.socket(socket.AF_INET, socket.SOCK_STREAM, {number})" for number in (sctp, dccp)]
        assert try_expressions(run_tests, *families, *raw, *others) == ["EAFNOSUPPORT"] * 7

    def test_sockets_of_the_machine_without_a_name_are_not_seen(self, run_tests: Test) -> None:
        name = f"\0{uuid.uuid4()}"
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(name)
            server.listen()
            assert try_expressions(run_tests, f"socket.socket(socket.AF_UNIX).connect({name!r})") == ["ECONNREFUSED"]

    def test_judge_and_code_share_their_own_empty_network(self, run_tests: Test) -> None:
        code = "import socket\nserver = socket.create_server(('127.0.0.1', 0))\nport = server.getsockname()[1]"
        outcome = run_tests(code, "import socket\nassert socket.create_connection(('127.0.0.1', port), 2)")
        assert [test.passed for test in outcome.tests] == [True], outcome


class TestFiles:
    def test_nothing_of_the_machine_is_there_but_programs(self, run_tests: Test) -> None:
        places = ["/etc/shadow", "/etc/passwd", "/home", "/var", "/proc/self", "/proc/1/environ", "/sys", "/run",
                  "/work", "/from", "/scratch", __file__, str(Path.cwd()), "/dev/mem", "/dev/kmsg", "/dev/tty",
                  "/dev/vda"]  # fmt: skip
        assert try_expressions(run_tests, *(f"os.stat({place!r})" for place in places)) == ["ENOENT"] * len(places)
        assert run_script(run_tests, "import os; print(sorted(os.listdir('/etc')))") in ("[]", "['ld.so.cache']")

    def test_of_the_interpreter_s_folders_only_what_is_needed_is_there(self, run_tests: Test) -> None:
        listing = run_script(
            run_tests,
            "import os, sys\np = sys.base_prefix\nwhile not p.startswith('/usr') and p != '/':\n"
            "    q = os.path.dirname(p)\n    print(os.path.basename(p) and os.listdir(q))\n    p = q",
        )
        assert all(line.count(",") == 0 for line in listing.splitlines()[:-1]), listing

    def test_nothing_can_be_written_but_in_the_folder_for_temporary_files(self, run_tests: Test) -> None:
        places = ["/x", "/usr/x", "/etc/x", "/dev/x", "/sandbox/x", "/sandbox/inside/wire.py", "/usr/lib/x"]
        errors = try_expressions(
            run_tests,
            *(f"open({place!r}, 'a')" for place in places),
            "os.mkdir('/y')",
            "os.open(sys.executable, os.O_WRONLY)",
            "os.unlink('/sandbox/inside/wire.py')",
            "os.chmod('/usr/bin/sh', 0o777)",
            "open('/tmp/x', 'w').write('abc')",
        )
        assert set(errors[:-1]) <= {"EROFS", "EACCES", "EPERM"} and errors[-1] == "3"

    def test_temporary_files_are_gone_afterwards(self, run_tests: Test) -> None:
        name = f"mark-{uuid.uuid4()}"
        assert (
            run_script(run_tests, f"open('/tmp/{name}', 'w').write('x'); import os; print(os.listdir('/tmp'))")
            == f"['{name}']"
        )
        assert not Path("/tmp", name).exists()
        assert run_script(run_tests, "import os; print(os.listdir('/tmp'))") == "[]"

    def test_symbolic_links_lead_to_nothing_of_the_machine(self, run_tests: Test) -> None:
        code = """
            import os
            targets = ["/etc/shadow", "/proc/1/root/etc/shadow", "../../../../etc/shadow", "/tmp/../root/.ssh"]
            for n, target in enumerate(targets):
                os.symlink(target, f"/tmp/{n}")
                try: print(open(f"/tmp/{n}").read())
                except OSError as e: print(type(e).__name__)
            """
        assert set(run_script(run_tests, code).splitlines()) <= {"FileNotFoundError", "IsADirectoryError"}

    def test_the_folder_has_a_size(self, run_tests: Test, limits: Limits) -> None:
        code = """
            import os
            total = 0
            try:
                for n in range(1000):
                    with open(f"/tmp/{n}", "wb") as f: total += f.write(b"x" * (1 << 20))
            except OSError as e: print(total >> 20, e.strerror)
            """
        megabytes, why = run_script(run_tests, code).split(maxsplit=1)
        assert int(megabytes) <= limits.disk_mb and why == "No space left on device"
        assert "File too large" in run_tests("f = open('/tmp/x', 'wb')\nf.truncate(1 << 40)").output
        assert "No space left" in run_tests("open('/dev/shm/x', 'wb').write(b'x' * (2 << 20))").output


class TestPrivileges:
    def test_the_code_is_nobody_and_can_do_nothing(self, run_tests: Test) -> None:
        prctl_no_new_privs, prctl_bounding_set = 39, 23
        answers = try_expressions(
            run_tests,
            "os.getuid(), os.getgid(), os.getgroups(), os.geteuid()",
            f"libc.prctl({prctl_no_new_privs}, 0, 0, 0, 0)",
            f"[n for n in range(41) if libc.prctl({prctl_bounding_set}, n)]",
            "os.setuid(0)",
            "os.setgid(0)",
            "os.setgroups([0])",
            "os.chroot('/tmp')",
            "socket.sethostname('x')",
            "os.nice(-5)",
            "resource.setrlimit(resource.RLIMIT_NPROC, (1000, 1000))",
            "resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
        )
        assert answers[:2] == ["(1000, 1000, [1000], 1000)", "1"] or answers[0].startswith("(1000, 1000, [")
        assert answers[2] == "[]" and not {"0", "None"} & set(answers[3:]), answers

    def test_system_calls_that_lead_further_are_refused(self, run_tests: Test) -> None:
        numbers = {"ptrace": 101, "process_vm_readv": 310, "mount": 165, "umount2": 166, "unshare": 272, "setns": 308,
                   "keyctl": 250, "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "io_uring_setup": 425,
                   "shmget": 29, "memfd_create": 319, "pidfd_getfd": 438, "open_tree": 428,
                   "personality": 135}  # fmt: skip
        if os.uname().machine != "x86_64":
            pytest.skip("the numbers are those of x86_64")
        found = try_expressions(run_tests, *(f"call({number}, 0, 0, 0, 0, 0)" for number in numbers.values()))
        assert dict(zip(numbers, found, strict=True)) == dict.fromkeys(numbers, "EPERM")

    @pytest.mark.parametrize("flag", [0x10000000, 0x20000, 0x20000000, 0x40000000, 0x02000000])
    def test_no_new_namespaces(self, run_tests: Test, flag: int) -> None:
        if os.uname().machine != "x86_64":
            pytest.skip("the numbers are those of x86_64")
        assert try_expressions(run_tests, f"call(56, {flag} | 17, 0, 0, 0, 0)", "call(435, 0, 0)") == [
            "EPERM",
            "ENOSYS",
        ]

    def test_programs_that_change_the_user_do_not(self, run_tests: Test) -> None:
        code = """
            import subprocess
            for command in (["su", "-c", "id"], ["mount"], ["unshare", "-r", "id"], ["bwrap", "--bind", "/", "/"]):
                try: print(subprocess.run(command, capture_output=True, timeout=3).returncode)
                except FileNotFoundError: print("absent")
            """
        assert "0" not in run_script(run_tests, code).split()

    def test_nothing_of_the_worker_is_inherited(self, run_tests: Test, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("A_SECRET_OF_THE_WORKER", "x")
        code = """
            import os
            opened = []
            for fd in range(3, 1024):
                try: os.fstat(fd)
                except OSError: continue
                opened.append(fd)
            print(opened, sorted(os.environ))
            """
        with Path("/etc/hostname").open() as inherited:
            os.set_inheritable(inherited.fileno(), True)
            assert run_script(run_tests, code) == "[] ['HOME', 'LANG', 'MALLOC_ARENA_MAX', 'PATH', 'PWD', 'TMPDIR']"

    def test_the_code_under_test_has_the_wire_and_nothing_else(self, run_tests: Test) -> None:
        code = """
            import os
            def opened():
                found = []
                for fd in range(1024):
                    try: os.fstat(fd)
                    except OSError: continue
                    found.append(fd)
                return found
            """
        outcome = run_tests(
            code,
            "assert len(opened()) == 5, opened()",
            "import os\nassert os.listdir('/tmp') == [], os.listdir('/tmp')",
        )
        assert all(test.passed for test in outcome.tests), outcome


class TestProcesses:
    def test_only_the_sandbox_s_own_processes_exist(self, run_tests: Test) -> None:
        code = """
            import os
            def seen():
                found = []
                for pid in range(1, 70000):
                    try: os.kill(pid, 0)
                    except ProcessLookupError: continue
                    except PermissionError: pass
                    found.append(pid)
                return found, os.getpid()
            """
        outcome = run_tests(code, "pids, own = seen()\nassert set(pids) <= {1, own} and own < 10, (pids, own)")
        assert all(test.passed for test in outcome.tests), outcome

    def test_killing_everything_ends_only_itself(self, run_tests: Test) -> None:
        code = """
            import os, signal
            def f():
                for pid in (1, os.getppid(), 0, -1):
                    try: os.kill(pid, signal.SIGKILL)
                    except OSError: pass
            """
        outcome = run_tests(code, "f()\nassert True")
        assert [test.passed for test in outcome.tests] == [False] and "ended" in outcome.tests[0].error

    def test_a_fork_bomb_is_held_to_the_limit_and_ends(self, run_tests: Test, limits: Limits) -> None:
        code = """
            import os, signal
            count = 1
            while True:
                try:
                    if os.fork() == 0:
                        signal.pause()
                    count += 1
                except OSError:
                    break
            print(count)
            """
        assert int(run_script(run_tests, code)) < limits.processes

    def test_a_bomb_of_forks_of_forks_ends_in_time(self, run_tests: Test) -> None:
        outcome = run_tests("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass")
        assert "took longer" in outcome.note

    def test_orphans_do_not_outlive(self, run_tests: Test) -> None:
        mark = f"orphan-{uuid.uuid4()}"
        code = f"""
            import os, subprocess
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    os.execvp("sh", ["sh", "-c", "sleep 300; : {mark}"])
                os._exit(0)
            subprocess.Popen(["sh", "-c", "sleep 300; : {mark}"], start_new_session=True)
            print("left")
            """
        assert run_script(run_tests, code) == "left"
        require_gone(mark)

    def test_what_does_not_end_is_ended_with_all_its_children(self, run_tests: Test) -> None:
        mark = f"endless-{uuid.uuid4()}"
        for code in (
            f"import subprocess\nsubprocess.run(['sh', '-c', 'sleep 300; : {mark}'])",
            "while True: pass",
            """
            import signal
            for n in range(1, 65):
                try: signal.signal(n, signal.SIG_IGN)
                except (OSError, ValueError): pass
            signal.pause()
            """,
            "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
        ):
            outcome = run_tests(code)
            assert "it took longer than 2 seconds" in outcome.note
        require_gone(mark)

    def test_an_endless_test_fails_and_the_next_text_is_run(self, run_tests: Test) -> None:
        outcome = run_tests(
            "def f():\n    while True: pass\ndef g(): return 1",
            "assert g() == 1\nassert f()\nassert g()",
            "assert g() == 1",
        )
        assert [test.passed for test in outcome.tests] == [True, False, False, True]
        assert "took longer than 2 seconds" in outcome.tests[1].error

    def test_an_orphan_of_the_judged_code_cannot_hold_up_the_end(self, run_tests: Test) -> None:
        code = """
            import os, signal
            def f():
                if os.fork() == 0:
                    os.setsid()
                    signal.pause()
                return 1
            """
        outcome = run_tests(code, "assert f() == 1")
        assert [test.passed for test in outcome.tests] == [True]
        assert outcome.note == ""


def require_gone(mark: str) -> None:
    """The kernel ends what is left of a sandbox after its first process, which takes a moment on a busy machine."""
    ended = True
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        if mark.encode() in _read(entry):
            with suppress(ProcessLookupError):
                process = os.pidfd_open(int(entry.parent.name))
                ended &= bool(select.select([process], [], [], 30)[0])
                os.close(process)
    assert ended, "what the code had started has outlived it"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


class TestMemoryAndOutput:
    @pytest.mark.parametrize(
        "code",
        [
            "x = []\nwhile True: x.append(bytearray(10_000_000))",
            "x = 'a'\nwhile True: x += x",
            """
            import mmap
            x = []
            while True:
                x.append(mmap.mmap(-1, 50_000_000))
                x[-1].write(b"x" * 50_000_000)
            """,
        ],
    )
    def test_a_process_gets_no_more_than_its_memory(self, run_tests: Test, code: str) -> None:
        outcome = run_tests(code)
        assert "exit code 1" in outcome.note or "memory" in outcome.note, outcome
        assert "MemoryError" in outcome.output or "Cannot allocate" in outcome.output or "memory" in outcome.note

    def test_processes_together_get_no_more_than_their_memory(self, run_tests: Test) -> None:
        code = """
            import os, signal
            for n in range(10):
                if os.fork() == 0:
                    x = b"x" * 100_000_000
                    signal.pause()
            signal.pause()
            """
        assert "it took more than 160 MB of memory" in run_tests(code).note

    @pytest.mark.parametrize(
        "where", ["print('x' * 1000)", "os.write(1, b'x' * 100_000)", "os.write(2, b'x' * 100_000)"]
    )
    def test_a_flood_of_output_has_an_end(self, run_tests: Test, where: str) -> None:
        outcome = run_tests(f"import os\nwhile True: {where}")
        assert "exit code" in outcome.note or "took longer" in outcome.note
        assert 100 < len(outcome.output) <= 8_000

    @pytest.mark.parametrize("where", ["print('x' * 1000)", "os.write(1, b'x' * 100_000)"])
    def test_a_flood_of_the_judged_code_has_an_end_and_the_test_its_verdict(self, run_tests: Test, where: str) -> None:
        outcome = run_tests(f"import os\ndef f():\n    for _ in range(3000): {where}\n    return 1", "assert f() == 1")
        assert len(outcome.tests) == 1 and len(outcome.output) <= 8_000

    def test_recursion_without_end_is_an_error(self, run_tests: Test) -> None:
        assert "RecursionError" in str(run_tests("def f(x=0): return f([x])", "assert f()").tests[0].error)
        deep = run_tests("def f():\n    x = []\n    for _ in range(100000): x = [x]\n    return x", "assert f()")
        assert [test.passed for test in deep.tests] == [False], deep

    def test_a_crash_of_the_interpreter_is_a_failure(self, run_tests: Test) -> None:
        outcome = run_tests("import ctypes\ndef f(): ctypes.string_at(0)", "assert f() is None\nassert True")
        assert [test.passed for test in outcome.tests] == [False, False]


class TestResults:
    def test_honest_code_passes_and_is_measured(self, run_tests: Test) -> None:
        outcome = run_tests(
            "import time\ndef f():\n    print('seen')\n    time.sleep(0.05)\n    return 1",
            "assert f() == 1\nassert f() == 2",
        )
        assert [(test.name, test.source, test.passed) for test in outcome.tests] == [
            ("assert f() == 1", "caller", True),
            ("assert f() == 2", "caller", False),
        ]
        assert outcome.output == "seen\nseen\n" and outcome.execution_time_ms >= 100 and outcome.note == ""

    def test_the_model_s_tests_are_labelled_as_its_own(self, run_tests: Test) -> None:
        code = "def f(): return 1\ndef test_in_the_code(): assert f() == 1"
        outcome = run_tests(code, "assert f() == 1", model=("assert f() == 1",))
        assert [test.source for test in outcome.tests] == ["caller", "model", "model"]
        assert all(test.passed for test in outcome.tests)

    def test_the_model_s_tests_cannot_speak_for_the_caller_s(self, run_tests: Test) -> None:
        lie = """
            import os, json
            passed = {"test": "assert f() == 2", "passed": True, "source": "caller"}
            for line in ({"plan": []}, passed):
                for fd in range(20):
                    try: os.write(fd, (json.dumps(line) + "\\n").encode())
                    except OSError: pass
            os._exit(0)
            """
        outcome = run_tests("def f(): return 1", "assert f() == 2", model=(lie,))
        assert [(test.source, test.passed) for test in outcome.tests if test.source == "caller"] == [("caller", False)]

    def test_a_test_that_ends_the_judge_has_failed(self, run_tests: Test) -> None:
        outcome = run_tests("x = 1", "import os\nassert x\nos._exit(0)\nassert x")
        assert [test.passed for test in outcome.tests] == [True, False]

    def test_the_judge_cannot_be_seen_from_the_code(self, run_tests: Test) -> None:
        secret = f"secret-{uuid.uuid4()}"
        code = f"""
import os, gc, sys
PARTS = {re.split("-", secret, maxsplit=1)!r}
def look():
    wanted = "-".join(PARTS)
    found = [x for x in gc.get_objects() if isinstance(x, str) and wanted in x]
    for folder, _, files in os.walk("/tmp"):
        for file in files:
            found.append(open(os.path.join(folder, file), errors="replace").read())
    return [x for x in found if wanted in x] + [a for a in sys.argv if wanted in a]
"""
        outcome = run_tests(code, f"assert look() == []  # {secret}")
        assert all(test.passed for test in outcome.tests), outcome

    def test_a_text_that_is_no_python_is_one_failed_test(self, run_tests: Test) -> None:
        outcome = run_tests("x = 1", "assert (")
        assert [(test.passed, test.source) for test in outcome.tests] == [(False, "caller")]
        assert "not Python" in outcome.tests[0].error

    def test_code_that_cannot_be_loaded_fails_every_test(self, run_tests: Test) -> None:
        outcome = run_tests("def f(:", "assert f()\nassert g()")
        assert [test.passed for test in outcome.tests] == [False, False] and "SyntaxError" in outcome.tests[0].error

    def test_another_language_is_not_run_and_the_note_says_so(self, run_tests: Test) -> None:
        outcome = run_tests("package main", "x", language="go")
        assert (outcome.tests, outcome.execution_time_ms) == ([], 0)
        assert "No code was run" in outcome.note and "not go" in outcome.note

    def test_judge_and_code_share_a_folder(self, run_tests: Test) -> None:
        code = """
            def read(path): return open(path).read()
            def write(path):
                with open(path, "w") as f: f.write("there")
            """
        test = """
            import tempfile
            with tempfile.NamedTemporaryFile("w", suffix=".txt") as f:
                f.write("here")
                f.flush()
                assert read(f.name) == "here"
            write("out.txt")
            assert open("out.txt").read() == "there"
            """
        assert all(each.passed for each in run_tests(code, test).tests)


def test_many_at_once_do_not_disturb_each_other(run_tests: Test) -> None:
    failures: list[object] = []

    def run(number: int) -> None:
        outcome = run_tests(f"def f(): return {number}", f"assert f() == {number}")
        if [test.passed for test in outcome.tests] != [True]:
            failures.append(outcome)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
