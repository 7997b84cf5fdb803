"""Ray: two nodes on this machine give the rows that one process gives, and nothing waits for ever."""

import os
import signal
from importlib.util import find_spec

import pyarrow.dataset as ds
import pytest

from recyclenet.bulk.job import run_job
from recyclenet.bulk.local import LocalEngine
from recyclenet.errors import RecycleNetError

os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 (Ray spells it so); else all other tests come first

if find_spec("ray") is None:
    pytest.skip("needs the extra ray", allow_module_level=True)
# The engine first: some of Ray's settings are read when Ray is imported, and never again.
from recyclenet.bulk.ray_engine import RayEngine  # noqa: I001
import ray
from ray.cluster_utils import Cluster

# Ray warns of its own settings, and leaves its sockets to the end of the process.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def cluster():
    """Two nodes with one CPU each."""
    options = {"num_cpus": 1, "object_store_memory": 100 * 2**20, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=options)
    made.add_node(num_cpus=1, object_store_memory=100 * 2**20)
    made.wait_for_nodes()
    yield made.address
    made.shutdown()


def answers(out):
    return ds.dataset(out).to_table().sort_by("id").replace_schema_metadata()


def interrupt_after(count):
    done = 0

    def told(what, _done, _total):
        nonlocal done
        done += what == "photos"
        if done == count:
            os.kill(os.getpid(), signal.SIGTERM)

    return told


def test_two_nodes(cluster, photos, work, tmp_path):
    """One test for all that needs a cluster: it takes seconds to start."""
    with pytest.raises(RecycleNetError, match="has 2 CPUs, 3 --workers need one each"):
        run_job([str(photos)], tmp_path / "ray", work, RayEngine(cluster, workers=3), part_size=1)

    # Stopped half-way: parts in progress are finished, no others begun.
    engine = RayEngine(cluster)
    report = run_job([str(photos)], tmp_path / "ray", work, engine, part_size=1, on_progress=interrupt_after(6))
    assert report.stopped_by == signal.SIGTERM
    assert 5 <= report.done < 11
    assert (report.workers, report.machines) == (2, 2)
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "ray").glob("part-*")}
    assert len(before) == report.done

    # Engines may change over a job: they give the same rows.
    rest = run_job([str(photos)], tmp_path / "ray", work, LocalEngine(1), part_size=1)
    assert (rest.done, rest.answered_now, rest.unreadable) == (11, 11 - report.done, 1)
    assert {name: (tmp_path / "ray" / name).stat().st_mtime_ns for name in before} == before
    run_job([str(photos)], tmp_path / "local", work, LocalEngine(1), part_size=4)
    assert answers(tmp_path / "ray").equals(answers(tmp_path / "local"))


def test_nothing_connects_by_itself():
    """Ray's own way is to start a Ray at the first call, from whichever thread; once it broke the end of a job so."""
    with pytest.raises(ray.exceptions.RaySystemError, match="Ray has not been started yet"):
        ray.put(1)
    assert not ray.is_initialized()


def test_nobody_is_told():
    from ray._common.usage.usage_lib import usage_stats_enabled

    assert not usage_stats_enabled()


def test_a_client_from_outside_is_refused():
    with pytest.raises(RecycleNetError, match="run this there with --ray-address auto"):
        RayEngine("ray://head:10001")
