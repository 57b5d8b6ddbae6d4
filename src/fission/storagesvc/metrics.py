"""What storagesvc counts: plain numbers on the way of archives, Prometheus' terms on demand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import core, registry

from fission.storagesvc import objectstore

STORED: Final = "stored"
REFUSED: Final = "refused"
SENT: Final = "sent"
UNKNOWN: Final = "unknown"
DAMAGED: Final = "damaged"
BROKEN: Final = "broken"
"""An upload or download that did not come to its end: the client left, or the storage failed."""


class Metrics(registry.Collector):
    """Counters of this process, and how much is kept as of the last listing."""

    def __init__(self) -> None:
        self.archives = 0
        self.archive_bytes = 0
        self.uploads: Counter[str] = Counter()
        self.downloads: Counter[str] = Counter()
        self.uploads_running = 0
        self.received_bytes = 0
        self.sent_bytes = 0
        self.pruned = 0
        self.swept = 0
        self.prune_failures = 0
        self.last_prune = 0.0

    def listed(self, archives: Iterable[objectstore.ArchiveInfo]) -> None:
        """Take a listing for the truth: other servers of the same storage change it too."""
        sizes = [archive.size_bytes for archive in archives]
        self.archives, self.archive_bytes = len(sizes), sum(sizes)

    def changed(self, archives: int, size_bytes: int) -> None:
        """An archive came or went here since then."""
        self.archives = max(0, self.archives + archives)
        self.archive_bytes = max(0, self.archive_bytes + size_bytes)

    def collect(self) -> Iterator[core.Metric]:
        """Everything, in Prometheus' terms."""
        yield core.GaugeMetricFamily("fission_archives", "Archives that are kept.", self.archives)
        yield core.GaugeMetricFamily(
            "fission_archive_memory_bytes", "Bytes of them.", self.archive_bytes
        )
        yield core.GaugeMetricFamily(
            "fission_archive_uploads_running", "Uploads now.", self.uploads_running
        )
        uploads = core.CounterMetricFamily(
            "fission_archive_uploads", "Uploads by how they ended.", labels=["result"]
        )
        for result in (STORED, REFUSED, BROKEN):
            uploads.add_metric([result], self.uploads[result])
        yield uploads
        downloads = core.CounterMetricFamily(
            "fission_archive_downloads", "Downloads by how they ended.", labels=["result"]
        )
        for result in (SENT, UNKNOWN, DAMAGED, BROKEN):
            downloads.add_metric([result], self.downloads[result])
        yield downloads
        yield core.CounterMetricFamily(
            "fission_archive_received_bytes", "Bytes stored.", self.received_bytes
        )
        yield core.CounterMetricFamily("fission_archive_sent_bytes", "Bytes sent.", self.sent_bytes)
        yield core.CounterMetricFamily(
            "fission_archives_pruned", "Archives that nobody named.", self.pruned
        )
        yield core.CounterMetricFamily(
            "fission_archive_uploads_swept", "Remains of uploads removed.", self.swept
        )
        yield core.CounterMetricFamily(
            "fission_archive_prune_errors", "Passes given up.", self.prune_failures
        )
        yield core.GaugeMetricFamily(
            "fission_archive_last_prune_timestamp_seconds", "End of the last pass.", self.last_prune
        )
