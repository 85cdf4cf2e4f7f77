-- An InstrumentationScope.
Tuple(name String, version String, attributes {attributes}, dropped_attributes_count UInt32)
