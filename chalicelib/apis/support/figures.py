"""How this API formats numbers: durations, rates and shares as text with their units, and plain numbers."""

from chalicelib import clock

_UNITS = ((clock.DAY, "d"), (clock.HOUR, "h"), (clock.MINUTE, "m"), (clock.SECOND, "s"))


def duration(milliseconds: float) -> str:
    """Milliseconds as "0s", "0.4ms", "52ms", "1.5s", "2m 5s", "2h 30m" or "3d 4h": two units at most, rounded."""
    if not milliseconds:
        return "0s"
    if round(milliseconds) < clock.SECOND:
        return f"{round(milliseconds, 1 if milliseconds < 10 else None):g}ms"
    seconds = round(milliseconds / clock.SECOND, 1)
    return f"{seconds:g}s" if seconds < 60 else _minutes_or_longer(round(seconds) * clock.SECOND)


def _minutes_or_longer(milliseconds: int) -> str:
    place = next(place for place, (size, _) in enumerate(_UNITS) if milliseconds >= size)
    (large, name), (small, smaller) = _UNITS[place : place + 2]
    rest = milliseconds % large // small
    return f"{milliseconds // large}{name} {rest}{smaller}" if rest else f"{milliseconds // large}{name}"


def per_second(rate: float) -> str:
    """A rate as "50/sec" or "0.35/sec"."""
    return f"{round(rate, 3):g}/sec"


def percent(share: float) -> str:
    """A share (0-1) as "45%"."""
    return f"{round(share * 100)}%"


def number(value: float) -> int | float:
    """An integer where possible (50, not 50.0), else at most two decimals."""
    return int(value) if float(value).is_integer() else round(value, 2)
