"""The house: what is public, how long a file may be, how many arguments a function may take."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import slimdc

ROOT = Path(slimdc.__file__).parents[1]
FILES = sorted(path for folder in ("slimdc", "backends") for path in (ROOT / folder).rglob("*.py"))
LONGEST, MOST_ARGUMENTS = 300, 6

# The names that users import: a change of this table is a change for them, and goes into
# CHANGELOG.md.
PUBLIC = {
    "slimdc": """
        Certificate Chain Evaluation Preprocessing ReferenceEvaluations SlimmableDataset
        ReplayBuffer TrainedNetwork __version__
        certify chain condense datasets dumps errors evaluate load loads read references save
        slim slim_shards train_network write
    """,
    "slimdc.backend": """
        Alone Array Backend BackendFactory Compute Configured Differentiated ENTRY_POINTS
        GlobalStep Groups HasFastBlock HasRanks LocalStep Ranks Scored SharedContext
        Stepped Tensors Tree average_pool composed_conv_relu_pool conv_relu_pool
        convolved_shape get max_pool missing names one_blas_thread parallel_map ranks_of
        relu resolve value_and_grad
    """,
    "slimdc.bounds": """
        Norm equation_10_distance equation_9 first_order_bound first_order_distance
        infinity_order_bound infinity_order_distance kept_ratio
    """,
    "slimdc.budgets": """
        Budget Candidate Choice Criterion Start
    """,
    "slimdc.certificate": """
        Bound Certificate Condition Distance certify
    """,
    "slimdc.changes": """
        compression_distance first_order_change first_order_change_bound infinity_order_change
        infinity_order_change_bound nearest_basis nearest_rotation
    """,
    "slimdc.chains": """
        Cell Chain chain table
    """,
    "slimdc.datasets": """
        RealDataset Sample cifar10 cifar100 fashion_mnist image_folder mnist read sample
    """,
    "slimdc.errors": """
        FileError InvalidTypeError InvalidValueError MissingBackendError MissingLibraryError
        NumericalError SlimdcError SlimdcWarning
    """,
    "slimdc.losses": """
        Form Weights first_order head_gradient infinity_order kernel_regression orthogonality
        performance_matching ridge_solution skewness training_loss weighted_sum
    """,
    "slimdc.methods": """
        DC DM DSA DcSettings DmSettings FREPO FrepoSettings IDC IdcSettings KIP KipSettings METHODS
        Material Method RFAD RfadSettings Task Way YOCO YocoSettings
    """,
    "slimdc.networks": """
        AlexNet ConvNet HEAD HEAD_BIAS LiteratureConvNet MLP NAMES NORMS Network Norm
        Observing ResNet18 VGG11 build cross_entropy fresh keeps_statistics network_for
        observed predict squared_error verified
    """,
    "slimdc.parameterization": """
        Description Factors Preprocessing SlimmableDataset reconstruct
    """,
    "slimdc.parameterization.preprocessing": """
        FLOATS ImageNorm Preprocessing Standardisation Whitening checked chosen in_space
    """,
    "slimdc.parameterization.quantization": """
        Codes Rounder factors_of quantized unpacked
    """,
    "slimdc.pictures": """
        accuracies budgets components convergence overview samples save_picture sensitivity spectrum
    """,
    "slimdc.protocols": """
        PROTOCOLS label_rows scale_of protocol_named steps_for steps_of
    """,
    "slimdc.ranking": """
        augmentation_robust_score label_robust_score
    """,
    "slimdc.regression": """
        Components full_row_rank linear_solution loss_gradient orthonormality_defect
        row_independence
    """,
    "slimdc.replay": """
        ReplayBuffer
    """,
    "slimdc.settings": """
        CONDENSE CondenseSettings EvaluationSettings FREE FreeSettings PoolSettings SLIM Settings
        SlimSettings chosen
    """,
    "slimdc.storage": """
        FileReport Truncated dumps inspect load loads read save truncate_file write
    """,
    "slimdc.storage.foreign": """
        FORMATS Format NAMES read recognised write
    """,
    "slimdc.testing": """
        ReferenceBackend check_arrays check_backend check_compile check_constant_losses
        check_conv check_conv_relu_pool check_convnet_gradients check_determinism
        check_device check_gradients check_groups check_loss_gradients check_nesting
        check_normalisation check_pooling check_relu_at_zero check_session
        check_singular_solve
    """,
    "slimdc.training.algorithm": """
        Algorithm run
    """,
    "slimdc.training.augmentation": """
        Augmentation DSA Drawn Mode augmented mixed placed
    """,
    "slimdc.training.optimizers": """
        Adam Array Lamb Optimizer Sgd StepSize Tensors cosine moved
    """,
    "slimdc.training.plan": """
        Plan Schedule
    """,
    "slimdc.training.schedules": """
        Cosine Drops RateSchedule
    """,
    "slimdc.typing": """
        Array ArrayT CondenseMethod FactorDtype FloatDtype Form FormatName KeptSamples Layout
        MatrixNorm NetworkName NetworkNorm PresetName ProtocolName RowOrder SlimMethod SpaceName
        Start
    """,
    "slimdc.training.strategies": """
        Constants Member NetworkSource Objective Pair Parameterization View
    """,
}


def modules() -> Iterator[str]:
    """Names of all modules of slimdc, but for the one that runs the command."""
    yield "slimdc"
    for found in pkgutil.walk_packages(slimdc.__path__, "slimdc."):
        if not found.name.endswith("__main__"):
            yield found.name


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_are_these(module: str) -> None:
    assert sorted(importlib.import_module(module).__all__) == sorted(PUBLIC[module].split())


@pytest.mark.parametrize("name", list(modules()))
def test_every_module_says_what_it_offers(name: str) -> None:
    module = importlib.import_module(name)
    for public in module.__all__:
        assert hasattr(module, public)
        assert not public.startswith("_") or public == "__version__"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_long_files_say_why(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if text.count("\n") > LONGEST:
        assert "The file is longer than others" in (ast.get_docstring(ast.parse(text)) or "")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_private_functions_take_few_arguments(path: Path) -> None:
    public = set(_offered(path))
    for function, owner in _functions(ast.parse(path.read_text(encoding="utf-8")), None):
        # What makes an object of a public class is as public as the class.
        of_users = function.name == "__init__" or not function.name.startswith("_")
        if (owner or function.name) in public and of_users:
            continue
        arguments = function.args
        names = [a.arg for a in arguments.posonlyargs + arguments.args + arguments.kwonlyargs]
        taken = [name for name in names if name not in ("self", "cls")]
        assert len(taken) <= MOST_ARGUMENTS, f"{function.name} takes {taken}"


def _offered(path: Path) -> list[str]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return list(ast.literal_eval(node.value))
    return []


def _functions(node: ast.AST, owner: str | None) -> Iterator[tuple[ast.FunctionDef, str | None]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef):
            yield child, owner
        of = child.name if isinstance(child, ast.ClassDef) else owner
        yield from _functions(child, of)
