from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
import torch

from spex_data.study import parse_study
from tasks.workers import accelerators, claim_device, n_workers, share_of_memory
from tests.flows.conftest import study

FOUR = ("cuda:0", "cuda:1", "cuda:2", "cuda:3")


@pytest.fixture
def four_devices(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)


def on(device, **runner):
    model = {"source": "models/of-ones-own", "device": device}
    return parse_study(study(model=model, runner={"kind": "processes", **runner}))


class TestAccelerators:
    """Which devices the workers of a study share out among them."""

    @pytest.mark.parametrize(
        ("device", "found"), [("auto", FOUR), ("cuda", FOUR), ("cuda:2", ("cuda:2",)), ("cpu", ())]
    )
    def test_auto_and_cuda_mean_all_of_them(self, four_devices, device, found):
        assert accelerators(on(device)) == found

    def test_without_a_device_there_are_none(self):
        assert accelerators(on("auto")) == ()

    def test_the_demos_model_stays_on_the_processor_unless_it_is_told_otherwise(self, four_devices):
        assert accelerators(parse_study(study())) == ()


class TestWorkers:
    """One worker a device, or one a processor where there is none."""

    @pytest.mark.parametrize(
        ("device", "runner", "chunks", "workers"),
        [
            ("auto", {}, 100, 4),
            ("auto", {}, 3, 3),
            ("auto", {"workers": 8}, 100, 8),
            ("cuda:1", {}, 100, 1),
            ("auto", {"kind": "inline"}, 100, 1),
            ("cpu", {"workers": 6}, 100, 6),
        ],
    )
    def test_their_number(self, four_devices, device, runner, chunks, workers):
        assert n_workers(on(device, **runner), chunks) == workers

    def test_workers_that_share_a_device_share_its_memory(self, four_devices):
        assert share_of_memory(on("auto"), 100) == 1
        assert share_of_memory(on("auto", workers=8), 100) == 1 / 2
        assert share_of_memory(on("cpu", workers=3), 100) == 1 / 3


class TestClaimDevice:
    """Every worker of a run has a device of its own, for as long as it lives."""

    def test_workers_at_once_have_different_devices_and_each_keeps_its_own(self, tmp_path):
        together = Barrier(4)

        def worker(_):
            first = claim_device(tmp_path, FOUR)
            together.wait()
            return first, claim_device(tmp_path, FOUR)

        with ThreadPoolExecutor(4) as pool:
            claims = list(pool.map(worker, range(4)))
        assert sorted(first for first, _ in claims) == list(FOUR)
        assert all(first == again for first, again in claims)

    def test_a_worker_too_many_shares_a_device(self, tmp_path):
        together = Barrier(3)

        def worker(_):
            claimed = claim_device(tmp_path, FOUR[:2])
            together.wait()
            return claimed

        with ThreadPoolExecutor(3) as pool:
            claims = list(pool.map(worker, range(3)))
        assert set(claims) == set(FOUR[:2])

    def test_the_device_of_a_process_that_died_is_free_again(self, tmp_path):
        code = f"""
import os, signal
from pathlib import Path
from tasks.workers import claim_device
print(claim_device(Path({str(tmp_path)!r}), {FOUR!r}), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
        for _ in range(2):
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
            assert done.stdout.strip() == "cuda:0"

    def test_runs_in_other_folders_have_devices_of_their_own(self, tmp_path):
        with ThreadPoolExecutor(1) as pool:
            claims = [pool.submit(claim_device, tmp_path / name, FOUR).result() for name in "ab"]
        assert claims == ["cuda:0", "cuda:0"]


WORKER = """
import multiprocessing, sys, time
from tasks.workers import end_with_parent

def work():
    end_with_parent()
    print(multiprocessing.current_process().pid, flush=True)
    time.sleep(60)

if __name__ == "__main__":
    process = multiprocessing.get_context("spawn").Process(target=work)
    process.start()
    process.join()
"""


class TestEndWithParent:
    """A worker does not outlive the run that started it."""

    def test_a_worker_ends_when_its_run_is_killed(self, tmp_path):
        (tmp_path / "run.py").write_text(WORKER)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        run = subprocess.Popen(
            [sys.executable, tmp_path / "run.py"], stdout=subprocess.PIPE, text=True, env=environment
        )
        worker = int(run.stdout.readline())
        run.kill()
        run.wait()
        until = time.monotonic() + 30
        while Path(f"/proc/{worker}").exists() and time.monotonic() < until:
            time.sleep(0.05)
        assert not Path(f"/proc/{worker}").exists()
        run.stdout.close()
