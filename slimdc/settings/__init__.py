"""Every default of slimming, condensing and evaluating, in one place."""

from slimdc.settings.choice import FREE, FreeSettings, Settings, chosen
from slimdc.settings.evaluation import EvaluationSettings
from slimdc.settings.matching import CONDENSE, SLIM, CondenseSettings, SlimSettings
from slimdc.settings.pool import PoolSettings

__all__ = [
    "CONDENSE",
    "FREE",
    "SLIM",
    "CondenseSettings",
    "EvaluationSettings",
    "FreeSettings",
    "PoolSettings",
    "Settings",
    "SlimSettings",
    "chosen",
]
