"""How each channel speaks to its watchers: all that the engine's functions need of the APIs."""

from chalicelib.apis.support import task_feed_frames as support
from chalicelib.engine.live.task_feed import FrameBuilders

frame_builders: FrameBuilders = {support.UPDATES: support.FRAME_BUILDER}
