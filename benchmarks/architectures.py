"""The paper's Table 2: sets made with one architecture, judged by others.

    python benchmarks/architectures.py small --networks resnet18 alexnet vgg11

Takes the sets that ``paper.py`` left beside its results, so it runs after it, on the same machine.
Results, cuts and several processes as there. All networks are without normalisation, as FRePo
publishes them.
"""

from __future__ import annotations

from dataclasses import replace

from paper import SCALES, alone, load, parser_of

import slimdc
from slimdc.chains.journal import Journal
from slimdc.protocols import PROTOCOLS

NORM = "none"
# How sets were made, as they are named and as the page tells it.
WAYS = {
    "frepo": {"RT": "RT", "frepo": "trained", "random": "random rows"},
    "parameter-matching": {"RT": "RT", "parameter-matching": "trained", "truncate": "at once"},
}


def main() -> None:
    """Judge every set by every network, unless it was."""
    parser = parser_of(__doc__, "cifar10")
    parser.add_argument("--methods", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--networks", nargs="+", default=["resnet18", "alexnet", "vgg11"])
    parser.add_argument("--width", type=int, default=16, help="filters of the first block")
    args = parser.parse_args()
    scale, folder = SCALES[args.scale], args.results / args.scale
    real = load(args.data)
    for method in args.methods:
        sets = folder / args.data / f"{method}-{args.seed}" / "sets"
        into = folder / "architectures" / args.data / f"{method}-{args.seed}"
        with alone(into) as ours:
            if not ours:
                continue
            options = dict(scale.evaluate) | {"width": args.width, "seed": args.seed}
            told = {"method": method, "seed": args.seed, "width": args.width, "norm": NORM}
            journal = Journal(into, told | {"evaluate": repr(options)})
            protocol = replace(PROTOCOLS[options["protocol"]], norm=NORM)
            for network in args.networks:
                for path in sorted(sets.glob("*.safetensors")):
                    name = f"{network} {path.stem}"
                    if name in journal.cells or path.stem.rpartition("-")[0] not in WAYS[method]:
                        continue
                    judged = options | {"protocol": protocol, "network": network}
                    found = slimdc.evaluate(path, real.x_test, real.y_test, **judged)
                    journal.note(name, {"network": network, "accuracies": list(found.accuracies)})
                    print(f"{method}: {name}: {found}", flush=True)


if __name__ == "__main__":
    main()
