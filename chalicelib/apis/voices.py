"""How each channel speaks to its watchers: all that the engine's functions need of the APIs."""

from chalicelib.apis.support import voice as support
from chalicelib.engine.live import Voices

voices: Voices = {support.UPDATES: support.VOICE}
