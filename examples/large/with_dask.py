"""Slim 1,000 classes by a Dask cluster: pip install slimdc "dask[distributed]"."""

from dask.distributed import Client, LocalCluster
from parts import compare, options


def main() -> None:
    """Start a cluster of processes, and compare its files with those of this process."""
    given = options()
    cluster = LocalCluster(
        n_workers=given.workers, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with cluster, Client(cluster) as client, client.get_executor() as executor:
        compare(f"Dask, {given.workers} workers", given, executor)


if __name__ == "__main__":
    main()
