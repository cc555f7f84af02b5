"""The languages in which the code server has code written."""

from typing import Literal, get_args

Language = Literal["python", "javascript", "typescript", "java", "go"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
