"""The frame builder of each channel with watchers: all that the engine's function for task updates needs of the
APIs."""

from chalicelib.apis.support import task_feed_frames as support
from chalicelib.engine.live.task_feed import FrameBuilders

frame_builders: FrameBuilders = {support.UPDATES: support.FRAME_BUILDER}
