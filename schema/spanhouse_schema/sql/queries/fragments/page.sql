-- Newest first, in an order that no two rows share; with one row more than the page, which tells that there is more.
ORDER BY position_at DESC, position_key
LIMIT {limit:UInt64}
