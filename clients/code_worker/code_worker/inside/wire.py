"""The wire between judge and subject: two pipes over which each process works with the other's objects.

Plain data is sent by value. Mutable containers exist on both sides and are kept equal. Everything else is sent as a
reference, for which the other side has a stand-in. Requests nest like calls: a side that waits for an answer serves
requests meanwhile.

The judge trusts nothing from the subject. A message is JSON and is only parsed as data. A message that does not fit the
protocol ends the wire, and a test on an ended wire fails.
"""

from __future__ import annotations

import builtins
import collections
import json
import os
import struct
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from . import standins, values
from .standins import StandInType
from .values import Garbled

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
FEW_SHARED = 64
"""The number of shared containers up to which unused ones are not searched for."""
HELD_BY_WIRE = 3
"""References to a container that only the wire uses: from the table, from a variable and from the counting itself."""

UNFIT = (Garbled, ValueError, TypeError, LookupError, AttributeError, RecursionError, ArithmeticError, StopIteration)
"""The errors that data of an unexpected form causes."""

Json = Any


class Ended(BaseException):
    """The other side has ended or violated the protocol. `except Exception` in a test does not catch it."""


class End(NamedTuple):
    """The files of one end of the pipes."""

    reading: int
    writing: int

    def write(self, data: bytes) -> None:
        """Write all of it."""
        view = memoryview(data)
        while view:
            view = view[os.write(self.writing, view) :]


class Wire:
    """One end of the wire. `service(operation, arguments)` carries out the other side's requests."""

    def __init__(self, end: End, service: Callable[[str, list[Any]], Any], is_judge: bool) -> None:
        self._end, self._service, self.is_judge = end, service, is_judge
        self._lock = threading.RLock()
        self.ended = ""
        """Why the wire has ended; empty while it works."""
        self.printed: Callable[[], list[Any]] = list
        """Returns this side's output since the last message, as pairs of a stream's name and a text."""
        self.on_printed: Callable[[str, str], None] = lambda stream, text: None
        self.where: Callable[[BaseException], str] = lambda error: ""
        """Returns the line of this side's code that raised an exception."""
        self._shared = _Shared("j" if is_judge else "s")
        self._exports = _Exports()
        self._classes: dict[int, type] = {}
        self._standins: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self._lasting: dict[int, Any] = {}
        self._released: set[int] = set()
        self._dropped: list[str] = []

    def request(self, operation: str, *arguments: Any) -> Any:
        """Send a request to the other side, and return its result or raise its exception. Raises Ended."""
        with self._lock:
            self._send({"q": operation}, list(arguments))
            while "q" in (message := self._receive()):
                self._serve(message)
            return self._answer(message)

    def serve(self) -> None:
        """Serve the other side's requests until it ends. Raises Ended."""
        while True:
            self._serve(self._receive())

    def is_true_alone(self, standin: Any, special: str, value: Any) -> Any:
        """Whether the object equals the value or contains it, and does not claim the same of other values.

        The object is asked about the value and similar ones in random order, and must confirm only the value: code
        could define a comparison that is always true."""
        others = standins.decoys(value) if self.is_judge else []
        if not others:
            return self.request("special", standin, special, (value,))
        questions = [(True, value), *((False, other) for other in others)]
        questions.sort(key=lambda _: os.urandom(8))
        answers = [(is_it, self.request("special", standin, special, (candidate,))) for is_it, candidate in questions]
        [result] = [answer for is_it, answer in answers if is_it]
        lies = result is True and all(answer is True for is_it, answer in answers if not is_it)
        return False if lies else result

    # sending

    def _send(self, head: dict[str, Json], value: Any) -> None:
        encoder = _Encoder(self)
        self._dropped += self._shared.sweep()
        try:
            body = encoder.value(value)
            updates = self._shared.changes(encoder.content)
            message = head | {"a": body, "new": encoder.new, "classes": encoder.classes, "up": updates}
            if len(json.dumps(message)) > MAX_MESSAGE_BYTES:
                raise ValueError("it is too large")
        except (TypeError, ValueError, RecursionError) as error:
            encoder.take_back()
            raise TypeError(f"The value cannot cross to the other process: {error}") from None
        self._shared.remember(encoder.new | updates)
        message |= {"drop": self._dropped, "gone": self._released_numbers(), "out": self.printed()}
        self._dropped = []
        data = json.dumps(message).encode()
        if self.ended:
            raise Ended(self.ended)
        try:
            self._end.write(struct.pack(">I", len(data)) + data)
        except OSError:
            self._end_with("it has ended")

    def _reply(self, key: str, value: Any) -> None:
        try:
            self._send({"r": key}, value)
        except TypeError as error:
            self._send({"r": "x"}, error)

    def _released_numbers(self) -> list[int]:
        """Take the numbers of objects whose stand-ins were deleted. One by one, because the set may grow meanwhile."""
        gone = []
        while self._released:
            gone.append(self._released.pop())
        return gone

    # receiving

    def _receive(self) -> dict[str, Json]:
        if self.ended:
            raise Ended(self.ended)
        try:
            [length] = struct.unpack(">I", self._read(4))
            if length > MAX_MESSAGE_BYTES:
                raise Garbled("a message that is too long")
            message: dict[str, Json] = json.loads(self._read(length))
            if not isinstance(message, dict):
                raise Garbled("a message that is none")
            self._take_over(message)
        except UNFIT as error:
            self._end_with(f"it sent {error if isinstance(error, Garbled) else 'what no program sends'}")
        return message

    def _read(self, count: int) -> bytes:
        parts = []
        while count:
            try:
                part = os.read(self._end.reading, min(count, 1 << 20))
            except OSError:
                part = b""
            if not part:
                self._end_with("it has ended")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def _take_over(self, message: dict[str, Json]) -> None:
        """Apply a message's updates, then decode its value and store it as `value`."""
        for number in message["gone"]:
            self._exports.forget(number)
        for sid in message["drop"]:
            self._shared.forget(sid)
        decoder = _Decoder(self, message["classes"])
        for sid, content in message["new"].items():
            self._shared.adopt(sid, _empty(content))
        for sid, content in [*message["new"].items(), *message["up"].items()]:
            _fill(self._shared.container(sid), content, decoder.value)
        self._shared.remember(message["new"] | message["up"])
        for stream, text in message["out"]:
            self.on_printed(str(stream), str(text))
        message["value"] = decoder.value(message["a"])

    def _serve(self, message: dict[str, Json]) -> None:
        operation, arguments = message.get("q"), message["value"]
        if not isinstance(operation, str) or not isinstance(arguments, list):
            self._end_with("it sent a request that is none")
        try:
            result = self._service(operation, arguments)
        except Ended:
            raise
        except BaseException as error:
            self._reply("x", error)
        else:
            self._reply("v", result)

    def _answer(self, message: dict[str, Json]) -> Any:
        if message.get("r") == "v":
            return message["value"]
        if message.get("r") == "x" and isinstance(message["value"], BaseException):
            raise message["value"]
        return self._end_with("it sent an answer that is none")

    def _end_with(self, why: str) -> NoReturn:
        self.ended = self.ended or why
        raise Ended(self.ended)

    # objects

    def standin(self, number: int, cls: type, base: type | None, value: Any) -> Any:
        """Find or create the stand-in for an object of the other side."""
        standin = self._standins.get(number, self._lasting.get(number))
        if standin is None:
            standin = standins.instance(cls, number, base, value)
            try:
                self._standins[number] = standin
                weakref.finalize(standin, self._released.add, number).atexit = False
            except TypeError:  # there are no weak references to numbers and tuples
                self._lasting[number] = standin
        self._released.discard(number)
        return standin

    def mirrored(self, number: int, classes: dict[str, Json], decoder: _Decoder) -> type:
        """Find or create the class that mirrors one of the other side."""
        if number not in self._classes:
            about = classes[str(number)]
            bases = tuple(decoder.base(base) for base in about["bases"])
            self._classes[number] = standins.make_mirror(self, number, about, bases)
        return self._classes[number]

    def has_given(self, value: Any) -> bool:
        """Whether the object was sent to the other side as a reference; not so what both sides know by name."""
        return self._exports.is_given(value)

    def owner_of(self, value: Any) -> int | None:
        """The number of the object that a stand-in represents; None for another value."""
        cls = value if isinstance(value, StandInType) else type(value)
        if not isinstance(cls, StandInType) or cls._standin_wire is not self:
            return None
        return cls.__dict__["_standin_id"] if cls is value else standins.id_of(value)


class _Exports:
    """Objects of this side that the other side has stand-ins for."""

    def __init__(self) -> None:
        self._objects: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}
        self._given: set[int] = set()
        self._count = 0

    def give(self, value: Any) -> None:
        """Note that the object itself is sent, unless it was sent before as the class of another one: then the code can
        send it to have it sent back."""
        if id(value) not in self._numbers:
            self._given.add(id(value))

    def is_given(self, value: Any) -> bool:
        return id(value) in self._given

    def number(self, value: Any) -> tuple[int, bool]:
        """The object's number, and whether it is new."""
        found = self._numbers.get(id(value))
        if found is not None:
            return found, False
        self._count += 1
        self._objects[self._count] = value
        self._numbers[id(value)] = self._count
        return self._count, True

    def object(self, number: Any) -> Any:
        if not isinstance(number, int) or number not in self._objects:
            raise Garbled("a reference to nothing")
        return self._objects[number]

    def forget(self, number: Any) -> None:
        value = self._objects.pop(number, None)
        self._numbers.pop(id(value), None)
        self._given.discard(id(value))


class _Shared:
    """Mutable containers that exist on both sides, and their last common content."""

    def __init__(self, side: str) -> None:
        self._side = side
        self._containers: dict[str, Any] = {}
        self._ids: dict[int, str] = {}
        self._held: dict[str, str] = {}
        self._count = 0

    def id_of(self, container: Any) -> tuple[str, bool]:
        """The container's id, and whether it is new."""
        found = self._ids.get(id(container))
        if found is not None:
            return found, False
        self._count += 1
        sid = f"{self._side}{self._count}"
        self._add(sid, container)
        return sid, True

    def adopt(self, sid: str, container: Any) -> None:
        """Register a new container of the other side."""
        if sid in self._containers or sid.startswith(self._side):
            raise Garbled("a container twice")
        self._add(sid, container)

    def container(self, sid: Any) -> Any:
        if not isinstance(sid, str) or sid not in self._containers:
            raise Garbled("a container that is not there")
        return self._containers[sid]

    def remember(self, contents: dict[str, Json]) -> None:
        """Record content that both sides have."""
        for sid, content in contents.items():
            self._held[sid] = json.dumps(content)

    def changes(self, content_of: Callable[[Any], Json]) -> dict[str, Json]:
        """The content of the containers that this side has changed."""
        changed = {}
        for sid, container in list(self._containers.items()):
            if sid in self._held and json.dumps(content := content_of(container)) != self._held[sid]:
                changed[sid] = content
        return changed

    def sweep(self) -> list[str]:
        """Forget containers that this side no longer uses, and return their ids."""
        if len(self._containers) <= FEW_SHARED:
            return []
        unused = [sid for sid in list(self._containers) if self._is_unused(sid)]
        for sid in unused:
            self.forget(sid)
        return unused

    def forget(self, sid: str) -> None:
        container = self._containers.pop(sid, None)
        self._ids.pop(id(container), None)
        self._held.pop(sid, None)

    def _is_unused(self, sid: str) -> bool:
        container = self._containers[sid]
        return sys.getrefcount(container) <= HELD_BY_WIRE

    def _add(self, sid: str, container: Any) -> None:
        self._containers[sid] = container
        self._ids[id(container)] = sid


class _Encoder:
    """Encodes the values of one message as JSON."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.new: dict[str, Json] = {}
        self.classes: dict[str, Json] = {}

    def value(self, value: Any) -> Json:
        kind = type(value)
        if value is None or kind is bool or kind is str:
            return value
        if kind is int:
            return value if -(2**63) < value < 2**63 else ["i", hex(value)]
        if kind is float:
            return value if value - value == 0 else ["f", values.float_text(value)]
        if kind in values.CONTAINER_NAMES:
            return self._container(value)
        if kind is tuple or kind is frozenset:
            return ["t" if kind is tuple else "z", *map(self.value, value)]
        if kind is bytes:
            return ["b", value.decode("latin-1")]
        if kind is slice:
            return ["s", *map(self.value, (value.start, value.stop, value.step))]
        if (number := self._wire.owner_of(value)) is not None:
            return ["o", number]
        if (parts := values.simple_parts(value)) is not None:
            return ["v", *parts]
        return self._object(value)

    def content(self, container: Any) -> Json:
        """Encode a container's content, with inner containers by their ids."""
        kind = type(container)
        name = values.CONTAINER_NAMES[kind]
        if kind is bytearray:
            return [name, container.decode("latin-1")]
        if isinstance(container, dict):
            return [name, *(self.value(part) for item in list(container.items()) for part in item)]
        first = [container.maxlen] if isinstance(container, collections.deque) else []
        return [name, *first, *map(self.value, list(container))]

    def take_back(self) -> None:
        """Forget the new objects of a message that is not sent."""
        for sid in self.new:
            self._wire._shared.forget(sid)
        for number in self.classes:
            self._wire._exports.forget(int(number))

    def _container(self, value: Any) -> Json:
        if type(value) is dict and ("__builtins__" in value or value is builtins.__dict__):
            # The names of a module are its own: the other side gets a copy.
            value = {name: each for name, each in value.items() if not name.startswith("__")}
        sid, is_new = self._wire._shared.id_of(value)
        if is_new:
            self.new[sid] = None
            self.new[sid] = self.content(value)
        return ["@", sid]

    def _object(self, value: Any) -> Json:
        if (name := values.name_of(value)) is not None:
            return ["n", *name]
        if isinstance(value, type):
            self._wire._exports.give(value)
            return ["c", self._class(value)]
        kind = type(value)
        if values.is_exception(kind):
            return ["e", *(values.name_of(kind) or ()), self.value(tuple(value.args)), self._wire.where(value)]
        self._wire._exports.give(value)
        number, _ = self._wire._exports.number(value)
        return ["r", number, self._class(kind), *self._derived(value)]

    def _derived(self, value: Any) -> list[Json]:
        """The base and the value of an object that is also an immutable value or an exception."""
        if isinstance(value, BaseException):
            return ["exception", self.value(tuple(value.args)), self._wire.where(value)]
        base = values.derived_base(type(value))
        return [] if base is None else [base.__name__, self.value(values.PLAIN[base](value))]

    def _class(self, cls: type) -> Json:
        if (number := self._wire.owner_of(cls)) is not None:
            raise TypeError("an object of a class that is derived from one of the other process")
        number, is_new = self._wire._exports.number(cls)
        if is_new:
            bases = [self._base(base) for base in cls.__bases__ if base is not object]
            self.classes[str(number)] = standins.describe(cls) | {"bases": bases}
        return number

    def _base(self, base: type) -> Json:
        if values.is_exception(base) or base in values.DERIVED:
            return ["n", *(values.name_of(base) or ())]
        return ["c", self._class(base)]


class _Decoder:
    """Decodes the values of one message. Raises Garbled, and the errors in UNFIT for JSON of an unexpected form."""

    def __init__(self, wire: Wire, classes: dict[str, Json]) -> None:
        self._wire, self._classes = wire, classes

    def value(self, data: Json) -> Any:
        if not isinstance(data, list):
            if isinstance(data, dict):
                raise Garbled("an object of JSON")
            return data
        return _DECODERS[data[0]](self, *data[1:])

    def base(self, data: Json) -> type:
        """Find a base of a mirrored class: an exception or an immutable type by name, or another mirrored class."""
        kind, *rest = data
        if kind != "n":
            return self.cls(*rest)
        named_type = values.find_named(*rest)
        if not isinstance(named_type, type) or not (
            named_type in values.DERIVED or issubclass(named_type, BaseException)
        ):
            raise Garbled("a base that is none")
        return named_type

    def cls(self, number: Json) -> type:
        return self._wire.mirrored(_int(number), self._classes, self)

    def own(self, number: Json) -> Any:
        return self._wire._exports.object(number)

    def shared(self, sid: Json) -> Any:
        return self._wire._shared.container(sid)

    def reference(self, number: Json, cls: Json, base: Json = None, value: Json = None, where: Json = "") -> Any:
        value_type: type | None = None
        decoded = self.value(value)
        if base == "exception":
            value_type = BaseException
            if not isinstance(decoded, tuple):
                raise Garbled("an exception without arguments")
        elif base is not None:
            value_type = next(kind for kind in values.DERIVED if kind.__name__ == base)
        standin = self._wire.standin(_int(number), self.cls(cls), value_type, decoded)
        return _add_place(standin, where)

    def exception(self, module: Json, name: Json, args: Json, where: Json) -> Any:
        kind, decoded = values.find_named(module, name), self.value(args)
        if not isinstance(kind, type) or not issubclass(kind, BaseException) or not isinstance(decoded, tuple):
            raise Garbled("an exception that is none")
        try:
            error = kind(*decoded)
        except TypeError:  # its constructor takes other arguments than `args`
            error = kind.__new__(kind, *decoded)
            error.args = decoded
        return _add_place(error, where)


_DECODERS: dict[str, Callable[..., Any]] = {
    "@": _Decoder.shared,
    "o": _Decoder.own,
    "c": _Decoder.cls,
    "r": _Decoder.reference,
    "e": _Decoder.exception,
    "v": lambda decoder, *parts: values.simple(*parts),
    "n": lambda decoder, module, name: values.find_named(module, name),
    "i": lambda decoder, text: int(text, 16),
    "f": lambda decoder, text: float(text),
    "b": lambda decoder, text: text.encode("latin-1"),
    "t": lambda decoder, *parts: tuple(map(decoder.value, parts)),
    "z": lambda decoder, *parts: frozenset(map(decoder.value, parts)),
    "s": lambda decoder, *parts: slice(*map(decoder.value, parts)),
}


def _add_place(error: Any, where: Json) -> Any:
    """Add the place where the exception was raised to it."""
    if isinstance(error, BaseException) and isinstance(where, str):
        object.__setattr__(error, "__where__", where[:100])
    return error


def _int(value: Json) -> int:
    if type(value) is not int:
        raise Garbled("a number that is none")
    return value


def _empty(content: Json) -> Any:
    kind = values.CONTAINERS[content[0]]
    return collections.deque(maxlen=content[1]) if kind is collections.deque else kind()


def _fill(container: Any, content: Json, value: Callable[[Json], Any]) -> None:
    """Replace a container's content by that of the other side."""
    kind, *parts = content
    held: Any = container
    if values.CONTAINERS[kind] is not type(container):
        raise Garbled("a container of another kind")
    if isinstance(container, bytearray):
        container[:] = parts[0].encode("latin-1")
        return
    decoded = [value(part) for part in parts[1 if kind == "deque" else 0 :]]
    if isinstance(container, dict):
        container.clear()
        container.update(zip(decoded[::2], decoded[1::2], strict=True))
    elif isinstance(container, list):
        container[:] = decoded
    elif isinstance(container, set):
        container.clear()
        container.update(decoded)
    else:
        held.clear()
        held.extend(decoded)
