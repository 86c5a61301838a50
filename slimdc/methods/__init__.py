"""Methods of slimming and condensing, one file each: what a set is trained for.

`METHODS` holds all by name. The settings of each, and its presets by name, are here too; those of
the paper's own method are in `slimdc.settings`. A method of your own is a `Method`, and is given to
`slimdc.slim` and `slimdc.condense` as it is.
"""

from slimdc.methods.distribution_matching import DM, DmSettings
from slimdc.methods.frepo import FREPO, FrepoSettings
from slimdc.methods.gradient_matching import DC, DSA, DcSettings
from slimdc.methods.idc import IDC, IdcSettings
from slimdc.methods.kip import KIP, KipSettings
from slimdc.methods.method import Material, Method, Task, Way
from slimdc.methods.registry import METHODS
from slimdc.methods.rfad import RFAD, RfadSettings
from slimdc.methods.yoco import YOCO, YocoSettings

__all__ = [
    "DC",
    "DM",
    "DSA",
    "FREPO",
    "IDC",
    "KIP",
    "METHODS",
    "RFAD",
    "YOCO",
    "DcSettings",
    "DmSettings",
    "FrepoSettings",
    "IdcSettings",
    "KipSettings",
    "Material",
    "Method",
    "RfadSettings",
    "Task",
    "Way",
    "YocoSettings",
]
