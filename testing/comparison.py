"""Compare a measurement's figures with the previous ones, and name those that got worse."""

from collections.abc import Iterator, Mapping

TOLERANCE = 0.1
"""Two runs on the same machine differ by up to this share."""

LOWER_IS_BETTER = ("_ms", "_us", "_seconds", "_mib")


def got_worse(previous: Mapping[str, object], current: Mapping[str, object]) -> Iterator[str]:
    """Yield a line for each figure that is worse than before by more than `TOLERANCE`.

    A figure's name says which direction is worse: a duration or a size (`LOWER_IS_BETTER`) should fall, and a rate or
    ratio (`…_per_…`) should rise. Other figures are not compared.
    """
    for name, after in current.items():
        before = previous.get(name)
        if not _is_number(before) or not _is_number(after):
            continue
        change = float(str(after)) / float(str(before)) - 1
        if _is_worse(name, change):
            yield f"{name}: {before} → {after} ({100 * change:+.0f} %)"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _is_worse(name: str, change: float) -> bool:
    if "_per_" in name:
        return change < -TOLERANCE
    return name.endswith(LOWER_IS_BETTER) and change > TOLERANCE
