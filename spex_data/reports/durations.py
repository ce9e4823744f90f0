"""Times and sizes in the unit that people would use."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Seconds in the unit that people would use."""
    for least, unit, name in ((172800, 86400, "days"), (5400, 3600, "h"), (90, 60, "min"), (1, 1, "s")):
        if seconds >= least:
            return f"{seconds / unit:.1f} {name}" if seconds / unit < 10 else f"{seconds / unit:,.0f} {name}"
    return f"{1000 * seconds:.1f} ms" if seconds < 0.01 else f"{1000 * seconds:.0f} ms"


def size(n_bytes: float | None) -> str:
    """Bytes in the unit that people would use; "unknown" for None."""
    if n_bytes is None:
        return "unknown"
    for power, name in ((4, "TB"), (3, "GB"), (2, "MB"), (1, "kB")):
        if n_bytes >= 1000**power:
            return f"{n_bytes / 1000**power:,.{1 if n_bytes < 100 * 1000**power else 0}f} {name}"
    return f"{n_bytes:.0f} B"
