"""How long steps take, and the most memory that the process has held."""

import resource
import statistics
import time
from dataclasses import dataclass
from typing import Callable


@dataclass
class Timed:
    seconds: list[float]
    processor_seconds: list[float]
    peak_bytes: int

    @property
    def seconds_a_step(self) -> float:
        return statistics.median(self.seconds)

    def __str__(self) -> str:
        busy = statistics.median(self.processor_seconds)
        return f"{self.seconds_a_step:.2f} s a step, {busy:.2f} s of a processor, peak {self.peak_bytes / 1e9:.2f} GB"


def time_steps(run: Callable[[], None], repeats: int) -> Timed:
    """Of so many steps, after one that warms up."""
    seconds, processor_seconds = [], []
    for _ in range(repeats + 1):
        started, busy = time.perf_counter(), time.process_time()
        run()
        seconds.append(time.perf_counter() - started)
        processor_seconds.append(time.process_time() - busy)
    # Linux gives kilobytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Timed(seconds[1:], processor_seconds[1:], peak)
