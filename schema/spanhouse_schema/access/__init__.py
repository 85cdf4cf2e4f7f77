"""Who may do what: keys, what they grant, and what a tenant's reader sees."""
