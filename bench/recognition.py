"""`make bench-recognition`: the accuracy and the cost of the embedded recognition engines.

The inputs are generated from this machine's fonts and synthetic voices; the photos come from installed packages
(tests/support/recognition/labelled_photos.py). Each section is measured in a process of its own. Writes
bench/RECOGNITION.md; the exit status is 0 only if all targets are met. It needs the extra `recognition`.
"""

import multiprocessing
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

from bench.measure import Figure, Section, at_least, at_most, machine, table
from bench.report import page
from chalicelib.errors import InvalidRequest, TooLarge
from chalicelib.providers.recognition.recognizer import SAMPLE_RATE

RESULTS = Path(__file__).with_name("RECOGNITION.md")
COMMAND = "make bench-recognition"
LIBRARIES = ("rapidocr", "onnxruntime", "opencv-python-headless", "faster-whisper", "av", "pillow", "numpy")
UNIT = 1024 * 1024 if sys.platform == "darwin" else 1024
SURE = 0.5
"""The lowest confidence at which a piece counts as found."""
PUZZLES, STRANGERS, FLAT, NUMBERS, FILES = 40, 80, 40, 48, 200


class Cost(NamedTuple):
    """CPU milliseconds of each call after the first, and the process's peak memory in MB."""

    milliseconds: float
    megabytes: float


def main() -> int:
    """Measure, write the page and return the exit status."""
    sections = []
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as alone:
        for section in (texts, pages, pieces, speech, objects, decoding):
            sections.append(alone.submit(section).result())
            print(page(sections[-1:], "", COMMAND), file=sys.stderr)
    RESULTS.write_text(page(sections, machine(LIBRARIES), COMMAND))
    return 0 if all(figure.met for section in sections for figure in section.figures) else 1


def texts() -> Section:
    """Twenty texts under eight conditions of a scan or a screenshot, in the machine's fonts."""
    from chalicelib.providers.recognition.text import TextReader
    from tests.support.recognition.text_images import fonts, text_images

    reader, images = TextReader(), list(text_images())
    read, cost = _measure(lambda image: reader.read(image.pixels), images)
    right = [text.text == image.text for image, text in zip(images, read, strict=True)]
    wrong = Counter(image.condition for image, exact in zip(images, right, strict=True) if not exact)
    figures = [
        at_least(f"texts that are exact, of {len(images)}", 100 * mean(right), 92, "%"),
        at_most("CPU for each", cost.milliseconds, 100, "ms"),
        at_most("memory", cost.megabytes, 300, "MB"),
        at_most("mean confidence, away from the share that is exact", _gap(read, right), 5, "points"),
    ]
    rows = [[condition, str(count)] for condition, count in wrong.items()]
    tables = [table(["condition", "wrong"], rows)]
    return Section(f"Text, in {len(fonts())} fonts", texts.__doc__ or "", figures, tables)


def pages() -> Section:
    """Pages of ordinary text in lines of 70 to 115 characters: 10 lines in five sizes, upright and upside down, and 40
    lines. The time is that of the 40 lines."""
    from chalicelib.providers.recognition.text import TextReader
    from tests.support.recognition.text_images import prose

    sizes = ((16, 900), (18, 1000), (22, 1240), (24, 900), (28, 1200))
    reader, upright = TextReader(), [prose(10, size, width) for size, width in sizes]
    turned = [(image[::-1, ::-1].copy(), lines) for image, lines in upright]
    right = [_exact_lines(reader.read(image), lines) for image, lines in (*upright, *turned)]
    (image, lines), started = prose(40), time.process_time()
    long = _exact_lines(reader.read(image), lines)
    seconds = time.process_time() - started
    figures = [
        at_least("lines that are exact, of 50 upright", 2 * sum(right[:5]), 95, "%"),
        at_least("of 50 upside down", 2 * sum(right[5:]), 95, "%"),
        at_least("of a page of 40", 100 * long / 40, 95, "%"),
        at_most("CPU for the page of 40 lines", seconds, 16, "s"),
        Figure("memory", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / UNIT:.0f} MB"),
    ]
    return Section("Pages of text", pages.__doc__ or "", figures)


def _exact_lines(text: Any, lines: Sequence[str]) -> int:
    return sum(line == right for line, right in zip(text.text.split("\n"), lines, strict=False))


def _gap(read: Sequence[Any], right: Sequence[bool]) -> float:
    return 100 * abs(mean(float(text.confidence) for text in read) - mean(right))


def pieces() -> Section:
    """A piece of a textured picture is searched in the picture: unchanged, as a poor JPEG, with noise, darker and
    blurred. Pieces of other pictures, and pieces and backgrounds of one colour, must not be found."""
    from chalicelib.providers.recognition import offsets
    from tests.support.recognition.pieces import absent_pieces, flat_pieces, puzzles

    present = list(puzzles(PUZZLES))
    offsets_found, cost = _measure(lambda puzzle: offsets.find(puzzle.background, puzzle.piece), present)
    are_near = [
        abs(offset.x - puzzle.x) <= 2 and abs(offset.y - puzzle.y) <= 2
        for puzzle, offset in zip(present, offsets_found, strict=True)
    ]
    absent_unsure = [
        offsets.find(puzzle.background, puzzle.piece).confidence < SURE for puzzle in absent_pieces(STRANGERS)
    ]
    flat_unsure = [offsets.find(puzzle.background, puzzle.piece).confidence < SURE for puzzle in flat_pieces(FLAT)]
    figures = [
        at_least(f"pieces within 2 pixels, of {len(present)}", 100 * mean(are_near), 95, "%"),
        at_least("of these surely", 100 * mean(offset.confidence >= SURE for offset in offsets_found), 95, "%"),
        at_least(f"pieces of other pictures that are not sure, of {STRANGERS}", 100 * mean(absent_unsure), 95, "%"),
        at_least(f"flat ones that are not sure, of {FLAT}", 100 * mean(flat_unsure), 95, "%"),
        at_most("CPU for each", cost.milliseconds, 100, "ms"),
        Figure("memory", f"{cost.megabytes:.0f} MB"),
    ]
    return Section("Pieces", pieces.__doc__ or "", figures)


def speech() -> Section:
    """Numbers of four to six digits, spoken by the synthetic voices of flite and espeak-ng; sentences, once and three
    times, and one sentence three times, by three voices; sounds without speech."""
    import numpy as np

    from chalicelib.providers.recognition import sounds
    from chalicelib.providers.recognition.speech import SpeechReader
    from tests.support.recognition.odd_sounds import tone
    from tests.support.recognition.speech import PROSE, REPEATED, recordings, speak, voices

    reader, spoken = SpeechReader(), list(recordings(NUMBERS))
    transcripts, cost = _measure(lambda recording: reader.read(sounds.decode(recording.content)), spoken)
    exact = [recording.digits == transcript.digits for recording, transcript in zip(spoken, transcripts, strict=True)]
    seconds = mean(sounds.decode(recording.content).size for recording in spoken[1:]) / SAMPLE_RATE
    noise = np.random.default_rng(1).normal(0, 0.1, 5 * SAMPLE_RATE).astype(np.float32)
    silent = [np.zeros_like(noise), noise / 30, noise, noise * 3, tone(5), tone(5, frequency=1_800)]
    heard = [
        _heard_share(text, reader.read(sounds.decode(speak(text, voice))).text)
        for voice in voices()[::2]
        for text in (PROSE, PROSE * 3, REPEATED)
    ]
    wrong = Counter(recording.voice for recording, right in zip(spoken, exact, strict=True) if not right)
    figures = [
        at_least(f"numbers that are exact, of {len(spoken)}", 100 * mean(exact), 85, "%"),
        at_least(f"words of {len(heard)} recordings of 6 to 50 seconds that are heard", 100 * mean(heard), 85, "%"),
        at_least(
            "of six sounds without speech, have no words",
            sum(reader.read(transcript).text == "" for transcript in silent),
            6,
        ),
        Figure("CPU for each second of speech", f"{cost.milliseconds / seconds / 1000:.2f} s"),
        Figure("memory", f"{cost.megabytes:.0f} MB"),
    ]
    rows = [[voice, str(wrong[voice])] for voice in voices()]
    tables = [table(["voice", "wrong"], rows)]
    return Section(f"Speech, by {len(voices())} voices", speech.__doc__ or "", figures, tables)


def _heard_share(text: str, transcript: str) -> float:
    """The share of the text's words that the transcript has, each as often as it is said."""
    spoken, heard = Counter(_words(text)), Counter(_words(transcript))
    return (spoken & heard).total() / spoken.total()


def _words(text: str) -> list[str]:
    return "".join(letter if letter.isalnum() else " " for letter in text.lower()).split()


def objects() -> Section:
    """Photos of scikit-image, scikit-learn and Debian's darknet, each unchanged, mirrored, at half its size and as JPEG
    of quality 30. Every label is searched in every photo. A point is right if it is in an object that has no point of
    higher confidence."""
    from chalicelib.providers.recognition.objects import Objects
    from tests.support.recognition.labelled_photos import labelled_photos, labels

    engine, photos = Objects(), list(labelled_photos())
    if not photos:
        return Section("Objects", objects.__doc__ or "", [Figure("not measured", "no photo of the packages is here")])
    searches = [(photo, label) for photo in photos for label in labels()]
    boxes, cost = _measure(lambda search: engine.find(search[0].pixels, search[1]), searches)
    points, images = Counter[str](), Counter[str]()
    for (photo, label), found_boxes in zip(searches, boxes, strict=True):
        points += _points(photo, photo.objects.get(label, ()), found_boxes)
        images += Counter(_outcome(bool(found_boxes), label in photo.objects))
    figures = [
        Figure("points that are in an object (precision)", _share(points["right"], points["wrong"])),
        Figure("objects that have a point (recall)", _share(points["right"], points["missed"])),
        Figure("images that are rightly named (precision)", _share(images["right"], images["wrong"])),
        Figure("images with it that are named (recall)", _share(images["right"], images["missed"])),
        at_most("CPU for each photo", cost.milliseconds, 200, "ms"),
        Figure("memory", f"{cost.megabytes:.0f} MB"),
    ]
    return Section(f"Objects, in {len(photos)} photos", objects.__doc__ or "", figures)


def _points(photo: Any, places: Sequence[Any], boxes: Sequence[Any]) -> Counter[str]:
    """Count the boxes whose centre is in an object without an earlier box, the other boxes, and objects without one."""
    height, width = photo.pixels.shape[:2]
    free, counts = list(places), Counter[str]()
    for box in boxes:
        x, y = (box.x + box.width / 2) / width, (box.y + box.height / 2) / height
        hit = next((place for place in free if place[0] <= x <= place[2] and place[1] <= y <= place[3]), None)
        counts["wrong" if hit is None else "right"] += 1
        if hit is not None:
            free.remove(hit)
    return counts + Counter(missed=len(free))


def _outcome(named: bool, shows: bool) -> list[str]:
    if named:
        return ["right" if shows else "wrong"]
    return ["missed"] if shows else []


def _share(part: int, rest: int) -> str:
    return f"{100 * part / max(1, part + rest):.0f} % of {part + rest}"


def decoding() -> Section:
    """Unusual and hostile files: decompression bombs, damaged and truncated files, of all formats and containers."""
    from chalicelib.providers.recognition import images, sounds
    from tests.support.recognition import odd_images, odd_sounds

    pictures = [odd_images.save(odd_images.quarters(900, 700), kind) for kind in images.FORMATS]
    hostile = [odd_images.png_bomb(), odd_images.text_bomb(), odd_images.jpeg_of_many_scans()]
    pictures += [*hostile, odd_images.turned_jpeg(6)]
    recordings = [odd_sounds.encode(odd_sounds.tone(5, kind.rate), kind, 2) for kind in odd_sounds.KINDS.values()]
    jobs = [(images.decode, each) for each in (*pictures, *(each[: len(each) // 2] for each in pictures))]
    jobs += [(sounds.decode, each) for each in (*recordings, *(each[: len(each) // 2] for each in recordings))]
    slowest, sizes = 0.0, []
    for number in range(2 * FILES):
        decode, content = jobs[number % len(jobs)]
        started = time.process_time()
        _try(decode, content)
        slowest = max(slowest, time.process_time() - started)
        sizes.append(_resident_megabytes())
    figures = [
        at_most("CPU for the slowest", slowest, 5, "s"),
        at_most(f"growth over {FILES} files, after as many before", max(0.0, sizes[-1] - sizes[FILES - 1]), 20, "MB"),
        Figure("memory", f"{max(sizes):.0f} MB"),
    ]
    return Section("Decoding", decoding.__doc__ or "", figures)


def _try(decode: Callable[[bytes], Any], content: bytes) -> None:
    try:
        decode(content)
    except (InvalidRequest, TooLarge):
        return


def _resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1024**2


def _measure(call: Callable[[Any], Any], inputs: Sequence[Any]) -> tuple[list[Any], Cost]:
    """Return the results of the calls and their cost. The first call, which loads the engine, is not timed."""
    results = [call(inputs[0])]
    started = time.process_time()
    results += [call(each) for each in inputs[1:]]
    milliseconds = (time.process_time() - started) * 1000 / max(1, len(inputs) - 1)
    return results, Cost(milliseconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / UNIT)


if __name__ == "__main__":
    sys.exit(main())
