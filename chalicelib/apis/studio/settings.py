"""Settings of an org (glad-labs.md, "Settings"). What is connected to it is in connections.py."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints

from chalicelib.domain.settings.studio import COLOR, GENERAL, SYSTEM, THEME
from chalicelib.domain.settings.typed_value import ValueType
from chalicelib.edge import Caller, Created, Instant, Routes, Schema
from chalicelib.engine.settings import custom_settings, groups
from chalicelib.engine.settings.custom_settings import NamedSetting
from chalicelib.engine.workers import builtin_worker

routes = Routes("/api/settings", tag="Settings")

OWN = (GENERAL, SYSTEM)
"""The settings of this API that are changed one by one."""
SettingId = Annotated[str, StringConstraints(min_length=1, max_length=128)]


RESERVED = frozenset(
    {"theme", "general", "system", "create", "api-keys", "webhooks", "integrations", "debug_mode", "max_workers"}
)
"""Names of endpoints, under which a setting could not be changed, and of what the system settings show."""


def _require_free(key: str) -> str:
    if key in RESERVED:
        raise ValueError(f"must not be {key}, which this API uses itself")
    return key


NewKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$"), AfterValidator(_require_free)]
ThemeName = Literal["light", "dark", "auto"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class GeneralSettings(Schema):
    """The name of the application, and how it speaks."""

    app_name: str
    language: str
    timezone: str


class SystemSettings(Schema):
    """What the service does for the org. Only `log_level` can be changed."""

    debug_mode: bool = Field(description="Whether the log of agents shows all lines: log_level is DEBUG.")
    log_level: LogLevel = Field(description="The log of agents shows lines of this level and of higher ones.")
    max_workers: int = Field(description="How many tasks of a kind of agents the service performs at once.")


class SettingIn(Schema):
    """A setting to add. Its value must be of its type."""

    key: NewKey = Field(examples=["setting_name"])
    value: Any = Field(description="At most 4,000 characters as JSON.", examples=["setting_value"])
    type: ValueType = "string"


class ValueIn(Schema):
    """The new value of a setting, of the setting's type."""

    value: Any = Field(examples=["new_value"])


class SettingOut(Schema):
    """A setting. The times are null for one of the API's own that has its default."""

    id: str
    key: str
    value: Any
    type: ValueType
    created_at: Instant | None
    updated_at: Instant | None

    @classmethod
    def from_setting(cls, setting: NamedSetting) -> Self:
        return cls(id=setting.key, **setting._asdict())


class SettingList(Schema):
    """All settings but the theme: the API's own, then those that were added."""

    settings: list[SettingOut]


class ThemeIn(Schema):
    """The theme. What is left out stays."""

    theme: ThemeName | None = None
    accent_color: Annotated[str, StringConstraints(pattern=r"^#[0-9A-Fa-f]{6}$")] | None = Field(
        default=None, description=f"It must be {COLOR.words}.", examples=["#FF0000"]
    )


class ThemeOut(Schema):
    """The theme that is in force."""

    theme: ThemeName
    accent_color: str


@routes.get()
def list_settings(caller: Caller) -> SettingList:
    """List all settings. The document has no such endpoint."""
    found = custom_settings.list_all(caller.org, OWN)
    return SettingList(settings=[SettingOut.from_setting(setting) for setting in found])


@routes.get("/general")
def get_general_settings(caller: Caller) -> GeneralSettings:
    """Get the general settings. Each is changed as `PUT /api/settings/app_name`."""
    return GeneralSettings(**groups.read(caller.org, GENERAL))


@routes.get("/system")
def get_system_settings(caller: Caller) -> SystemSettings:
    """Get the system settings. The level is changed by `PUT /api/settings/log_level`."""
    level = groups.read(caller.org, SYSTEM)["log_level"]
    return SystemSettings(debug_mode=level == "DEBUG", log_level=level, max_workers=builtin_worker.MAX_CONCURRENT)


@routes.post("/create", status=201, errors=[409])
def create_setting(caller: Caller, body: SettingIn) -> Created[SettingOut]:
    """Add a setting; its id is its key. An organization has at most 200 of its own."""
    setting = custom_settings.create(caller.org, body.key, body.type, body.value, caller.subject, OWN)
    return Created(SettingOut.from_setting(setting), location="/api/settings")


@routes.put("/{setting_id}")
def change_setting(caller: Caller, setting_id: SettingId, body: ValueIn) -> SettingOut:
    """Give a setting another value of its type."""
    return SettingOut.from_setting(custom_settings.change(caller.org, setting_id, body.value, caller.subject, OWN))


@routes.delete("/{setting_id}", status=204)
def delete_setting(caller: Caller, setting_id: SettingId) -> None:
    """Delete a setting that was added. One of the API's own gets its default again."""
    custom_settings.delete(caller.org, setting_id, OWN, caller.subject)


@routes.get("/theme")
def get_theme(caller: Caller) -> ThemeOut:
    """Get the theme. The document has no such endpoint."""
    return ThemeOut(**groups.read(caller.org, THEME))


@routes.put("/theme")
def change_theme(caller: Caller, body: ThemeIn) -> ThemeOut:
    """Change the theme."""
    theme = groups.change(caller.org, THEME, body.model_dump(exclude_none=True), caller.subject)
    return ThemeOut(**THEME.with_defaults(theme.body))


@routes.delete("/theme", status=204)
def reset_theme(caller: Caller) -> None:
    """Give the theme its defaults again."""
    groups.reset(caller.org, THEME)
