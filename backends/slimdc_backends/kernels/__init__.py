"""Convolution and pooling for libraries that bring none."""
