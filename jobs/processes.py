"""Processes beside this one, for work that takes longer than they need to begin."""

from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

from jobs.local_engine_worker import begin


def pool(processes: int) -> Executor:
    """So many processes that begin afresh, since a copy of this one would hold its connections; of 0, a thread."""
    if processes == 0:
        return ThreadPoolExecutor(1)
    return ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=begin)
