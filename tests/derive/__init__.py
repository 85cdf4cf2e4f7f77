"""What spans come to, without a database."""
