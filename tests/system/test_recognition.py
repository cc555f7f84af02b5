"""The recognition API of a running stack with its real engines: normal files, hostile files, killed processes."""

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cv2", reason="the extra requirements-recognition.txt is not installed")
np = pytest.importorskip("numpy", reason="the extra requirements-recognition.txt is not installed")

from PIL import Image  # noqa: E402

from chalicelib.providers.recognition import child, samples  # noqa: E402
from tests.support.client import token  # noqa: E402
from tests.support.recognition import odd_images, odd_sounds  # noqa: E402
from tests.system import browser  # noqa: E402
from tests.system.stack import ORG, PATIENCE, Caller, Stack, stack, wait_until  # noqa: E402

SNIPPETS = Path(__file__).parent / "snippets" / "recognition"
SECONDS = 5.0
"""The CPU seconds within which every file is answered; other load on the machine does not count."""
REQUESTS = 200
GROWTH_BYTES = 60 * 1024 * 1024


def encode(content: bytes) -> str:
    return base64.b64encode(content).decode()


def sample(name: str) -> str:
    return encode((samples.FOLDER / name).read_bytes())


REQUEST: dict[str, dict[str, Any]] = {
    "/ocr": {"image": sample("text.png")},
    "/slider": {"background": sample("background.jpg"), "slider": sample("piece.png")},
    "/audio": {"audio": sample("speech.ogg"), "format": "ogg"},
    "/click": {"image": sample("cat.jpg"), "target": "cats"},
    "/image-classify": {"images": [sample("text.png"), sample("cat.jpg")], "category": "cat"},
}


@pytest.fixture(scope="module")
def yard() -> Iterator[Stack]:
    """A stack with recognition, after all engines are loaded."""
    with stack(LOG_LEVEL="CRITICAL", SWEEP_SECONDS="1", RECOGNITION="on") as ready:
        health = wait_until(
            lambda: ready.open("recognition").json("GET", "/health"), lambda said: said["status"] == "healthy"
        )
        assert set(health["solvers"].values()) == {True}
        yield ready


@pytest.fixture(scope="module")
def caller(yard: Stack) -> Caller:
    return Caller(yard.urls["recognition"], token("user", ORG, "reader", "enterprise"))


def child_of(yard: Stack) -> int:
    """The recogniser's process."""
    [pid] = children_of(yard)
    return pid


def children_of(yard: Stack) -> list[int]:
    """The recogniser's process, if one is running."""
    pids = [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdecimal()]
    named = [pid for pid in pids if child.__name__.encode() in read(Path(f"/proc/{pid}/cmdline"))]
    return [pid for pid in named if parent_of(pid) == yard.process.pid]


def parent_of(pid: int) -> int:
    fields = read(Path(f"/proc/{pid}/stat")).rpartition(b")")[2].split()
    return int(fields[1]) if fields else 0


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def is_right(path: str, answer: Any) -> bool:
    """Whether this is the correct answer to the request above."""
    checks: dict[str, Callable[[Any], bool]] = {
        "/ocr": lambda found: "".join(found["text"].split()) == samples.TEXT and found["solver"] == "rapidocr",
        "/slider": lambda found: abs(found["offset_x"] - samples.OFFSET_X) <= samples.TOLERANCE_PIXELS,
        "/audio": lambda found: found["digits"] == samples.DIGITS and "seven" in found["text"],
        "/click": lambda found: len(found["coordinates"]) == 1,
        "/image-classify": lambda found: found["matches"] == [1] and len(found["confidence"]) == 1,
    }
    return bool(answer["success"]) and checks[path](answer)


@pytest.mark.parametrize("path", REQUEST)
def test_real_files_are_recognised(caller: Caller, path: str) -> None:
    assert is_right(path, caller.json("POST", path, REQUEST[path]))
    assert is_right(path, caller.json("POST", "/solve", REQUEST[path]))


def test_the_documents_own_python_reads_a_text(yard: Stack, tmp_path: Path) -> None:
    text = (SNIPPETS / "ocr.py.txt").read_text().replace("http://localhost:8019", yard.urls["recognition"])
    script = tmp_path / "ocr.py"
    script.write_text(f"base64_image = {sample('text.png')!r}\n{text}")
    printed = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=PATIENCE, check=True
    ).stdout
    assert printed == "Solved: YARD 7429\n"


def test_the_documents_own_curl_reads_a_text(yard: Stack, tmp_path: Path) -> None:
    if shutil.which("curl") is None or shutil.which("jq") is None:
        pytest.skip("ocr.sh needs curl and jq, which are not on this machine")
    text = (SNIPPETS / "ocr.sh").read_text().replace("http://localhost:8019", yard.urls["recognition"])
    script = tmp_path / "ocr.sh"
    script.write_text(text.replace("base64...", sample("text.png")))
    printed = subprocess.run(["sh", str(script)], capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
    assert json.loads(printed)["text"] == "YARD 7429"


def test_a_task_is_recognised_without_a_worker(yard: Stack) -> None:
    coordinator = yard.open("coordinator")
    body = {"name": "one", "type": "recognition:ocr", "payload": REQUEST["/ocr"]}
    identifier = coordinator.json("POST", "/api/tasks", body)["id"]
    done = wait_until(
        lambda: coordinator.json("GET", f"/api/tasks/{identifier}"), lambda found: found["status"] == "completed"
    )
    assert done["result"]["text"] == "YARD 7429"


def test_twenty_at_once_are_all_right(caller: Caller) -> None:
    paths = [list(REQUEST)[number % len(REQUEST)] for number in range(20)]
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda path: caller.call("POST", path, REQUEST[path]), paths))
    assert [answer.status_code for answer in answers] == [200] * 20
    assert all(is_right(path, answer.json()) for path, answer in zip(paths, answers, strict=True))


def test_a_killed_process_is_replaced_and_the_request_in_it_is_answered(yard: Stack, caller: Caller) -> None:
    before = child_of(yard)
    os.kill(before, signal.SIGKILL)
    assert is_right("/ocr", caller.json("POST", "/ocr", REQUEST["/ocr"]))
    with ThreadPoolExecutor(1) as threads:
        killed = child_of(yard)
        answer = threads.submit(caller.call, "POST", "/audio", REQUEST["/audio"])
        wait_until(lambda: busy_seconds(killed), lambda seconds: seconds > 0.3)
        os.kill(killed, signal.SIGKILL)
        assert is_right("/audio", answer.result(PATIENCE).json())
    assert child_of(yard) not in (before, killed)


def busy_seconds(pid: int) -> float:
    """The CPU seconds that the process has used."""
    fields = read(Path(f"/proc/{pid}/stat")).rpartition(b")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


@cache
def hostile_images() -> dict[str, bytes]:
    """Images that are unusual, damaged or made to exhaust their decoder."""
    picture, rng = odd_images.quarters(), np.random.default_rng(1)
    images = {
        "bomb of pixels": odd_images.png_bomb(),
        "bomb of text": odd_images.text_bomb(),
        "webp of 268 million pixels": odd_images.webp_of_size(16_383, 16_383),
        "gif of 4 billion pixels": odd_images.gif_of_size(65_535, 65_535),
        "jpeg of 5,000 scans": odd_images.jpeg_of_many_scans(),
        "one pixel": odd_images.save(picture.resize((1, 1)), "PNG"),
        "one line": odd_images.save(picture.resize((3_000, 1)), "PNG"),
        "one column": odd_images.save(picture.resize((1, 3_000)), "PNG"),
        "grey": odd_images.save(picture.convert("L"), "PNG"),
        "sixteen bits": odd_images.save(picture.convert("I;16"), "PNG"),
        "palette": odd_images.save(picture.convert("P"), "PNG"),
        "CMYK": odd_images.save(picture.convert("CMYK"), "JPEG"),
        "transparent": odd_images.save(picture.convert("RGBA"), "PNG"),
        "all transparent": odd_images.save(picture.convert("LA"), "PNG"),
        "animation": odd_images.animation("GIF"),
        "animated webp": odd_images.animation("WEBP"),
        "noise": odd_images.save(Image.fromarray(rng.integers(0, 256, (900, 900, 3), np.uint8)), "PNG"),
        "four thousand a side": odd_images.save(picture.resize((4_000, 4_000)), "PNG"),
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
        "pdf": b"%PDF-1.7\n%%EOF",
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\nshowpage",
        "zip": b"PK\3\4" + bytes(60),
        "elf": b"\x7fELF" + bytes(60),
        "text": b"an image",
        "zeros": bytes(10_000),
    }
    images |= {f"turned {number}": odd_images.turned_jpeg(number) for number in (2, 6, 8)}
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP"):
        whole = odd_images.save(picture.resize((200, 150)), kind)
        images |= {f"{kind} cut at {part}/7": whole[: len(whole) * part // 7] for part in range(1, 7)}
        for number in range(4):
            broken = bytearray(whole)
            for place in rng.integers(8, len(broken), 20):
                broken[place] = int(rng.integers(0, 256))
            images[f"{kind} damaged {number}"] = bytes(broken)
    return images


@cache
def hostile_sounds() -> dict[str, bytes]:
    """Recordings that are unusual, damaged or too long, and files that are no recordings."""
    rng, tone = np.random.default_rng(1), odd_sounds.tone(1.0, 48_000)
    silence, hour = np.zeros(48_000, np.float32), np.zeros(3_600 * 8_000, np.float32)
    files = {
        "silence": odd_sounds.encode(silence, odd_sounds.KINDS["opus"]),
        "tone": odd_sounds.wav(odd_sounds.tone(2.0)),
        "noise": odd_sounds.wav(rng.standard_normal(32_000).astype(np.float32) / 4),
        "an hour of silence": odd_sounds.encode(hour, odd_sounds.Kind("mp3", "libmp3lame", 8_000), bits_a_second=8_000),
        "one sample": odd_sounds.wav(np.zeros(1, np.float32)),
        "no sample": odd_sounds.wav(np.zeros(0, np.float32)),
        "a rate of 4 billion": odd_sounds.wav(odd_sounds.tone(0.1), rate=4_000_000_000),
        "a rate of 1": odd_sounds.wav(odd_sounds.tone(0.1), rate=1),
        "a picture named mp3": odd_images.save(odd_images.quarters(), "PNG"),
        "a film without sound": odd_sounds.video_without_sound(),
        "a playlist": b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        "a concat script": b"ffconcat version 1.0\nfile /etc/passwd\n",
        "text": b"a recording",
        "zeros": bytes(10_000),
    }
    for name, kind in odd_sounds.KINDS.items():
        sound = odd_sounds.tone(1.0, kind.rate) if kind.rate != 48_000 else tone
        # FFmpeg's own encoder of Vorbis knows stereo alone.
        for channels in (2,) if name == "ogg" else (1, 2):
            files[f"{name}, {channels}"] = odd_sounds.encode(sound, kind, channels)
        whole = files[f"{name}, 2"]
        files |= {f"{name} cut at {part}/4": whole[: len(whole) * part // 4] for part in range(1, 4)}
        broken = bytearray(whole)
        for place in rng.integers(16, len(broken), 30):
            broken[place] = int(rng.integers(0, 256))
        files[f"{name} damaged"] = bytes(broken)
    return files


def wrong_answers(yard: Stack, send: Callable[[bytes], Any], files: dict[str, bytes]) -> dict[str, str]:
    """File -> the error in its answer."""
    wrong = {}
    for name, content in files.items():
        pids = children_of(yard)
        began = sum(map(busy_seconds, pids))
        answer = send(content)
        took = sum(map(busy_seconds, pids)) - began
        if answer.status_code not in (200, 400, 413) or took > SECONDS:
            wrong[name] = f"{answer.status_code} after {took:.1f} s: {answer.text[:200]}"
        elif answer.status_code != 200 and not answer.json()["message"]:
            wrong[name] = answer.text
    return wrong


@pytest.mark.parametrize("path", ["/ocr", "/slider", "/click", "/image-classify"])
def test_a_hostile_image_gets_a_clear_answer_soon(yard: Stack, caller: Caller, path: str) -> None:
    def send(content: bytes) -> Any:
        fields = {
            "/ocr": {"image": encode(content)},
            "/slider": {"background": sample("background.jpg"), "slider": encode(content)},
            "/click": {"image": encode(content), "target": "cat"},
            "/image-classify": {"images": [encode(content)], "category": "cat"},
        }
        return caller.call("POST", path, fields[path])

    assert wrong_answers(yard, send, hostile_images()) == {}
    assert is_right("/ocr", caller.json("POST", "/ocr", REQUEST["/ocr"]))


def test_a_hostile_background_gets_a_clear_answer_soon(yard: Stack, caller: Caller) -> None:
    def send(content: bytes) -> Any:
        return caller.call("POST", "/slider", {"background": encode(content), "slider": sample("piece.png")})

    assert wrong_answers(yard, send, hostile_images()) == {}


def test_a_hostile_recording_gets_a_clear_answer_soon(yard: Stack, caller: Caller) -> None:
    def send(content: bytes) -> Any:
        return caller.call("POST", "/audio", {"audio": encode(content)})

    assert wrong_answers(yard, send, hostile_sounds()) == {}
    assert is_right("/audio", caller.json("POST", "/audio", REQUEST["/audio"]))


def test_what_is_silent_or_no_speech_has_no_words(caller: Caller) -> None:
    for name in ("silence", "tone", "noise"):
        answer = caller.json("POST", "/audio", {"audio": encode(hostile_sounds()[name])})
        assert (answer["success"], answer["text"], answer["digits"]) == (False, "", ""), name


@pytest.mark.long
def test_memory_does_not_grow(yard: Stack, caller: Caller) -> None:
    """200 requests of all kinds, after the same number of requests that fill caches."""
    for path in REQUEST:
        for _ in range(3):
            caller.json("POST", path, REQUEST[path])
    before = child_of(yard), resident_bytes(child_of(yard))
    quick = [path for path in REQUEST if path != "/audio"]
    for number in range(REQUESTS):
        path = "/audio" if number % 20 == 0 else quick[number % len(quick)]
        assert is_right(path, caller.json("POST", path, REQUEST[path]))
    after = child_of(yard), resident_bytes(child_of(yard))
    assert after[0] == before[0]
    assert after[1] - before[1] < GROWTH_BYTES


def test_the_page_draws_what_is_recognised(yard: Stack, tmp_path: Path) -> None:
    program = browser.program()
    if program is None:
        pytest.skip(f"needs a browser, and there is none of {', '.join(browser.NAMES)} on this machine")
    with browser.tab(program, tmp_path, scripts=True) as tab:
        tab.open(f"{yard.urls['recognition']}/try")
        wait_until(lambda: tab.see("document.getElementById('hint')?.textContent"), lambda text: bool(text))
        tab.drop_files("#drop", samples.FOLDER / "text.png")
        wait_until(
            lambda: tab.see("document.getElementById('state').textContent"), lambda text: str(text).startswith("Done")
        )
        assert tab.see("document.getElementById('words').textContent") == "YARD 7429"
        assert tab.see("document.querySelectorAll('#pictures canvas').length") == 1
        red = "document.querySelector('canvas').getContext('2d').getImageData(0, 0, 260, 64).data"
        assert tab.see(f"Array.from({red}).some((_, at, all) => at % 4 == 0 && all[at] > 180 && all[at + 1] < 90)")


def test_recognition_that_is_off_says_so_and_the_rest_works() -> None:
    with stack(LOG_LEVEL="CRITICAL", RECOGNITION="off") as ready:
        api = ready.open("recognition")
        health = api.json("GET", "/health")
        assert (health["status"], set(health["solvers"].values())) == ("unavailable", {False})
        refused = api.call("POST", "/ocr", REQUEST["/ocr"])
        assert (refused.status_code, refused.json()["error"]) == (503, "NOT_CONFIGURED")
        assert ready.open("coordinator").json("GET", "/health")["status"] == "healthy"
