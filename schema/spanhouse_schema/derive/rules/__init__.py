"""What spans and events come to: each rule is a function from columns to columns, and knows of no database."""
