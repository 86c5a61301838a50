"""Sets of few bits: rounded in the cosine transform, entropy coded, component by component."""

from slimdc.parameterization.quantization.codes import Codes, unpacked
from slimdc.parameterization.quantization.factoring import factors_of
from slimdc.parameterization.quantization.quantize import Rounder, quantized

__all__ = ["Codes", "Rounder", "factors_of", "quantized", "unpacked"]
