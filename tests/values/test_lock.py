from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

from spex_data.errors import StoreError
from spex_data.values import writer_lock

HOLD = textwrap.dedent("""
    import sys, time, pathlib
    from spex_data.values import writer_lock
    with writer_lock(pathlib.Path(sys.argv[1])):
        print("held", flush=True)
        time.sleep(60)
""")


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


class TestWriterLock:
    """One process writes a run folder at a time."""

    def test_a_second_writer_is_told_who_holds_it_and_since_when(self, tmp_path, holder):
        with (
            pytest.raises(StoreError, match=rf"process {holder.pid} on .* since \d{{4}}-"),
            writer_lock(tmp_path),
        ):
            pass

    def test_a_lock_whose_holder_was_killed_is_taken_over(self, tmp_path, holder):
        holder.kill()
        holder.wait()
        with writer_lock(tmp_path):
            assert (tmp_path / ".writer.json").exists()

    def test_a_lock_is_free_again_after_an_error(self, tmp_path):
        with pytest.raises(ZeroDivisionError), writer_lock(tmp_path):
            raise ZeroDivisionError
        with writer_lock(tmp_path):
            pass
        assert not (tmp_path / ".writer.json").exists()

    def test_a_folder_that_cannot_be_made_is_one_clear_message(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(StoreError, match="--out"), writer_lock(tmp_path / "file" / "run"):
            pass

    def test_who_died_holding_it_is_known_to_the_next(self, tmp_path, holder):
        holder.kill()
        holder.wait()
        with writer_lock(tmp_path) as died:
            assert f"process {holder.pid} on" in died
        with writer_lock(tmp_path) as died:
            assert died is None

    def test_a_card_of_one_who_is_dead_does_not_name_the_holder(self, tmp_path, holder):
        card = json.loads((tmp_path / ".writer.json").read_text())
        dead = subprocess.Popen([sys.executable, "-c", ""])
        dead.wait()
        (tmp_path / ".writer.json").write_text(json.dumps({**card, "pid": dead.pid}))
        with pytest.raises(StoreError, match="is being written by another process"), writer_lock(tmp_path):
            pass

    def test_the_command_of_the_holder_is_named(self, tmp_path, holder):
        with pytest.raises(StoreError, match=r"since \S+ \(-c "), writer_lock(tmp_path):
            pass
