"""The three OTLP signals, and what each is called on the wire and in the database."""

from enum import Enum


class Signal(Enum):
    """One of OTLP's signals; its value is the word in `/v1/<signal>`, in the spool and in metrics' labels."""

    TRACES = "traces"
    LOGS = "logs"
    METRICS = "metrics"

    @property
    def table(self) -> str:
        """The Null table that this signal's requests are inserted into."""
        return f"spanhouse.otlp_{self.value}"

    @property
    def envelope(self) -> str:
        """The message of `otlp.proto` that one record of the spool is."""
        return f"{self.value.capitalize()}Envelope"
