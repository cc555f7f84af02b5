"""A setting, and which values it can have. Groups of settings belong together and are changed together."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from chalicelib.errors import InvalidRequest

MAX_TEXT_CHARS = 4_000


class Form(NamedTuple):
    """What a text must be, in words, and the test for it."""

    words: str
    fits: Callable[[str], object]


class Setting(NamedTuple):
    """One setting. The type of the default is the type of its values; numbers have bounds, texts can have choices or a
    form."""

    name: str
    default: Any
    least: int | None = None
    most: int | None = None
    choices: tuple[str, ...] = ()
    form: Form | None = None

    def problem(self, value: Any) -> str | None:
        """What the value must be instead; None for a value that the setting can have."""
        # A bool is an int for Python, and for nobody else.
        if type(value) is type(self.default) and self._is_allowed(value):
            return None
        return f"must be {self._wanted()}"

    def _is_allowed(self, value: Any) -> bool:
        if self.choices:
            return value in self.choices
        if isinstance(value, str):
            return len(value) <= MAX_TEXT_CHARS and (self.form is None or bool(self.form.fits(value)))
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def _wanted(self) -> str:
        if self.choices:
            return f"one of: {', '.join(self.choices)}"
        if self.form is not None:
            return self.form.words
        if isinstance(self.default, bool):
            return "true or false"
        if isinstance(self.default, str):
            return f"a string of at most {MAX_TEXT_CHARS} characters"
        return f"an integer between {self.least} and {self.most}"


class Group(NamedTuple):
    """Settings that are stored and changed together."""

    name: str
    settings: tuple[Setting, ...]

    @property
    def names(self) -> list[str]:
        return [setting.name for setting in self.settings]

    def find(self, name: str) -> Setting:
        """The setting of this name. Raises LookupError."""
        return next(setting for setting in self.settings if setting.name == name)

    def with_defaults(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        """The value of each setting: the stored one, if the setting can still have it."""
        values = {setting.name: stored.get(setting.name, setting.default) for setting in self.settings}
        wrong = {setting.name: setting.default for setting in self.settings if setting.problem(values[setting.name])}
        return values | wrong

    def check(self, values: Mapping[str, Any]) -> None:
        """Raise InvalidRequest for a name that is not one of the settings, and for a value that its setting cannot
        have."""
        settings = {setting.name: setting for setting in self.settings}
        problems = {
            name: f"is not a setting; there are {', '.join(settings)}" for name in values if name not in settings
        }
        for name in values.keys() & settings.keys():
            if (problem := settings[name].problem(values[name])) is not None:
                problems[name] = problem
        for name, problem in sorted(problems.items()):
            raise InvalidRequest(f"{name[:100]}: {problem}", fields=problems)
