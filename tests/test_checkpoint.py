"""Checkpoints: interrupted and resumed runs end as uninterrupted ones, to the bit."""

import numpy as np
import pytest
from conftest import library

import slimdc
from slimdc.errors import FileError, InvalidValueError
from slimdc.networks import MLP
from slimdc.training.checkpoint import digest_of

FACTORS = ("u", "s", "vx", "vy")


class InterruptionError(Exception):
    pass


def interrupt_at(step):
    def progress(count, steps, terms):
        if count >= step:
            raise InterruptionError

    return progress


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    y = np.arange(24) % 3
    return rng.standard_normal((24, 8)) + y[:, None], y


def slim(pair, **options):
    return slimdc.slim(pair, 3, **({"steps": 60, "width": 8, "checkpoint_interval": 20} | options))


def condense(pair, **options):
    return slimdc.condense(*pair, 4, **({"steps": 60, "width": 8} | options))


def equal(a, b):
    return all(np.array_equal(getattr(a, f), getattr(b, f)) for f in FACTORS)


@pytest.mark.parametrize("job", [slim, condense])
@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_resumed_runs_end_as_uninterrupted_ones(pair, tmp_path, job, backend):
    if backend == "torch":
        library("torch")
    path = tmp_path / "run"
    expected_history, history = [], []
    expected = job(pair, backend=backend, history=expected_history)
    for step in (10, 30, 50):
        with pytest.raises(InterruptionError):
            job(
                pair,
                backend=backend,
                checkpoint=path,
                checkpoint_interval=10,
                progress=interrupt_at(step),
            )
    resumed = job(pair, backend=backend, checkpoint=path, checkpoint_interval=10, history=history)
    assert equal(resumed, expected)
    assert history == expected_history
    assert list(history[0]) == list(expected_history[0])


def test_a_checkpoint_does_not_change_the_run(pair, tmp_path):
    assert equal(slim(pair, checkpoint=tmp_path / "run"), slim(pair))


def test_a_finished_run_gives_its_result_again(pair, tmp_path):
    first = slim(pair, checkpoint=tmp_path / "run")
    steps = []
    again = slim(pair, checkpoint=tmp_path / "run", progress=lambda *news: steps.append(news))
    assert equal(first, again)
    assert steps == []


@pytest.mark.parametrize(
    "changed", [{"seed": 1}, {"steps": 70}, {"width": 9}, {"preset": "paper", "steps": 60}]
)
def test_other_arguments_are_refused(pair, tmp_path, changed):
    slim(pair, checkpoint=tmp_path / "run")
    before = (tmp_path / "run").read_bytes()
    with pytest.raises(InvalidValueError, match=r"^checkpoint: found .* other arguments"):
        slim(pair, checkpoint=tmp_path / "run", **changed)
    assert (tmp_path / "run").read_bytes() == before


def test_other_data_are_refused(pair, tmp_path):
    slim(pair, checkpoint=tmp_path / "run")
    x, y = pair
    with pytest.raises(InvalidValueError, match=r"^checkpoint: found"):
        slim((x + 1e-12, y), checkpoint=tmp_path / "run")


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"\x80\x04pickle"])
def test_foreign_files_are_refused_and_kept(pair, tmp_path, content):
    path = tmp_path / "run"
    path.write_bytes(content)
    with pytest.raises(FileError):
        slim(pair, checkpoint=path)
    assert path.read_bytes() == content


def test_a_slimmable_file_is_no_checkpoint(pair, tmp_path):
    path = tmp_path / "set.safetensors"
    slimdc.save(slim(pair, steps=0), path)
    with pytest.raises(FileError, match="a checkpoint of slimdc"):
        slim(pair, checkpoint=path)


def test_a_target_that_cannot_be_written_is_told_before_the_work(pair, tmp_path):
    steps = []
    with pytest.raises(FileError):
        slim(
            pair,
            checkpoint=tmp_path / "nowhere" / "run",
            progress=lambda *news: steps.append(news),
        )
    assert steps == []


class Own:
    """A caller's network, without a repr that would last."""

    def __init__(self, width):
        self.inner = MLP(8, 3, width=width)

    def draw(self, rng):
        return self.inner.draw(rng)

    def embed(self, ops, parameters, x):
        return self.inner.embed(ops, parameters, x)


def test_runs_in_a_callers_own_network_resume(pair, tmp_path):
    expected = slim(pair, network=Own(8))
    with pytest.raises(InterruptionError):
        slim(pair, network=Own(8), checkpoint=tmp_path / "run", progress=interrupt_at(30))
    assert equal(slim(pair, network=Own(8), checkpoint=tmp_path / "run"), expected)
    with pytest.raises(InvalidValueError, match=r"^checkpoint: found"):
        slim(pair, network=Own(9), checkpoint=tmp_path / "run")


def test_digest_tells_runs_from_each_other():
    rng = np.random.default_rng(0)
    images, y = rng.standard_normal((6, 4, 4, 4)), np.arange(6) % 2

    def digest(arguments="a", network=None, extra=0, **options):
        data = slimdc.SlimmableDataset.from_arrays(images, y, **options)
        return digest_of(data, network or MLP(64, 2), arguments, extra=np.array(extra))

    digests = [
        digest(),
        digest("b"),
        digest(network=MLP(64, 2, width=9)),
        digest(extra=1),
        digest(layout="channels_first"),
        digest(layout="flat"),
        digest(preprocessing=slimdc.Preprocessing(0.5, 2.0)),
    ]
    assert len(set(digests)) == len(digests)
    assert digest() == digests[0]


def test_history_keeps_what_an_interrupted_run_had(pair):
    history = [{"before": 1.0}]
    with pytest.raises(InterruptionError):
        slim(pair, history=history, progress=interrupt_at(30))
    assert len(history) == 31
    assert history[0] == {"before": 1.0}
