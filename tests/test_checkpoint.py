"""Checkpoints: interrupted and resumed runs end as uninterrupted ones, to the bit."""

import json

import numpy as np
import pytest
from conftest import library
from safetensors.numpy import save as serialise

import slimdc
from slimdc.errors import FileError, InvalidValueError
from slimdc.networks import MLP
from slimdc.settings import PoolSettings, SlimSettings
from slimdc.storage.tensor_file import DIGEST, read_tensors, write_tensors
from slimdc.training.checkpoint import Checkpoint

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


def test_networks_are_renewed_after_a_resumption_when_they_would_have_been(pair, tmp_path):
    settings = SlimSettings(steps=40, pool=PoolSettings(size=2, lifetime=7, width=8))
    expected = slimdc.slim(pair, 3, preset=settings)
    for step in (10, 20, 30):
        with pytest.raises(InterruptionError):
            slimdc.slim(
                pair,
                3,
                preset=settings,
                checkpoint=tmp_path / "run",
                checkpoint_interval=10,
                progress=interrupt_at(step + 10),
            )
    resumed = slimdc.slim(
        pair, 3, preset=settings, checkpoint=tmp_path / "run", checkpoint_interval=10
    )
    assert equal(resumed, expected)


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


def test_history_keeps_what_an_interrupted_run_had(pair):
    history = [{"before": 1.0}]
    with pytest.raises(InterruptionError):
        slim(pair, history=history, progress=interrupt_at(30))
    assert len(history) == 31
    assert history[0] == {"before": 1.0}


class Walk:
    """The least that a checkpoint can hold: one factor, and two networks that learn when drawn."""

    def __init__(self, steps=0):
        self.count = steps
        self.total = 3
        self.arrays = {
            "factors.u": np.full((2, 2), steps, np.float32),
            "pool0.ages": np.array([steps, 1]),
            "pool0.0.parameters.w": np.full((2, 3), steps, np.float32),
            "pool0.0.parameters.b": np.full(2, steps, np.float32),
            "pool0.1.parameters.w": np.zeros((2, 3), np.float32),
            "pool0.1.parameters.b": np.zeros(2, np.float32),
        }
        if steps:
            moments = {f"pool0.0.moments.{m}": np.full(8, steps, np.float32) for m in "mv"}
            self.arrays |= moments

    def state(self):
        return dict(self.arrays)

    def restore(self, state, count):
        self.arrays, self.count = dict(state), count


def saved(path, **changes):
    """Save a walk of three steps, with arrays and metadata changed and the digest made anew."""
    rng = np.random.default_rng(0)
    Checkpoint(path, "walk", rng).save(Walk(3), [{"loss": 1.0, "skew": 0.5}] * 3)
    tensors, metadata = read_tensors(path)
    for name, value in changes.items():
        place = tensors if isinstance(value, np.ndarray) or name in tensors else metadata
        if value is None:
            del place[name]
        else:
            place[name] = value
    write_tensors(path, tensors, metadata)


def state_of_a_generator(**changes):
    state = np.random.default_rng(5).bit_generator.state
    return json.dumps(state | changes)


def test_a_checkpoint_brings_back_what_was_saved(tmp_path):
    saved(tmp_path / "run", generator=state_of_a_generator())
    run, rng = Walk(), np.random.default_rng(1)
    history = Checkpoint(tmp_path / "run", "walk", rng).resume(run)
    assert history == [{"loss": 1.0, "skew": 0.5}] * 3
    assert run.count == 3
    assert rng.random() == np.random.default_rng(5).random()
    for name, x in Walk(3).arrays.items():
        assert np.array_equal(run.arrays[name], x)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("count", x) for x in ("-1", "2", "4", "03", " 3", "3.0", "", "[3]", "9" * 5000, None)),
        *(("terms", x) for x in ('["loss"]', '["loss", "loss"]', "[1, 2]", "{}", "", "[" * 10**5)),
        ("terms", None),
        *(("generator", x) for x in ("", "[]", "{}", "3", "[" * 10**5, f"[{10**400}]", None)),
        ("generator", state_of_a_generator(bit_generator="MT19937")),
        ("generator", state_of_a_generator(state={"state": 1})),
        ("generator", state_of_a_generator(state={"state": 10**400, "inc": 1})),
        ("generator", state_of_a_generator(state={"state": -1, "inc": 1})),
        ("generator", state_of_a_generator(uinteger=2**40)),
        ("generator", state_of_a_generator(has_uint32=1.5)),
        ("history", np.zeros((2, 2))),
        ("history", np.zeros((3, 1))),
        ("history", np.zeros(6)),
        ("history", np.zeros((3, 2), np.float32)),
        ("history", None),
        ("factors.u", np.zeros((2, 3), np.float32)),
        ("factors.u", np.zeros((2, 2))),
        ("factors.u", None),
        ("factors.s", np.zeros(2, np.float32)),
        ("pool0.ages", np.array([3, -1])),
        ("pool0.ages", np.array([3, 1], np.int32)),
        ("pool0.ages", np.array([3.0, 1.0])),
        ("pool0.0.moments.m", None),
        ("pool0.0.moments.m", np.zeros(7, np.float32)),
        ("pool0.0.moments.m", np.zeros(8)),
        ("pool0.1.moments.m", np.zeros(8, np.float32)),
        ("pool0.2.moments.m", np.zeros(8, np.float32)),
        ("pool0.1.parameters.w", None),
    ],
)
def test_edited_checkpoints_are_refused_before_anything_changes(tmp_path, name, value):
    path = tmp_path / "run"
    saved(path, **{name: value})
    payload = path.read_bytes()
    run, rng = Walk(), np.random.default_rng(1)
    before = rng.bit_generator.state
    with pytest.raises(FileError, match=r"run: found a damaged checkpoint") as caught:
        Checkpoint(path, "walk", rng).resume(run)
    assert len(str(caught.value)) < 10_000
    assert run.count == 0
    assert all(np.array_equal(run.arrays[key], x) for key, x in Walk().arrays.items())
    assert rng.bit_generator.state == before
    assert path.read_bytes() == payload


def test_a_checkpoint_without_its_digest_is_refused(tmp_path):
    path = tmp_path / "run"
    saved(path)
    tensors, metadata = read_tensors(path)
    del metadata[DIGEST]
    path.write_bytes(serialise(tensors, metadata))
    with pytest.raises(FileError, match="another kind of file"):
        Checkpoint(path, "walk", np.random.default_rng(1)).resume(Walk())


def test_a_checkpoint_of_version_1_is_named(tmp_path):
    saved(tmp_path / "run", format="slimdc-checkpoint-1")
    with pytest.raises(FileError, match=r"an earlier version, expected .* remove the file"):
        Checkpoint(tmp_path / "run", "walk", np.random.default_rng(1)).resume(Walk())


def test_no_flipped_bit_resumes_to_another_result(pair, tmp_path):
    path = tmp_path / "run"
    with pytest.raises(InterruptionError):
        slim(pair, checkpoint=path, checkpoint_interval=10, progress=interrupt_at(30))
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for place in rng.integers(len(whole), size=100):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(FileError):
            slim(pair, checkpoint=path, checkpoint_interval=10)


@pytest.mark.parametrize("name", ["n" * 300, "null\0byte", "file/under"])
def test_paths_that_no_checkpoint_can_have_are_told_before_the_work(pair, tmp_path, name):
    (tmp_path / "file").write_text("")
    steps = []
    with pytest.raises(FileError):
        slim(pair, checkpoint=tmp_path / name, progress=lambda *news: steps.append(news))
    assert steps == []
