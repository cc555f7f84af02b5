"""The settings of an org that the studio API has of its own: general ones, its log's level, and the theme."""

import re

from chalicelib.domain.settings.setting import Form, Group, Setting
from chalicelib.domain.tasks.working_hours import is_zone

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
"""From the most to the least: a log shows its own level and those behind it."""
LANGUAGE = Form("a language tag, such as en or pt-BR", re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}").fullmatch)
TIME_ZONE = Form("a time zone of the IANA database, such as Europe/Berlin", is_zone)
APP_NAME = Form("1 to 100 characters", lambda text: bool(text.strip()) and len(text) <= 100)
COLOR = Form("a color, such as #FF0000", re.compile(r"#[0-9A-Fa-f]{6}").fullmatch)

GENERAL = Group(
    "studio-general",
    (
        Setting("app_name", "Yardmaster Studio", form=APP_NAME),
        Setting("language", "en", form=LANGUAGE),
        Setting("timezone", "UTC", form=TIME_ZONE),
    ),
)
SYSTEM = Group("studio-system", (Setting("log_level", "INFO", choices=LOG_LEVELS),))
THEME = Group(
    "studio-theme",
    (
        Setting("theme", "auto", choices=("light", "dark", "auto")),
        Setting("accent_color", "#1F6FEB", form=COLOR),
    ),
)


def shows(log_level: str, level: str) -> bool:
    """Whether a log of this level shows lines of another one."""
    return LOG_LEVELS.index(level) >= LOG_LEVELS.index(log_level)
