"""Finds the code in a model's answer while the answer arrives.

An answer is Markdown with fenced blocks, or plain code. The code is the first block in the task's language, or that
names no language; without one, a block in a part of the language, as JavaScript is of TypeScript. A block of another
language never is. Later blocks that look like tests are the model's tests.

Decisions depend on whole lines only, so that they do not depend on how the answer was split. Code that was emitted is
never taken back.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from code_worker.languages import PARTS, canonical

FENCE = re.compile(r"^(\s{0,12})(`{3,}|~{3,})([^`]*)$")
NO_CODE = frozenset(
    {"shell", "console", "text", "txt", "output", "plaintext", "markdown", "md", "diff", "json", "yaml"}
)
"""Languages of blocks beside the code: lines that look like code may still be the code."""
FIRST_LINE = re.compile(
    r"""\s*(
        (def|class|async|function|const|let|var|export|public|private|protected|fn|func|type|struct|enum|interface
         |abstract|final|static|return|if|for|while|try|with|print|echo)\b.*[(){}\[\]:;=*'"<]
      | from\s+[\w.]+\s+import\b
      | import\s*( [\w.]+(\s*,\s*[\w.]+)*(\s+as\s+\w+)?;?\s*$ | [({*"'] | \w+\s*(,|from)\s )
      | (package|use|using|namespace|module|mod)\s+[\w.:]+\s*;?\s*$
      | @\w+ | \#! | \#include\b | // | /\* | ['"]use\ strict | \"\"\" | \'\'\'
      | [\w.\[\]]+\s*(:[\w\[\],\s|.]+)?=[^=]
      | [\w.]+\(.*\)[\s;]*$
      | <\?php | <[a-zA-Z!]
    )""",
    re.VERBOSE,
)
"""A line of code, as the first line of an answer without a fence. Prose has no such line. No two parts that follow each
other match the same run of characters: the time is that of the line's length, and a model writes lines of any."""
TEST = re.compile(
    r"""(^|[\s;{])
        ( assert\b | console\.assert\( | (async\ )?def\ test_ | class\ \w{0,80}Test\w{0,80}\(
        | expect\( | (test|it|describe)\(\s*['"`] )""",
    re.VERBOSE | re.MULTILINE,
)


@dataclass(eq=False)
class _Block:
    """A fenced block that is open."""

    indent: int
    fence: str
    language: str
    lines: list[str] = field(default_factory=list)

    def ends_with(self, line: str) -> bool:
        stripped = line.strip()
        return len(stripped) >= len(self.fence) and set(stripped) == {self.fence[0]}

    def content(self, line: str) -> str:
        """The line without the indentation that its fence has."""
        blank = len(line) - len(line.lstrip(" \t"))
        return line[min(blank, self.indent) :]


class Extractor:
    """Gets the answer piece by piece by `feed`, which returns code as soon as it is certain; `end` returns the rest."""

    def __init__(self, language: str) -> None:
        self._language = canonical(language)
        self._partial = ""
        self._state: Callable[[str], None] = self._before
        self._block: _Block | None = None
        self._prose: list[str] = []
        self._skipped: list[_Block] = []
        self._later: list[_Block] = []
        self._held = ""
        self._out: list[str] = []
        self._whole: list[str] = []

    @property
    def code(self) -> str:
        """All the code that was emitted."""
        return "".join(self._whole)

    @property
    def tests(self) -> list[str]:
        """The later blocks that look like tests; complete after `end`."""
        texts = ["\n".join(block.lines).strip("\n") for block in self._later]
        return [text for text in texts if TEST.search(text)]

    def feed(self, text: str) -> str:
        """Add a piece of the answer, and return the code that is certain now."""
        *lines, self._partial = (self._partial + text).split("\n")
        for line in lines:
            self._state(line.removesuffix("\r"))
        return self._take_code()

    def end(self) -> str:
        """End the answer, and return the remaining code."""
        if self._partial:
            self._state(self._partial.removesuffix("\r"))
            self._partial = ""
        if not self._whole and not self._out:
            for line in self._fallback_code():
                self._emit(line)
        return self._take_code()

    def _take_code(self) -> str:
        text = "".join(self._out)
        self._out.clear()
        if text:
            self._whole.append(text)
        return text

    def _emit(self, line: str) -> None:
        """Emit a line. Blank lines and line ends wait until more code follows."""
        if not line.strip():
            if self._held:
                self._held += line + "\n"
            return
        self._out.append(self._held + line)
        self._held = "\n"

    def _before(self, line: str) -> None:
        """Handle a line before the code: prose, reasoning, or a block in another language."""
        if line.startswith("<think>"):
            self._state = self._thinking
            self._thinking(line)
        elif block := self._open_block(line):
            self._block = block
            self._state = self._in_code if block.language in ("", self._language) else self._in_skipped
        elif FIRST_LINE.match(line) and not self._skipped and all(map(_is_comment, self._prose)):
            self._state = self._in_plain
            for each in [*self._prose, line]:
                self._emit(each)
        else:
            self._prose.append(line)

    def _thinking(self, line: str) -> None:
        _, closed, rest = line.partition("</think>")
        if closed:
            self._state = self._before
            if rest.strip():
                self._before(rest.lstrip())

    def _in_code(self, line: str) -> None:
        assert self._block is not None
        if self._block.ends_with(line):
            self._state = self._after
        else:
            self._emit(self._block.content(line))

    def _in_plain(self, line: str) -> None:
        if line.lstrip().startswith("```"):
            self._state = self._after
        else:
            self._emit(line)

    def _in_skipped(self, line: str) -> None:
        self._collect(line, self._skipped, self._before)

    def _after(self, line: str) -> None:
        if block := self._open_block(line):
            self._block = block
            self._state = self._in_later

    def _in_later(self, line: str) -> None:
        assert self._block is not None
        kept = self._later if self._block.language in ("", self._language) else []
        self._collect(line, kept, self._after)

    def _collect(self, line: str, into: list[_Block], then: Callable[[str], None]) -> None:
        assert self._block is not None
        if self._block not in into:
            into.append(self._block)
        if self._block.ends_with(line):
            self._state = then
        else:
            self._block.lines.append(self._block.content(line))

    def _open_block(self, line: str) -> _Block | None:
        match = FENCE.match(line)
        if match is None:
            return None
        word = re.split(r"[\s{},:]+", match[3].strip().lstrip("{."), maxsplit=1)[0]
        return _Block(len(match[1].expandtabs(4)), match[2], _named_language(word))

    def _fallback_code(self) -> list[str]:
        """The code of an answer without a block in the language: a block in a part of it, or lines that look like
        code, unless there is a block in another language."""
        part = next((block for block in self._skipped if block.language == PARTS.get(self._language)), None)
        if part is not None:
            return part.lines
        if any(block.language not in NO_CODE for block in self._skipped):
            return []
        starts = (at for at, line in enumerate(self._prose) if FIRST_LINE.match(line))
        return self._prose[next(starts, len(self._prose)) :]


def _named_language(word: str) -> str:
    """The language that a fence names, by itself, by a version of it, or by the name of a file."""
    ending = word.rpartition(".")[2]
    return canonical(ending if ending.isalpha() else re.sub(r"[\d.]+$", "", word))


def _is_comment(line: str) -> bool:
    """Whether the line may precede code: it is blank, or a comment of Python (or a heading of Markdown)."""
    return not line.strip() or line.startswith("#")
