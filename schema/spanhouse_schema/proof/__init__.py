"""Every derived number, recomputed from raw rows: compared, or made right."""
