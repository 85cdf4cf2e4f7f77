"""Each span and each event once, however often it came and in whichever states."""

import polars as pl


def latest_states(spans: pl.DataFrame) -> pl.DataFrame:
    """Return each span once: of one that came in several states the latest.

    It is the one that ended last, and began last; then what it says decides, so that the order in which the states
    came never does.
    """
    key = ["Trace", "SpanId"]
    several = spans.select(key).is_duplicated()
    if not several.any():
        return spans
    order = ["EndedAt", "StartedAt", "SpanName", "Kind", "ParentSpanId"]
    order += [name for name in spans.columns if name not in {*key, *order}]
    states = spans.filter(several).sort(order, descending=True, nulls_last=True)
    return pl.concat([spans.filter(~several), states.unique(key, keep="first", maintain_order=True)])


def once_each(events: pl.DataFrame) -> pl.DataFrame:
    """Return each event once, in the order in which they happened."""
    return events.sort("Timestamp", *(name for name in events.columns if name != "Timestamp")).unique(
        ["Trace", "EventId"], keep="first", maintain_order=True
    )
