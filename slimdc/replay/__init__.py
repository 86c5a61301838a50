"""Replay: what is kept of a stream of tasks, in a budget that never grows."""

from slimdc.replay.buffer import ReplayBuffer

__all__ = ["ReplayBuffer"]
