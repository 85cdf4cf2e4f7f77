"""From spans and events to executions: each rule is a function from columns to columns, and knows of no database."""
