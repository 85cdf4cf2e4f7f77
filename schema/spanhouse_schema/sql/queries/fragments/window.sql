-- What happened at `position_at` within the window; the lowest and the highest time there are stand for an open end.
position_at BETWEEN fromUnixTimestamp64Nano({since:Int64}) AND fromUnixTimestamp64Nano({until:Int64})
