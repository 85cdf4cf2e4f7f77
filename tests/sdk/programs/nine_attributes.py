"""A span with nine attributes, sent to where the variables of OpenTelemetry say."""

from opentelemetry.trace import get_current_span

import spanhouse

spanhouse.init(instrument=False)
with spanhouse.tool("any"):
    get_current_span().set_attributes({f"a{n}": "long text" for n in range(9)})
