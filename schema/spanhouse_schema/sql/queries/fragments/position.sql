-- Where a row stands in the list, for the cursor. The query calls its time `position_at` and, to tell rows of one time apart,
-- an array of texts `position_key`.
toUnixTimestamp64Nano(position_at) AS position_ns
