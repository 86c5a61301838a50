"""Training: Algorithm 1, the networks that it draws, its optimisers and its checkpoints."""

__all__ = []
