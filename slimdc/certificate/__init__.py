"""The certificate: Proposition 1 checked on two sets."""

from slimdc.certificate.certify import certify
from slimdc.certificate.report import Bound, Certificate, Condition, Distance

__all__ = ["Bound", "Certificate", "Condition", "Distance", "certify"]
