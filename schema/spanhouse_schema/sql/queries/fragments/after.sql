-- What comes after the last row of the page before; the first page comes after the highest time there is.
-- The first condition follows from the second: it is the one that the primary key and the skip indexes serve.
position_at <= fromUnixTimestamp64Nano({after_at:Int64})
    AND (position_at < fromUnixTimestamp64Nano({after_at:Int64}) OR position_key > {after_key:Array(String)})
