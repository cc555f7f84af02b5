"""JavaScript in the sandbox: it runs, and is limited like Python."""

import re
import shutil

import pytest

from tests.clients.code_worker.conftest import Test

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="needs node, which is not on this machine")
SPAWN = "const { spawn } = require('child_process'); for (;;) spawn('sleep', ['100']).on('error', () => {});"


def test_honest_code_passes(run_tests: Test) -> None:
    code = """
        export function add(a, b) { return a + b; }
        export function testAdd() { if (add(1, 1) !== 2) throw new Error(); }
        """
    tests = """
        import { add } from './add';
        test('adds', () => expect(add(1, 2)).toBe(3));
        test('not', () => expect(add(1, 2)).toBe(4));
        """
    outcome = run_tests(code, tests, language="javascript", model=("assert.equal(add(2, 2), 4)",))
    assert [(test.name, test.source, test.passed) for test in outcome.tests] == [
        ("adds", "caller", True),
        ("not", "caller", False),
        ("test", "model", True),
        ("testAdd", "model", True),
    ]


def test_a_script_is_run_once(run_tests: Test) -> None:
    code = """
        import os from 'os';
        console.log('hello', process.getuid(), typeof os.cpus);
        setTimeout(() => console.log('later'), 5);
        """
    outcome = run_tests(code, language="javascript")
    assert outcome.output == "hello 1000 function\nlater\n"
    assert outcome.note == "There were no tests. The code was run once and ended with exit code 0."


def test_it_cannot_leave(run_tests: Test) -> None:
    code = """
        const fs = require('fs');
        const net = require('net');
        const { execSync } = require('child_process');
        const tries = {
          shadow: () => fs.readFileSync('/etc/shadow'),
          proc: () => fs.readFileSync('/proc/self/environ'),
          write: () => fs.writeFileSync('/usr/x', ''),
          user: () => process.setuid(1),
          shell: () => String(execSync('id -u')).trim(),
        };
        for (const [name, run] of Object.entries(tries)) {
          try { console.log(name, run()); } catch (error) { console.log(name, error.code); }
        }
        console.log(Object.keys(process.env).sort().join(), fs.readdirSync('/tmp').length);
        net.connect(53, '1.1.1.1').on('error', (error) => console.log('net', error.code));
        """
    assert run_tests(code, language="javascript").output.splitlines() == [
        "shadow ENOENT",
        "proc ENOENT",
        "write EROFS",
        "user EINVAL",
        "shell 1000",
        "HOME,LANG,MALLOC_ARENA_MAX,PATH,PWD,TMPDIR 0",
        "net ENETUNREACH",
    ]


@pytest.mark.parametrize(
    "code, why",
    [
        ("while (true) {}", "took longer"),
        ("setInterval(() => {}, 1000)", "took longer"),
        ("const x = []; for (;;) x.push(new Array(1e6).fill(1.5));", "memory|exit code"),
        ("const x = []; for (;;) x.push(Buffer.alloc(1e7, 1));", "memory|exit code"),
        ("for (;;) console.log('x'.repeat(1000));", "exit code|took longer|memory"),
        (SPAWN, "exit code|took longer|memory"),
        ("new Worker('x')", "exit code 1"),
    ],
)
def test_it_cannot_take_more_than_it_may(run_tests: Test, code: str, why: str) -> None:
    outcome = run_tests(code, language="javascript")
    assert re.search(why, outcome.note), outcome
    assert len(outcome.output) <= 8_000
